// The WebSocket below the client: addresses, ids, and everything that can go wrong without a word.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";

import { memoryStore, RoomClient, RoomError, type StoredSeat } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { errorOf, replace } from "./platform.ts";
import { ScriptedServer, seatToken } from "./scripted.ts";

const seat: StoredSeat = { roomId: "room-1", userId: "ann", userName: "Ann", resumeToken: seatToken };

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Puts a class in the place of WebSocket that throws, and gives back the real one. */
function breakWebSocket(error: unknown): typeof WebSocket {
  const real = globalThis.WebSocket;
  class Broken {
    static readonly OPEN = 1;
    constructor() {
      throw error;
    }
  }
  replace("WebSocket", Broken);
  return real;
}

test("the server's address", () => {
  const rows: [address: string, opened: string][] = [
    ["ws://localhost:8787/ws", "ws://localhost:8787/ws"],
    ["wss://example.org/rooms/x/ws", "wss://example.org/rooms/x/ws"],
    ["http://localhost:8787/ws", "ws://localhost:8787/ws"],
    ["https://example.org/ws", "wss://example.org/ws"],
    ["ws://localhost:8787/ws#room-1", "ws://localhost:8787/ws"],
    ["HTTPS://EXAMPLE.ORG/ws", "wss://example.org/ws"],
  ];
  const opened: string[] = [];
  class Socket extends EventTarget {
    constructor(url: string | URL) {
      super();
      opened.push(String(url));
    }
    close(): void {}
  }
  replace("WebSocket", Socket);
  const openedBy = (url: string): string | undefined => {
    const client = new RoomClient({ url });
    client.create({ userName: "Ann", roomId: "room-1" }).catch(() => undefined);
    client.close();
    return opened.pop()?.replace("?roomId=room-1", "");
  };
  for (const [address, url] of rows) {
    assert.equal(openedBy(address), url, address);
  }
  for (const address of [
    "/ws",
    "ws",
    "",
    "localhost:8787/ws",
    "example.org/ws",
    "ftp://example.org/ws",
    "file:///ws",
    "ws://",
    "ws://exa mple.org/",
    "javascript:alert(1)",
  ]) {
    assert.throws(
      () => new RoomClient({ url: address }),
      (error) => error instanceof RoomError && error.code === "INVALID_URL" && (error.details ?? "").includes(address),
      address,
    );
  }
  replace("location", { href: "https://example.org/cinema/index.html?x#room-1" });
  assert.equal(openedBy("/ws"), "wss://example.org/ws");
  assert.equal(openedBy("ws"), "wss://example.org/cinema/ws");
  assert.throws(() => new RoomClient({ url: "localhost:8787/ws" }), "a host without a scheme is not a path");
});

test("a malformed id is refused before anything connects", async (t) => {
  const server = await ScriptedServer.start();
  t.after(() => server.close());
  const rows: [rule: string, ids: { roomId?: unknown; userId?: unknown }, code: string][] = [
    ["a short room id", { roomId: "room" }, "INVALID_ROOM_ID"],
    ["an empty one", { roomId: "" }, "INVALID_ROOM_ID"],
    ["a long one", { roomId: "r".repeat(51) }, "INVALID_ROOM_ID"],
    ["one with a full stop", { roomId: "room-1." }, "INVALID_ROOM_ID"],
    ["one with a line's end", { roomId: "room-1\n" }, "INVALID_ROOM_ID"],
    ["one that is no text", { roomId: 1234567 }, "INVALID_ROOM_ID"],
    ["none", { roomId: null }, "INVALID_ROOM_ID"],
    ["an empty user id", { userId: "" }, "INVALID_USER_ID"],
    ["a long one", { userId: "u".repeat(65) }, "INVALID_USER_ID"],
    ["one with a space", { userId: "ann bee" }, "INVALID_USER_ID"],
    ["the server's own", { userId: "system" }, "INVALID_USER_ID"],
    ["one that is no text", { userId: {} }, "INVALID_USER_ID"],
  ];
  for (const [rule, ids, code] of rows) {
    const request = { roomId: "room-1", userName: "Ann", ...ids } as { roomId: string; userName: string };
    for (const call of ["create", "join"] as const) {
      const client = new RoomClient({ url: server.url });
      const error = await errorOf(client[call](request));
      assert.equal(error.code, code, `${call}, ${rule}`);
      assert.equal(client.status.state, "idle", `${call}, ${rule}`);
    }
  }
  for (const nothing of [undefined, null, 7]) {
    assert.equal((await errorOf(new RoomClient({ url: server.url }).join(nothing as never))).code, "INVALID_ROOM_ID", "nothing throws");
  }
  // What is stored and is no seat is none.
  for (const broken of [{ ...seat, roomId: "room" }, { ...seat, userId: "" }, { ...seat, resumeToken: undefined }, null, "seat"]) {
    const store = { ...memoryStore(), load: () => Promise.resolve(broken as unknown as StoredSeat) };
    assert.equal(await new RoomClient({ url: server.url, store }).resume(), undefined, JSON.stringify(broken));
  }
  await pause(50);
  assert.equal(server.links.length, 0);
});

