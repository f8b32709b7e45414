// Many people at once, over real sockets to `wrangler dev`.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { Dev, until } from "./dev.ts";
import { RawSocket } from "./raw.ts";

let storage = "";
let dev: Dev;

before(async () => {
  storage = await mkdtemp(path.join(os.tmpdir(), "usher-worker-"));
  dev = await Dev.start(storage, { MAX_PEOPLE: "250" });
});

after(async () => {
  await dev.kill();
  await rm(storage, { recursive: true, force: true });
});

interface Guest {
  readonly userId: string;
  readonly address: string;
  socket: RawSocket;
  token?: string;
}

/** Opens a socket for each guest, some at a time. */
async function open(roomId: string, count: number, addressOf: (i: number) => string): Promise<Guest[]> {
  const guests: Guest[] = [];
  for (let i = 0; i < count; i += 25) {
    const some = Array.from({ length: Math.min(25, count - i) }, async (_, k): Promise<Guest> => {
      const address = addressOf(i + k);
      // As long as a legacy client's ids are.
      return {
        userId: `user-1795000000000-${String(i + k).padStart(9, "0")}`,
        address,
        socket: await RawSocket.open(dev, roomId, `CF-Connecting-IP: ${address}`),
      };
    });
    guests.push(...(await Promise.all(some)));
  }
  return guests;
}

/**
 * What a guest's join was answered by: nothing else reaches a connection without a seat. "" before
 * it came.
 */
function reply({ socket }: Guest): string {
  return socket.frames[0]?.payload.toString() ?? "";
}

/** Sends each guest's join within a second, and waits for the last reply. */
async function join(roomId: string, guests: readonly Guest[], fields: Record<string, unknown>): Promise<void> {
  const began = Date.now();
  for (const [i, { userId, socket, token }] of guests.entries()) {
    await until("its turn", () => Date.now() >= began + (i * 900) / guests.length);
    socket.say({ type: "JOIN_ROOM", roomId, userId, userName: "n".repeat(20), ...fields, ...(token === undefined ? {} : { resumeToken: token }) });
  }
  let waiting = guests;
  await until("all are answered", () => (waiting = waiting.filter((guest) => reply(guest) === "" && !guest.socket.ended)).length === 0);
  assert.deepEqual(
    guests.map(reply).filter((text) => !text.startsWith('{"type":"ROOM_JOINED"')),
    [],
    "all have a seat",
  );
  assert.deepEqual(
    guests.flatMap(({ socket }) => socket.closes),
    [],
    "nobody is closed",
  );
}

/** Makes the room, by a host who is in it from then on. */
async function host(roomId: string, fields: Record<string, unknown>): Promise<void> {
  const socket = await RawSocket.open(dev, roomId, "CF-Connecting-IP: 192.0.2.1");
  await socket.join("CREATE_ROOM", roomId, "host-1", fields);
}

test("249 people join within a second", async (t) => {
  const guests = await open("crowd-room-1", 249, (i) => `10.1.${i >> 8}.${i & 255}`);
  await host("crowd-room-1", { protocol: 1 });
  const began = Date.now();
  await join("crowd-room-1", guests, { protocol: 1 });
  const tookMs = Date.now() - began;
  t.diagnostic(`all were answered ${tookMs} ms after the first asked`);
  assert.ok(tookMs < 15_000, `${tookMs} ms`);
  for (const { socket } of guests) {
    socket.cut();
  }
});

test("fifty legacy clients behind one address join within a second", async (t) => {
  const guests = await open("crowd-room-2", 49, () => "192.0.2.50");
  await host("crowd-room-2", {});
  const began = Date.now();
  await join("crowd-room-2", guests, {});
  const tookMs = Date.now() - began;
  t.diagnostic(`all were answered ${tookMs} ms after the first asked`);
  assert.ok(tookMs < 10_000, `the extension gives up after 10 s; the last waited ${tookMs} ms`);
  for (const { socket } of guests) {
    socket.cut();
  }
});

test("fifty people behind one address reconnect five times in a row", async () => {
  const roomId = "crowd-room-3";
  await host(roomId, { protocol: 1 });
  let guests: readonly Guest[] = await open(roomId, 49, () => "192.0.2.51");
  await join(roomId, guests, { protocol: 1 });
  const tokens = guests.map((guest) => (JSON.parse(reply(guest)) as { resumeToken: string }).resumeToken);
  for (let round = 1; round <= 5; round++) {
    for (const { socket } of guests) {
      socket.cut();
    }
    guests = (await open(roomId, 49, () => "192.0.2.51")).map((guest, i) => ({ ...guest, token: tokens[i] ?? "" }));
    await join(roomId, guests, { protocol: 1 });
  }
});
