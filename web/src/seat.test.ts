import assert from "node:assert/strict";
import { test } from "node:test";

import { SeatClaim, tabStore } from "./seat.ts";

const ways: [way: string, locks: LockManager | undefined][] = [["by locks", navigator.locks], ["by asking", undefined]];

for (const [way, locks] of ways) {
  test(`one tab at a time has a seat (${way})`, async () => {
    const [original, duplicate, reloaded] = [new SeatClaim(false, locks), new SeatClaim(false, locks), new SeatClaim(true, locks)];
    const id = `user-${way}`;
    assert.equal(await original.take(id), true);
    assert.equal(await original.take(id), true, "it has it already");
    assert.equal(await duplicate.take(id), false);
    assert.equal(await duplicate.take(`${id}-2`), true, "another seat");
    original.release();
    assert.equal(await reloaded.take(id), true, "a reload: the tab itself");
    assert.equal(await original.take(id), false);
    reloaded.release();
    duplicate.release();
  });
}

test("locks that are refused keep nobody from a seat", async () => {
  const refusing = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) } as unknown as LockManager;
  assert.equal(await new SeatClaim(false, refusing).take("ann"), true);
});

test("a browser that blocks site data costs the memory of the seat only", async () => {
  const seat = { roomId: "room-1", userId: "ann", userName: "Ann", resumeToken: "secret" };
  Object.defineProperty(globalThis, "sessionStorage", { configurable: true, get: () => { throw new DOMException("denied", "SecurityError"); } });
  const store = tabStore();
  await store.save(seat);
  assert.deepEqual(await store.load(), seat);
});
