// The page's scenes in Firefox, and with Firefox and Chromium in one room: each scene once on each shell, in one of the two casts by turns.
// USHER_CASTS=all plays every scene in both on both.

import { describe, test } from "node:test";

import type { Engine } from "./browser.ts";
import { pageScenes, perform } from "./pageScenes.ts";
import { scene } from "./scene.ts";
import { shells } from "./server.ts";

const casts: readonly (readonly Engine[])[] = [["firefox"], ["firefox", "chromium"], ["chromium", "firefox"]];
const isWhole = process.env["USHER_CASTS"] === "all";

describe("two scenes at a time", { concurrency: 2 }, () => {
  for (const [s, shell] of shells.entries()) {
    for (const [n, { what, play, settings }] of pageScenes.entries()) {
      // Firefox alone on one shell, mixed on the other; of the mixed casts either begins.
      const mixed = 1 + (Math.floor(n / 2) % 2);
      for (const cast of isWhole ? casts : [casts[(n + s) % 2 === 0 ? 0 : mixed] ?? []]) {
        test(`${shell}, ${cast.join(" and ")}: ${what}`, () =>
          scene(
            shell,
            (set) => {
              set.cast = cast;
              return perform(set, shell, play);
            },
            settings?.[shell],
          ));
      }
    }
  }
});