test("a WebSocket that cannot be made is an error of create and join", async () => {
  for (const thrown of [new DOMException("The operation is insecure.", "SecurityError"), new ReferenceError("WebSocket is not defined")]) {
    breakWebSocket(thrown);
    for (const call of ["create", "join"] as const) {
      const client = new RoomClient({ url: "ws://127.0.0.1:1/ws" });
      const states: string[] = [];
      client.on("status", ({ state }) => states.push(state));
      const error = await errorOf(client[call]({ userName: "Ann", roomId: "room-1" }));
      assert.equal(error.code, "SERVER_UNREACHABLE");
      assert.equal(error.cause, thrown);
      assert.deepEqual(states, ["connecting", "ended"]);
      assert.ok(client.status.state === "ended" && client.status.error === error);
    }
  }
});

test("and one more failed attempt during a reconnect", async (t) => {
  const server = await ScriptedServer.start();
  t.after(() => server.close());
  const client = new RoomClient({ url: server.url });
  t.after(() => client.close());
  await client.create({ userName: "Ann" });
  const real = breakWebSocket(new Error("no"));
  const attempts: number[] = [];
  client.on("status", (status) => status.state === "waiting" && attempts.push(status.attempt));
  (await server.link(0)).cut();
  await until("two attempts have failed", () => attempts.includes(3));
  assert.deepEqual(attempts.slice(0, 3), [1, 2, 3]);
  globalThis.WebSocket = real;
  await until("it is seated", () => client.status.state === "seated");
});

test("a store that has a seat waits for a platform whose WebSocket throws", async () => {
  breakWebSocket(new Error("no"));
  const client = new RoomClient({ url: "ws://127.0.0.1:1/ws", store: { ...memoryStore(), load: () => Promise.resolve(seat) } });
  const resumed = errorOf(client.resume());
  await until("it waits", () => client.status.state === "waiting");
  client.close();
  assert.equal((await resumed).code, "ABORTED");
});

test("a refused connection is a failed attempt at once", async (t) => {
  const url = `ws://127.0.0.1:${await deadPort()}/ws`;
  const error = await errorOf(new RoomClient({ url }).create({ userName: "Ann" }));
  assert.equal(error.code, "SERVER_UNREACHABLE");
  assert.equal(error.retryable, true);
  assert.notEqual(error.cause, undefined);

  // 10 s are what an attempt may take: two that had to be waited for would be too late for this.
  const client = new RoomClient({ url, store: { ...memoryStore(), load: () => Promise.resolve(seat) } });
  t.after(() => client.close());
  client.resume().catch(() => undefined);
  await until("three attempts have failed", () => client.status.state === "waiting" && client.status.attempt === 3, 9000);
});

