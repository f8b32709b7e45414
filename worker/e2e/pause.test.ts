// `wrangler dev` is stopped for longer than any of a room's deadlines, and continued: SIGSTOP,
// docker pause, a laptop that sleeps.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { Client, Dev } from "./dev.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("a stop that is longer than every deadline closes nobody who has been sending, and ends no seat", async () => {
  const storage = await mkdtemp(path.join(os.tmpdir(), "usher-worker-"));
  const dev = await Dev.start(storage, { IDLE_TIMEOUT_MS: "10000", PING_INTERVAL_MS: "1000", SEAT_GRACE_MS: "4000" });
  try {
    const [ann, bob, cem] = (await Promise.all(["ann", "bob", "cem"].map((name) => Client.open(dev, "stopped-room-1", name)))) as [Client, Client, Client];
    await ann.create();
    await bob.join({ protocol: 0 }); // a legacy client
    const token = (await cem.join())["resumeToken"];
    // Ann's PINGs are answered by the platform, Bob's by the room.
    const pings = setInterval(() => {
      ann.raw('{"type":"PING"}');
      bob.say("PING", { timestamp: Date.now() });
    }, 500);
    try {
      cem.close(4000);
      await ann.frame("USER_DISCONNECTED");
      await pause(1000);
      dev.stop();
      await pause(14_000);
      dev.continue();
      const again = await Client.open(dev, "stopped-room-1", "cem");
      assert.partialDeepStrictEqual(await again.join({ resumeToken: token }), { resumed: true, recovered: true });
      await pause(5000); // every deadline comes once more
      assert.deepEqual([ann.closed, bob.closed, again.closed], [undefined, undefined, undefined]);
      for (const client of [ann, bob, again]) {
        assert.deepEqual(
          client.seen.filter(({ type, leftUserId }) => type === "USER_LEFT" && leftUserId !== "cem"),
          [],
          client.userId,
        );
      }
    } finally {
      clearInterval(pings);
    }
  } finally {
    await dev.kill();
    await rm(storage, { recursive: true, force: true });
  }
});
