// The delivery of offers, answers and candidates between two mesh sides over sockets that lose
// frames.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Delivery, type PeerSignal } from "../dist/delivery.js";
import type { Outgoing } from "../dist/signaling.js";

const candidate = (text: string): Outgoing => ({ type: "WEBRTC_ICE_CANDIDATE", targetUserId: "bob", candidate: { candidate: text } });
const arrived = (frame: Outgoing): PeerSignal => ({ ...frame, userId: "ann", roomId: "room-1", timestamp: 0 }) as PeerSignal;
const texts = (ready: PeerSignal[] | "restarted"): unknown =>
  ready === "restarted" ? ready : ready.map((signal) => (signal.type === "WEBRTC_ICE_CANDIDATE" ? signal.candidate.candidate : signal.type));

test("what was lost comes again, once and in order", () => {
  const [ann, bob] = [new Delivery(), new Delivery()];
  const [first, , third] = ["1", "2", "3"].map((text) => ann.mark(candidate(text))) as [Outgoing, Outgoing, Outgoing];
  assert.deepEqual(texts(bob.receive(arrived(first))), ["1"]);
  assert.deepEqual(texts(bob.receive(arrived(third))), [], "the second is missing");
  assert.deepEqual(
    ann.unacknowledged().flatMap((frame) => texts(bob.receive(arrived(frame)))),
    ["2", "3"],
  );
});

test("an answer acknowledges what has come", () => {
  const [ann, bob] = [new Delivery(), new Delivery()];
  bob.receive(arrived(ann.mark(candidate("1"))));
  ann.mark(candidate("lost"));
  assert.deepEqual(texts(ann.receive(arrived(bob.mark(candidate("back"))))), ["back"]);
  assert.deepEqual(
    ann.unacknowledged().map((frame) => frame.mesh?.seq),
    [2],
  );
});

test("a peer that has started over is noticed, and what is for the old session is not taken for the new one's", () => {
  const [ann, bob] = [new Delivery(), new Delivery()];
  bob.receive(arrived(ann.mark(candidate("1"))));
  ann.receive(arrived(bob.mark(candidate("2"))));
  const late = bob.mark(candidate("late"));
  const newAnn = new Delivery();
  assert.deepEqual(texts(newAnn.receive(arrived(late))), [], "for the Ann before");
  assert.equal(bob.receive(arrived(newAnn.mark(candidate("1")))), "restarted");
});

test("the first frame of a session must come first", () => {
  const [ann, bob] = [new Delivery(), new Delivery()];
  const [first, second] = [ann.mark(candidate("1")), ann.mark(candidate("2"))];
  assert.deepEqual(texts(bob.receive(arrived(second))), []);
  assert.deepEqual(texts(bob.receive(arrived(first))), ["1"]);
  assert.deepEqual(texts(bob.receive(arrived(second))), ["2"]);
});

test("another client's frames have no marks and pass", () => {
  assert.deepEqual(texts(new Delivery().receive(arrived(candidate("1")))), ["1"]);
});

test("over random losses and reconnections every frame is handled once and in order", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = mulberry(seed);
  for (let round = 0; round < 300; round++) {
    const sides = [new Delivery(), new Delivery()] as const;
    const sent: [number, number] = [0, 0];
    const handled: [string[], string[]] = [[], []];
    const deliver = (frame: Outgoing, to: 0 | 1): void => {
      const ready = sides[to].receive(arrived(frame));
      assert.notEqual(ready, "restarted");
      handled[to].push(...(texts(ready) as string[]));
    };
    for (let step = 0; step < 60; step++) {
      const from = random() < 0.5 ? 0 : 1;
      const to = from === 0 ? 1 : 0;
      if (random() < 0.15) {
        for (const frame of sides[from].unacknowledged()) {
          deliver(frame, to); // a reconnection
        }
      } else {
        const frame = sides[from].mark(candidate(`${++sent[from]}`));
        if (random() < 0.7) {
          deliver(frame, to);
        }
      }
    }
    for (const from of [0, 1] as const) {
      const to = from === 0 ? 1 : 0;
      for (const frame of sides[from].unacknowledged()) {
        deliver(frame, to);
      }
      assert.deepEqual(
        handled[to],
        Array.from({ length: sent[from] }, (_, n) => `${n + 1}`),
        `SEED=${seed}, round ${round}`,
      );
    }
  }
});

/** A small random source that a seed repeats (mulberry32, public domain). */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
