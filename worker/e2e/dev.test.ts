// The server of the README's Cloudflare part: `wrangler dev`, real sockets, real hibernation after
// ten idle seconds, and its death.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { Client, Dev, until } from "./dev.ts";
import { Opcode, RawSocket } from "./raw.ts";

const pingFrame = '{"type":"PING"}';
let storage = "";
let dev: Dev;
let logs = "";

before(async () => {
  storage = await mkdtemp(path.join(os.tmpdir(), "usher-worker-"));
  dev = await Dev.start(storage);
});

after(async () => {
  await dev.kill();
  await rm(storage, { recursive: true, force: true });
});

test("people meet, a socket breaks and its seat is held", async () => {
  const ann = await Client.open(dev, "meet-room-1", "ann");
  await ann.create();
  const bob = await Client.open(dev, "meet-room-1", "bob");
  await bob.join();
  await ann.frame("USER_JOINED");
  bob.offer("ann", "v=0");
  assert.partialDeepStrictEqual(await ann.frame("WEBRTC_OFFER"), { userId: "bob", offer: { sdp: "v=0" } });
  const eve = await RawSocket.open(dev, "meet-room-1");
  await eve.join("JOIN_ROOM", "meet-room-1", "eve");
  await bob.frame("USER_JOINED");
  eve.cut();
  assert.partialDeepStrictEqual(await ann.frame("USER_DISCONNECTED"), { leftUserId: "eve", roomState: { hostId: "ann" } });
  bob.close(1000);
  assert.partialDeepStrictEqual(await ann.frame("USER_LEFT"), { leftUserId: "bob" });
});

test("bytes that are not UTF-8 are refused", async () => {
  const eve = await RawSocket.open(dev, "bytes-room-1");
  eve.send(Opcode.text, Buffer.from([...Buffer.from('{"type":"'), 0xff, ...Buffer.from('"}')]));
  await until("the error and the close", () => eve.closes.length > 0);
  assert.match(eve.texts.join(), /"code":"INVALID_UTF8"/);
  assert.deepEqual(eve.closes, ["1007 invalid UTF-8"]);
});

test("an upgrade without its header is told what this address speaks", async () => {
  const response = await fetch(`http://${dev.address}/ws?roomId=plain-room-1`);
  assert.equal(response.status, 426);
  assert.partialDeepStrictEqual(await response.json(), { code: "UPGRADE_REQUIRED" });
});

test("the page is served beside the rooms", async () => {
  const page = await fetch(`http://${dev.address}/`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<title>usher<\/title>/);
  assert.equal(page.headers.get("Content-Type"), "text/html; charset=utf-8");
  assert.match(page.headers.get("Content-Security-Policy") ?? "", /^default-src 'none'; script-src 'self';.* frame-ancestors 'none'$/);
  assert.equal(page.headers.get("Referrer-Policy"), "no-referrer");
  for (const [name, type] of [
    ["page.js", "text/javascript"],
    ["page.css", "text/css"],
    ["favicon.svg", "image/svg+xml"],
  ] as const) {
    const file = await fetch(`http://${dev.address}/${name}`);
    assert.equal(file.status, 200, name);
    assert.ok(file.headers.get("Content-Type")?.startsWith(type), name);
    const again = await fetch(`http://${dev.address}/${name}`, { headers: { "If-None-Match": file.headers.get("ETag") ?? "" } });
    assert.equal(again.status, 304, name);
  }
  // Whole also where a Range is asked for: wrangler 4.156's assets know none, so the page plays the
  // film from memory.
  const film = await fetch(`http://${dev.address}/leader.mp4`);
  assert.equal(film.status, 200);
  assert.equal(film.headers.get("Content-Type"), "video/mp4");
  assert.ok((await film.arrayBuffer()).byteLength > 100_000);
  const nothing = await fetch(`http://${dev.address}/_headers`);
  assert.equal(nothing.status, 404);
  assert.partialDeepStrictEqual(await nothing.json(), { code: "NOT_FOUND" });
});

test("a room whose four clients only ping is hibernated, and wakes with all of it", async (t) => {
  const room = "quiet-room-1";
  const made = (): Record<string, unknown>[] => dev.logged("object made");
  const people = [];
  for (const name of ["ann", "bob", "cem", "dia"]) {
    const client = await Client.open(dev, room, name);
    await (people.length === 0 ? client.create() : client.join());
    people.push(client);
  }
  const [ann, bob] = people as [Client, Client];
  const before = made().length;
  // workerd lets go of an object after ten seconds in which nothing but such pings came.
  for (const end = Date.now() + 13_000; Date.now() < end; ) {
    for (const client of people) {
      client.raw(pingFrame);
      assert.deepEqual(await client.frame("PONG"), { type: "PONG", timestamp: 0 });
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.equal(made().length, before, "no ping wakes the room");
  const sent = performance.now();
  bob.offer("ann", "are you awake?");
  assert.partialDeepStrictEqual(await ann.frame("WEBRTC_OFFER"), { userId: "bob" });
  t.diagnostic(`an offer woke the room and was relayed in ${(performance.now() - sent).toFixed(1)} ms`);
  await until("the log tells that the object was rebuilt", () => made().length === before + 1);
  assert.deepEqual(made().at(-1)?.["sockets"], 4);
  ann.say("RENAME_ROOM", { newRoomName: "Awake" });
  for (const client of people) {
    assert.partialDeepStrictEqual(await client.frame("ROOM_RENAMED"), { roomState: { hostId: "ann", users: [{}, {}, {}, {}] } });
  }
});

test("killed and started again, everybody has their seat", async () => {
  const ann = await Client.open(dev, "killed-room-1", "ann");
  const token = (await ann.create())["resumeToken"];
  const bob = await Client.open(dev, "killed-room-1", "bob");
  const bobs = (await bob.join())["resumeToken"];
  await dev.kill();
  logs += dev.output;
  assert.equal(await ann.closedWith(), 1006);
  dev = await Dev.start(storage);
  const again = await Client.open(dev, "killed-room-1", "ann");
  assert.partialDeepStrictEqual(await again.join({ resumeToken: token }), { resumed: true, recovered: false, roomState: { hostId: "ann" } });
  const bobAgain = await Client.open(dev, "killed-room-1", "bob");
  await bobAgain.join({ resumeToken: bobs });
  await again.frame("USER_RECONNECTED");
  again.offer("bob", "v=0");
  await bobAgain.frame("WEBRTC_OFFER");
});

test("the platform's alarm ends a grace", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "usher-worker-"));
  const hasty = await Dev.start(folder, { SEAT_GRACE_MS: "1000" });
  try {
    const ann = await Client.open(hasty, "grace-room-1", "ann");
    await ann.create();
    const bob = await Client.open(hasty, "grace-room-1", "bob");
    await bob.join();
    ann.close(4000);
    await bob.frame("USER_DISCONNECTED");
    assert.partialDeepStrictEqual(await bob.frame("USER_LEFT"), { leftUserId: "ann", newHostId: "bob" });
  } finally {
    await hasty.kill();
    await rm(folder, { recursive: true, force: true });
  }
});

test("nothing of a client's is in the log", () => {
  assert.doesNotMatch(logs + dev.output, /meet-room-1|quiet-room-1|killed-room-1|resumeToken|v=0/);
});
