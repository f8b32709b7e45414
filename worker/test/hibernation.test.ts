// The object that is dropped from memory, or does not run, while its sockets stay; and what it
// leaves behind.

import { pingFrame, pongFrame } from "@usher/types";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";

import { core } from "../src/core";
import { ask, until } from "./client";
import { objectOf, pair, Person } from "./person";
import { harness } from "./worker";

afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(harness, { nowMs: undefined, settings: undefined, flags: 0, pausedMs: 0, env: {}, secret: new Uint8Array(16) });
});

describe("hibernation", () => {
  test("the SDK's ping is answered without the room, and proves life", async () => {
    harness.settings = "idle-timeout 10000\nping-interval 1000\n";
    const { ann, bob } = await pair("pings-1");
    const opened = Date.now();
    await until(
      () => Date.now() > opened + 100,
      () => "100 ms",
    );
    await evictDurableObject(objectOf("pings-1"));
    const { frames, made } = harness;
    ann.client.socket.send(pingFrame);
    await until(
      () => ann.client.seen.at(-1) === pongFrame,
      () => "the platform's PONG",
    );
    expect([harness.frames, harness.made]).toEqual([frames, made]);
    // Bob, who has said nothing since before `opened`, is due; ann is not.
    harness.nowMs = opened + 10_050;
    await runDurableObjectAlarm(objectOf("pings-1"));
    expect(await bob.client.closedWith()).toBe(4008);
    expect(await ann.client.frame("USER_DISCONNECTED")).toMatchObject({ leftUserId: "bob" });
    // It does so again when the room is woken from what was kept before the ping.
    vi.spyOn(core(), "describe").mockReturnValueOnce(undefined);
    await (await ask("/rooms/pings-1")).text();
    harness.nowMs += 20;
    await runDurableObjectAlarm(objectOf("pings-1"));
    ann.say("PING");
    await ann.client.frame("PONG", 2); // the first was the platform's
  });

  describe("a late alarm", () => {
    /**
     * bob's seat is held for 40 s, and the object does not run from 30 s after that on, for an
     * hour.
     */
    async function pause(roomId: string): Promise<{ ann: Person; bobToken: string }> {
      harness.nowMs = Date.now();
      const { ann, bob, bobToken } = await pair(roomId);
      bob.client.socket.close(4000);
      await ann.client.frame("USER_DISCONNECTED");
      harness.nowMs += 30_000;
      ann.say("PING");
      await ann.client.frame("PONG");
      harness.nowMs += 3_600_000;
      return { ann, bobToken };
    }

    async function alarm(roomId: string): Promise<void> {
      expect(await runDurableObjectAlarm(objectOf(roomId))).toBe(true);
    }

    test.each([
      ["the object is in memory", "late-1", false],
      ["the object was dropped from memory", "late-2", true],
    ])("ends no grace and closes nobody, if %s", async (_, roomId, evicted) => {
      const { ann } = await pause(roomId);
      if (evicted) {
        await evictDurableObject(objectOf(roomId));
      }
      await alarm(roomId);
      ann.say("PING");
      await ann.client.frame("PONG", 2);
      expect(ann.client.frames("USER_LEFT")).toEqual([]);
      harness.nowMs = (harness.nowMs ?? 0) + 1000; // what has arrived is read by then
      await alarm(roomId);
      expect(await ann.client.frame("USER_LEFT")).toMatchObject({ leftUserId: "bob" });
    });

    test.each([
      ["and the alarm comes at once", "late-3", false],
      ["and the object is dropped from memory before the alarm comes", "late-4", true],
    ])("comes after a frame that was waiting, %s", async (_, roomId, evicted) => {
      const { ann, bobToken } = await pause(roomId);
      ann.say("PING");
      await ann.client.frame("PONG", 2);
      if (evicted) {
        await evictDurableObject(objectOf(roomId));
      }
      await alarm(roomId);
      const again = await Person.open(roomId, "bob");
      await again.join("JOIN_ROOM", { resumeToken: bobToken });
      expect(again.client.frames("ROOM_JOINED")[0]).toMatchObject({ resumed: true, recovered: true });
      expect(ann.client.frames("USER_LEFT")).toEqual([]);
    });

    test("of a room whose sockets have all ended meanwhile begins a whole grace", async () => {
      const { bobToken } = await pause("late-5");
      await (await ask("/rooms/late-5")).text();
      await evictDurableObject(objectOf("late-5"), { webSockets: "close" });
      await alarm("late-5");
      harness.nowMs = (harness.nowMs ?? 0) + 39_000;
      const again = await Person.open("late-5", "bob");
      await again.join("JOIN_ROOM", { resumeToken: bobToken });
      expect(again.client.frames("ROOM_JOINED")[0]).toMatchObject({ resumed: true, roomState: { hostId: "ann" } });
    });
  });

  test("a room that has ended leaves nothing in storage", async () => {
    const { ann, bob } = await pair("leaves-1");
    const left = (): Promise<[number, number | null]> =>
      runInDurableObject(objectOf("leaves-1"), async (_, { storage }) => [(await storage.list()).size, await storage.getAlarm()]);
    expect(await left()).toEqual([1, expect.any(Number)]);
    ann.say("LEAVE_ROOM");
    bob.say("LEAVE_ROOM");
    expect([await ann.client.closedWith(), await bob.client.closedWith()]).toEqual([1000, 1000]);
    expect(await left()).toEqual([0, null]);
  });
});
