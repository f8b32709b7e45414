// The object where the platform does not do as it should: storage that throws, Wasm that traps, frames that are too large,
// memory that is taken away; and what it leaves behind.

import { pingFrame, pongFrame } from "@usher/types";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";

import { Event, inputBytes } from "../src/abi";
import { core } from "../src/core";
import { ask, Client, until } from "./client";
import { harness } from "./worker";

afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(harness, { nowMs: undefined, settings: undefined, flags: 0, pausedMs: 0, env: {}, secret: new Uint8Array(16) });
});

/** A client of a room. */
class Person {
  private constructor(
    readonly client: Client,
    readonly roomId: string,
    readonly userId: string,
  ) {}

  static async open(roomId: string, userId: string): Promise<Person> {
    crypto.getRandomValues(harness.secret);
    return new Person(await Client.open(`/ws?roomId=${roomId}`), roomId, userId);
  }

  say(type: string, fields: Record<string, unknown> = {}): void {
    this.client.say(type, { roomId: this.roomId, userId: this.userId, ...fields });
  }

  /** Takes a seat and returns the token. */
  async join(type: "CREATE_ROOM" | "JOIN_ROOM", fields: Record<string, unknown> = {}): Promise<string> {
    this.say(type, { userName: this.userId, protocol: 1, ...fields });
    const answer = await this.client.frame(type === "CREATE_ROOM" ? "ROOM_CREATED" : "ROOM_JOINED");
    return answer["resumeToken"] as string;
  }

  offer(to: string, sdp = "v=0"): void {
    this.say("WEBRTC_OFFER", { targetUserId: to, offer: { type: "offer", sdp } });
  }
}

/** Two people in a room, the first its host. */
async function pair(roomId: string): Promise<{ ann: Person; bob: Person; annToken: string; bobToken: string }> {
  const ann = await Person.open(roomId, "ann");
  const annToken = await ann.join("CREATE_ROOM");
  const bob = await Person.open(roomId, "bob");
  const bobToken = await bob.join("JOIN_ROOM");
  return { ann, bob, annToken, bobToken };
}

function objectOf(roomId: string): DurableObjectStub {
  return env.ROOM.getByName(roomId);
}

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

  test("a room that cannot be read is not made anew", async () => {
    const { ann } = await pair("throws-3");
    await evictDurableObject(objectOf("throws-3"));
    const restore = await breakStorage("throws-3", "get");
    const answer = await ask("/rooms/throws-3");
    expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining({ code: "STORAGE_UNAVAILABLE", retryable: true })]);
    ann.offer("bob");
    expect(await ann.client.closedWith()).toBe(1013);
    await restore();
    expect(await (await ask("/rooms/throws-3")).json()).toMatchObject({ people: 2 });
  });
});

describe("Wasm that traps", () => {
  /** Makes the next frame claim a length that the module's memory has not got: a real panic of the Go runtime. */
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
    ann.offer("bob", "x".repeat(inputBytes - overhead));
    await bob.client.frame("WEBRTC_OFFER");
    ann.offer("bob", "x".repeat(inputBytes - overhead + 1));
    expect(await ann.client.closedWith()).toBe(1009);
    expect(await bob.client.frame("USER_DISCONNECTED")).toMatchObject({ leftUserId: "ann" });
    bob.client.socket.send("y".repeat(2 << 20)); // over what some platforms take
    expect(await bob.client.closedWith()).toBe(1009);
  });

  test("are counted in bytes and not in characters", async () => {
    const { ann } = await pair("large-2");
    ann.offer("bob", "€".repeat(inputBytes / 2));
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
          await until(() => bob.client.seen.length === sent, () => `${bob.client.seen.length} of ${sent}`);
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

describe("hibernation", () => {
  test("the SDK's ping is answered without the room, and proves life", async () => {
    harness.settings = "idle-timeout 10000\nping-interval 1000\n";
    const { ann, bob } = await pair("pings-1");
    const opened = Date.now();
    await until(() => Date.now() > opened + 100, () => "100 ms");
    await evictDurableObject(objectOf("pings-1"));
    const { frames, made } = harness;
    ann.client.socket.send(pingFrame);
    await until(() => ann.client.seen.at(-1) === pongFrame, () => "the platform's PONG");
    expect([harness.frames, harness.made]).toEqual([frames, made]);
    harness.nowMs = opened + 10_050; // bob, who has said nothing since before `opened`, is due; ann is not
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
    /** bob's seat is held for 40 s, and the object does not run from 30 s after that on, for an hour. */
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