test("an error without a close is an ending, and one with a close is not two", async () => {
  const sockets: EventTarget[] = [];
  class Socket extends EventTarget {
    readonly readyState = 0;
    constructor() {
      super();
      sockets.push(this);
    }
    close(): void {
      throw new Error("closed already");
    }
  }
  replace("WebSocket", Socket);
  const rows: Record<string, (socket: EventTarget) => void> = {
    "error": (socket) => void socket.dispatchEvent(Object.assign(new Event("error"), { error: new Error("refused") })),
    "error, close": (socket) => {
      socket.dispatchEvent(Object.assign(new Event("error"), { error: new Error("refused") }));
      socket.dispatchEvent(Object.assign(new Event("close"), { code: 1006 }));
    },
    "error, error, close, close": (socket) => {
      for (const type of ["error", "error", "close", "close"]) {
        socket.dispatchEvent(Object.assign(new Event(type), { code: 1006, error: new Error("refused") }));
      }
    },
  };
  for (const [rule, fire] of Object.entries(rows)) {
    const client = new RoomClient({ url: "ws://127.0.0.1:1/ws", store: { ...memoryStore(), load: () => Promise.resolve(seat) } });
    const waits: number[] = [];
    client.on("status", (status) => status.state === "waiting" && waits.push(status.attempt));
    client.resume().catch(() => undefined);
    await until("a socket", () => sockets.length > 0);
    fire(sockets.pop() as EventTarget);
    await until(`it waits after ${rule}`, () => waits.length > 0);
    assert.deepEqual(waits, [1], rule);
    client.close();
  }
});

test("a connection that is lost before the reply", async (t) => {
  const server = await ScriptedServer.start();
  t.after(() => server.close());
  const rows: [rule: string, reply: (link: { cut(): void; close(code: number): void }) => void, code: string, details: string][] = [
    ["without a word", (link) => link.cut(), "CONNECTION_LOST", "1006"],
    ["with a code that asks to try again", (link) => link.close(1013), "CONNECTION_LOST", "1013"],
    ["because the room has ended", (link) => link.close(4004), "ROOM_ENDED", "4004"],
    ["for good", (link) => link.close(4001), "CLOSED", "4001"],
  ];
  for (const [rule, reply, code, details] of rows) {
    server.replies = { CREATE_ROOM: reply };
    const error = await errorOf(new RoomClient({ url: server.url }).create({ userName: "Ann" }));
    assert.deepEqual([error.code, error.details], [code, details], rule);
    assert.notEqual(error.cause, undefined, rule);
  }
});

test("the server's refusal is the error's cause", async (t) => {
  const server = await ScriptedServer.start();
  t.after(() => server.close());
  server.replies = { JOIN_ROOM: (link, frame) => link.refuse(frame, "ROOM_FULL", { retryable: true, details: "50" }) };
  const client = new RoomClient({ url: server.url });
  const error = await errorOf(client.join({ roomId: "room-1", userName: "Ann" }));
  assert.deepEqual([error.code, error.details, error.retryable], ["ROOM_FULL", "50", true]);
  assert.equal((error.cause as { code: string }).code, "ROOM_FULL");
});

test("a room that takes its time is waited for as long as its server lives", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const server = await ScriptedServer.start();
  server.replies = { JOIN_ROOM: () => undefined };
  const client = new RoomClient({ url: server.url });
  const joined = errorOf(client.join({ roomId: "room-1", userName: "Ann" }));
  const tick = async (ms: number): Promise<void> => {
    t.mock.timers.tick(ms);
    for (let n = 0; n < 50; n++) {
      await new Promise((resolve) => setImmediate(resolve)); // frames come and go
    }
  };
  for (let n = 0; n < 20 && server.links[0]?.received.length === undefined; n++) {
    await tick(0);
  }
  for (let seconds = 0; seconds < 25; seconds += 5) {
    assert.equal(client.status.state, "connecting", `after ${seconds} s`);
    await tick(5000);
  }
  assert.ok((server.links[0]?.types.filter((type) => type === "PING").length ?? 0) >= 4);
  await tick(6000);
  assert.equal((await joined).code, "TIMED_OUT");
  t.mock.timers.reset();
  await server.close();
});
