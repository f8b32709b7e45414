// The page's scenes in Firefox, and with Firefox and Chromium in one room. A Firefox costs several
// times what a Chromium does, so test/run has only three of these (firefox-short), and `npm run
// firefox` all. They run one at a time, and each scene is played once, with a different cast and
// shell in turn.
// USHER_CASTS=all plays every scene with every cast on every shell.

import { describe, test } from "node:test";

import type { Engine } from "../browser.ts";
import { pageScenes, perform } from "../pageScenes.ts";
import { scene } from "../scene.ts";
import { settingsOf, shells, type Shell } from "../server.ts";

const casts: readonly (readonly Engine[])[] = [["firefox"], ["firefox", "chromium"], ["chromium", "firefox"]];
const isWhole = process.env["USHER_CASTS"] === "all";

/** The element whose turn it is. */
function turn<T>(of: readonly T[], n: number): T[] {
  return of.slice(n % of.length, (n % of.length) + 1);
}

function castAndShells(n: number): { cast: readonly Engine[]; shell: Shell }[] {
  return (isWhole ? casts : turn(casts, n)).flatMap((cast) => (isWhole ? shells : turn(shells, n)).map((shell) => ({ cast, shell })));
}

describe("one scene at a time", () => {
  for (const [n, { what, play, settings }] of pageScenes.entries()) {
    for (const { cast, shell } of castAndShells(n)) {
      const performed = (): Promise<void> =>
        scene(
          shell,
          (set) => {
            set.cast = cast;
            return perform(set, shell, play);
          },
          settingsOf(shell, settings),
        );
      test(`${shell}, ${cast.join(" and ")}: ${what}`, performed);
    }
  }
});
