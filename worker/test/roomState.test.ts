// The object where the platform does not do as it should: storage that throws, Wasm that traps,
// frames that are too large, memory that is taken away.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";

import { Event, frameBytes } from "../src/abi";
import { core } from "../src/core";
import { ask, until } from "./client";
import { objectOf, pair, Person } from "./person";
import { harness } from "./worker";

afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(harness, { nowMs: undefined, settings: undefined, flags: 0, pausedMs: 0, env: {}, secret: new Uint8Array(16) });
});

/** Makes one function of an object's storage throw until it is restored. */
async function breakStorage(roomId: string, name: "put" | "get"): Promise<() => Promise<void>> {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await runInDurableObject(objectOf(roomId), (_, { storage }) => {
    const fail = (): never => {
      throw new Error("Exceeded allowed rows written in Durable Objects free tier.");
    };
    if (name === "get") {
      vi.spyOn(storage.kv, "get").mockImplementation(fail);
      return;
    }
    vi.spyOn(storage.kv, "put").mockImplementation(fail);
    vi.spyOn(storage, "put").mockImplementation(() => Promise.reject(new Error("no")));
  });
  return () => runInDurableObject(objectOf(roomId), () => vi.restoreAllMocks()).then(() => undefined);
}

describe("storage that throws", () => {
  test("a room whose change cannot be stored is given up with 1013, and is afterwards as it was last stored", async () => {
    const { ann, bob, annToken } = await pair("throws-1");
    const restore = await breakStorage("throws-1", "put");
    ann.say("RENAME_ROOM", { newRoomName: "never seen" });
    expect(await ann.client.closedWith()).toBe(1013);
    expect(await bob.client.closedWith()).toBe(1013);
    expect(ann.client.frames("ROOM_RENAMED")).toEqual([]);
    await restore();
    const again = await Person.open("throws-1", "ann");
    await again.join("JOIN_ROOM", { resumeToken: annToken });
    expect(again.client.frames("ROOM_JOINED")[0]).toMatchObject({ resumed: true, recovered: false, roomState: { name: "Room throws-1", hostId: "ann" } });
  });

  test("then what must be stored is refused, returns and relays go on, and it is over when storage is back", async () => {
    const { ann, annToken, bobToken } = await pair("throws-2");
    const restore = await breakStorage("throws-2", "put");
    ann.say("RENAME_ROOM", { newRoomName: "never seen" });
    await ann.client.closedWith();
    const [ann2, bob2, cem] = await Promise.all(["ann", "bob", "cem"].map((user) => Person.open("throws-2", user)));
    await ann2?.join("JOIN_ROOM", { resumeToken: annToken });
    await bob2?.join("JOIN_ROOM", { resumeToken: bobToken });
    bob2?.offer("ann");
    expect(await ann2?.client.frame("WEBRTC_OFFER")).toMatchObject({ userId: "bob" });
    cem?.say("JOIN_ROOM", { userName: "Cem" });
    expect(await cem?.client.frame("ERROR")).toMatchObject({ code: "STORAGE_UNAVAILABLE", retryable: true });
    await restore();
    cem?.say("JOIN_ROOM", { userName: "Cem" });
    await cem?.client.frame("ROOM_JOINED");
    await ann2?.client.frame("USER_JOINED");
  });

  test("a room that cannot be read is not made again", async () => {
    const { ann } = await pair("throws-3");
    await evictDurableObject(objectOf("throws-3"));
    const restore = await breakStorage("throws-3", "get");
    const response = await ask("/rooms/throws-3");
    expect([response.status, await response.json()]).toEqual([503, expect.objectContaining({ code: "STORAGE_UNAVAILABLE", retryable: true })]);
    ann.offer("bob");
    expect(await ann.client.closedWith()).toBe(1013);
    await restore();
    expect(await (await ask("/rooms/throws-3")).json()).toMatchObject({ people: 2 });
  });
});

describe("Wasm that traps", () => {
  /**
   * Makes the next frame claim a length that the module's memory has not got: a real panic of the
   * Go runtime.
   */
  function trapOnNextFrame(): ReturnType<typeof vi.spyOn> {
    vi.spyOn(core(), "putFrame").mockReturnValueOnce(1 << 30);
    return vi.spyOn(console, "error").mockImplementation(() => {});
  }

  test("costs the connection whose frame it was, and all rooms go on from storage in a new instance", async () => {
    const { ann, bob, annToken } = await pair("traps-1");
    const other = await pair("traps-2");
    const before = core();
    const log = trapOnNextFrame();
    ann.offer("bob", "lost");
    expect(await ann.client.closedWith()).toBe(1011);
    expect(await bob.client.frame("USER_DISCONNECTED")).toMatchObject({ leftUserId: "ann", roomState: { hostId: "ann" } });
    expect(core()).not.toBe(before);
    expect(JSON.parse(String(log.mock.calls[0]?.[0]))).toMatchObject({
      message: "the Wasm instance trapped and was dropped",
      stderr: expect.stringContaining("slice bounds out of range"),
    });
    bob.offer("ann", "held");
    const again = await Person.open("traps-1", "ann");
    await again.join("JOIN_ROOM", { resumeToken: annToken });
    expect(await again.client.frame("WEBRTC_OFFER")).toMatchObject({ offer: { sdp: "held" } });
    other.ann.offer("bob", "unharmed");
    expect(await other.bob.client.frame("WEBRTC_OFFER")).toMatchObject({ offer: { sdp: "unharmed" } });
  });

  test("that traps again and again still closes what it must", async () => {
    const { ann, bob } = await pair("traps-3");
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(Object.getPrototypeOf(core()) as ReturnType<typeof core>, "putFrame").mockReturnValue(1 << 30);
    for (const person of [ann, bob]) {
      person.offer("ann");
      expect(await person.client.closedWith()).toBe(1011);
    }
  });
});

