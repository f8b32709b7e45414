// People with the legacy client lose their connections in every way. The scenes run side by side on
// both shells, because they mostly wait.
//
// ROUNDS=20 plays each scene 20 times, one round after another, and prints how many rounds passed:
// `npm run legacy`.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { scene, sharedScene } from "../scene.ts";
import { shells } from "../server.ts";
import { legacyScenes } from "./scenes.ts";

const rounds = Number(process.env["ROUNDS"] ?? 1);
/** On a busy machine, most of this time is the wait for the stage. */
const timeout = rounds * 400_000;

interface Row {
  scene: string;
  shell: string;
  passed: number;
  of: number;
}

const rows: Row[] = [];

describe("legacy clients", { concurrency: true, timeout }, () => {
  for (const { what, play, hasOwnServer = false } of legacyScenes) {
    for (const shell of shells.toReversed()) {
      const row: Row = { scene: what, shell, passed: 0, of: 0 };
      rows.push(row);
      test(`${shell}: ${what}`, { timeout }, async () => {
        while (row.of < rounds) {
          row.of++;
          try {
            await (hasOwnServer ? scene(shell, play) : sharedScene(shell, play));
            row.passed++;
          } catch (error) {
            console.error(`${shell}: ${what}, round ${row.of}: ${String(error)}`);
          }
        }
        assert.equal(row.passed, rounds);
      });
    }
  }
});

after(() => {
  if (rounds > 1) {
    console.table(rows);
  }
});
