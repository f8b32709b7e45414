// The demo page in Chromium, one process for each person, against the shells.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { together } from "./film.ts";
import { arrive, pageScenes, perform, type Play } from "./pageScenes.ts";
import { scene } from "./scene.ts";
import { settingsOf, shells } from "./server.ts";
import { allDirect, gather, type Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

/**
 * The promised times in ms, on a machine that does nothing else: asserted with USHER_TIMED=1,
 * otherwise only printed. workerd needs several seconds just to start, so only a native server is
 * held to them.
 */
const isTimed = process.env["USHER_TIMED"] === "1";
const backMs = 3000;
const openMs = 1000;
/** How often a page is opened for the median; odd. */
const rounds = 7;

/** These scenes need the machine to themselves because they are timed. */
function alone(what: string, play: Play): void {
  for (const shell of shells) {
    test(`${shell}: ${what}`, () => scene(shell, (set) => perform(set, shell, play)));
  }
}

describe("two scenes at a time", { concurrency: 2 }, () => {
  for (const shell of shells) {
    for (const { what, play, settings } of pageScenes) {
      test(`${shell}: ${what}`, () => scene(shell, (set) => perform(set, shell, play), settingsOf(shell, settings)));
    }
  }
});

alone("six people, and the server is killed", async (set, shell) => {
  const visitors = await arrive(set, 6);
  const [ann] = visitors as [Visitor];
  const roomId = await gather(visitors);
  await ann.play();
  await together(visitors, false);
  const ids = await Promise.all(visitors.map((visitor) => visitor.userId()));
  const seats = visitors.map((visitor) => visitor.page.evaluate(watchSeat));
  const killedMs = performance.timeOrigin + performance.now();
  await set.server.kill(roomId);
  const statuses = (): Promise<(string | null)[]> => Promise.all(visitors.map((visitor) => visitor.status()));
  await until("all have noticed", async () => (await statuses()).every((status) => status !== "seated"));
  await set.server.restart();
  const tookMs = Math.max(...(await Promise.all(seats))) - killedMs;
  console.log(`   all six are seated ${Math.round(tookMs)} ms after the kill`);
  if (isTimed && shell === "native") {
    assert.ok(tookMs <= backMs, `${tookMs} ms`);
  }
  assert.deepEqual(await Promise.all(visitors.map((visitor) => visitor.userId())), ids);
  await together(visitors, false);
  await allDirect(visitors);
  assert.equal(await ann.isHost(), true);
  await ann.pause();
  await together(visitors, true);
});

alone("from opening the page to an open data channel", async (set, shell) => {
  const [ann, bob] = (await arrive(set, 2)) as [Visitor, Visitor];
  const roomId = await ann.create();
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await bob.page.goto("about:blank"); // or the link would only change the fragment
    const began = performance.now();
    await bob.join(roomId);
    await bob.hasOpenChannels(1);
    took.push(performance.now() - began);
    await bob.leave();
    await ann.sees({});
  }
  took.sort((a, b) => a - b);
  console.log(`   open data channel after ${took.map((ms) => Math.round(ms)).join(", ")} ms`);
  if (isTimed && shell === "native") {
    const median = took[(rounds - 1) / 2] ?? Infinity;
    assert.ok(median < openMs, `median ${median} ms`);
  }
});

/**
 * Runs in the page: resolves with the time at which the page has its seat again after losing it, by
 * the machine's clock.
 */
function watchSeat(): Promise<number> {
  return new Promise((resolve) => {
    const main = document.querySelector("main") as HTMLElement;
    let isLost = false;
    new MutationObserver((_, observer) => {
      const isSeated = main.dataset["status"] === "seated";
      if (isLost && isSeated) {
        observer.disconnect();
        resolve(performance.timeOrigin + performance.now());
      }
      isLost ||= !isSeated;
    }).observe(main, { attributes: true });
  });
}