describe("frames", () => {
  test("of the largest size pass, larger ones close with 1009 and leave the seat held", async () => {
    const { ann, bob } = await pair("large-1");
    const overhead = JSON.stringify({ type: "WEBRTC_OFFER", roomId: "large-1", userId: "ann", targetUserId: "bob", offer: { type: "offer", sdp: "" } }).length;
    ann.offer("bob", "x".repeat(frameBytes - overhead));
    await bob.client.frame("WEBRTC_OFFER");
    ann.offer("bob", "x".repeat(frameBytes - overhead + 1));
    expect(await ann.client.closedWith()).toBe(1009);
    expect(await bob.client.frame("USER_DISCONNECTED")).toMatchObject({ leftUserId: "ann" });
    bob.client.socket.send("y".repeat(2 << 20)); // over what some platforms take
    expect(await bob.client.closedWith()).toBe(1009);
  });

  test("are counted in bytes and not in characters", async () => {
    const { ann } = await pair("large-2");
    ann.offer("bob", "€".repeat(frameBytes / 2));
    expect(await ann.client.closedWith()).toBe(1009);
  });
});

describe("memory", () => {
  test("a room that the instance had no place for is woken again", async () => {
    const { ann, bob } = await pair("cache-1");
    const step = vi.spyOn(core(), "step").mockReturnValueOnce(false);
    const wake = vi.spyOn(core(), "wake");
    ann.say("RENAME_USER", { newUserName: "Ann" });
    await bob.client.frame("USER_RENAMED");
    expect(wake).toHaveBeenCalledTimes(1);
    expect(step.mock.calls.length).toBeGreaterThan(1);
  });

  test("10 000 steps leave the Wasm memory as it was", async () => {
    harness.settings = "message-rate 1000000\nmessage-burst 1000000\nbyte-burst 1073741824\n";
    const { ann, bob } = await pair("steps-1");
    let sent = bob.client.seen.length;
    const relay = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        ann.offer("bob", "v=0\r\n".repeat(200));
        if (i % 100 === 99 || i === count - 1) {
          sent += (i % 100) + 1;
          await until(
            () => bob.client.seen.length === sent,
            () => `${bob.client.seen.length} of ${sent}`,
          );
        }
      }
    };
    await relay(1000);
    const before = core().memoryBytes;
    await relay(9000);
    for (let i = 0; i < 20; i++) {
      await (await ask("/rooms/steps-1")).text(); // only an object that is there can be evicted
      await evictDurableObject(objectOf("steps-1"));
      await relay(10);
    }
    expect(core().memoryBytes).toBe(before);
  });
});

test("settings out of their bounds are an error that the log explains", async () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  harness.env = { IDLE_TIMEOUT_MS: "1" };
  expect(await (await ask("/rooms/settings-1")).json()).toMatchObject({ code: "INTERNAL" });
  expect(log.mock.calls.map(([line]) => String(line)).join()).toContain("idle-timeout must be 10000 to 86400000, not 1");
});

test("an address that has made too many rooms may join, but not create", async () => {
  const limit = vi.fn(async () => ({ success: false }));
  const { ann } = await pair("limited-1");
  harness.env = { ROOMS_LIMIT: { limit } };
  const creator = await Person.open("limited-2", "cem");
  await evictDurableObject(objectOf("limited-2")); // it is remembered by the socket
  creator.say("CREATE_ROOM", { userName: "Cem" });
  expect(await creator.client.frame("ERROR")).toMatchObject({ code: "TOO_MANY_ROOMS", retryable: true });
  await evictDurableObject(objectOf("limited-1"));
  const guest = await Person.open("limited-1", "cem");
  await guest.join("JOIN_ROOM");
  await ann.client.frame("USER_JOINED", 2);
  expect(limit).toHaveBeenCalledTimes(1);
});

test("a step that the core does not know is no step", () => {
  expect(core().step(0, Event.alarm, 0, 0, 0, 0, 0, {} as never)).toBe(false);
});
