// RoomClient on real sockets against the native server.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { memoryStore, newRoomId, RoomClient, type RoomClientEvents, type SeatStore, type Status } from "@usher/client";
import { Server } from "../../../test/e2e/server.ts";
import { until } from "../../../test/e2e/wait.ts";
import { refusedWith } from "./clients.ts";

let server: Server;
const clients: RoomClient[] = [];

before(async () => {
  server = await Server.start("native", { "seat-grace": "30s" });
});
afterEach(() => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});
after(() => server.close());

function newClient(store: SeatStore = memoryStore()): RoomClient {
  const client = new RoomClient({ url: `${server.url.replace("http", "ws")}/ws`, store });
  clients.push(client);
  return client;
}

async function pair(): Promise<{ ann: RoomClient; bob: RoomClient; roomId: string }> {
  const [ann, bob] = [newClient(), newClient()];
  const { roomId } = await ann.create({ userName: "Ann" });
  await bob.join({ roomId, userName: "Bob" });
  await until("ann sees bob", () => ann.room?.users.length === 2);
  return { ann, bob, roomId };
}

const isSeated = (client: RoomClient): boolean => client.status.state === "seated";

test("a room is created, joined and left", async () => {
  const { ann, bob, roomId } = await pair();
  assert.match(roomId, /^[\w-]{22}$/);
  assert.equal(ann.room?.hostId, ann.userId);
  assert.deepEqual(
    bob.room?.users.map((user) => user.name),
    ["Ann", "Bob"],
  );
  await bob.leave();
  assert.deepEqual(bob.status, { state: "ended" });
  await until("ann is alone", () => ann.room?.users.length === 1);
  await ann.leave();
  await assert.rejects(newClient().join({ roomId, userName: "Cem" }), refusedWith("ROOM_NOT_FOUND"));
});

test("a link to a room that has ended may create it", async () => {
  const reply = await newClient().join({ roomId: newRoomId(), userName: "Ann", orCreate: true });
  assert.equal(reply.type, "ROOM_CREATED");
});

test("requests are answered or refused, each for itself", async () => {
  const { ann, bob } = await pair();
  await ann.renameRoom("Films");
  await bob.renameUser("Robert");
  assert.equal(bob.room?.name, "Films");
  await until("ann reads the new name", () => ann.room?.users[1]?.name === "Robert");
  await ann.setControlMode("FREE_FOR_ALL");
  assert.equal(ann.room?.controlMode, "FREE_FOR_ALL");
  await until("bob hears of the mode", () => bob.room?.controlMode === "FREE_FOR_ALL");
  const [rename, mode] = await Promise.allSettled([bob.renameRoom("Mine"), bob.setControlMode("HOST_ONLY")]);
  assert.ok(rename.status === "rejected" && refusedWith("NOT_HOST")(rename.reason));
  assert.ok(mode.status === "rejected" && refusedWith("NOT_HOST")(mode.reason));
  await assert.rejects(ann.renameRoom(" "), refusedWith("INVALID_NAME"));
  await assert.rejects(bob.setRole(ann.userId, "VIEWER"), refusedWith("NOT_HOST"));
  await ann.setRole(bob.userId, "COHOST");
  assert.equal(ann.room?.users[1]?.role, "COHOST");
  await until("bob knows the role", () => bob.room?.users[1]?.role === "COHOST");
  await ann.transferHost(bob.userId);
  assert.equal(ann.room?.hostId, bob.userId);
  await bob.renameRoom("Bob's");
});

test("a relayed message reaches its target, and nothing is sent without a seat", async () => {
  const { ann, bob } = await pair();
  const heard: RoomClientEvents["message"][] = [];
  bob.on("message", (message) => heard.push(message));
  assert.equal(ann.send({ type: "WEBRTC_OFFER", targetUserId: bob.userId, offer: { type: "offer", sdp: "v=0" } }), true);
  await until("bob has the offer", () => heard.some((message) => message.type === "WEBRTC_OFFER" && message.userId === ann.userId));
  assert.equal(newClient().send({ type: "LEAVE_ROOM" }), false);
  await assert.rejects(newClient().renameRoom("x"), refusedWith("NOT_SEATED"));
});

test("a forged room state in a relayed message is not the room's", async () => {
  const { ann, bob } = await pair();
  const offer = { type: "WEBRTC_OFFER" as const, targetUserId: bob.userId, offer: { type: "offer" as const, sdp: "v=0" } };
  const heard = new Promise((resolve) => bob.on("message", resolve));
  ann.send(Object.assign(offer, { roomState: { ...ann.room, name: "Forged" } }));
  await heard;
  assert.notEqual(bob.room?.name, "Forged");
});

test("the seat comes back by itself after the server was killed", async () => {
  const { ann, bob } = await pair();
  const { userId } = ann;
  const states: string[] = [];
  ann.on("status", (status: Status) => states.push(status.state));
  const resumed: boolean[] = [];
  ann.on("seated", (reply) => resumed.push(reply.resumed));
  await server.restart();
  await until("both are seated", () => isSeated(ann) && isSeated(bob) && ann.room?.users.every((user) => user.isConnected));
  assert.deepEqual(resumed, [true]);
  assert.deepEqual([states[0], states.at(-1)], ["waiting", "seated"]);
  assert.equal(ann.userId, userId);
  assert.equal(ann.room?.hostId, userId);
});

test("a request under way when the connection breaks is not silently lost", async () => {
  const { ann } = await pair();
  const requests = Promise.allSettled([ann.renameRoom("Too late")]);
  await server.kill();
  const [request] = await requests;
  assert.ok(request?.status === "fulfilled" || refusedWith("CONNECTION_LOST")(request?.reason));
  await assert.rejects(newClient().create({ userName: "Cem" }), refusedWith("SERVER_UNREACHABLE"));
  await server.restart();
  await until("ann is seated", () => isSeated(ann));
});

test("a server that drains gets its clients back", async () => {
  const { ann, bob } = await pair();
  const codes: string[] = [];
  ann.on("status", (status) => codes.push(status.state));
  await server.stop();
  await server.restart();
  await until("both are seated", () => isSeated(ann) && isSeated(bob));
  assert.ok(codes.includes("waiting"));
});

test("another client with the same store takes the seat, and the first is out for good", async () => {
  const store = memoryStore();
  const first = newClient(store);
  await first.create({ userName: "Ann" });
  const kept = await store.load();
  const second = newClient({ ...memoryStore(), load: () => Promise.resolve(kept) });
  const reply = await second.resume();
  assert.equal(reply?.resumed, true);
  assert.equal(second.userId, first.userId);
  await until("the first has ended", () => first.status.state === "ended");
  assert.ok(first.status.state === "ended" && refusedWith("SEAT_RESUMED_ELSEWHERE")(first.status.error));
  assert.deepEqual(await store.load(), kept, "the store may be the second's, too");
});

test("who goes without leaving finds the seat again, and who has none has none", async () => {
  assert.equal(await newClient().resume(), undefined);
  const store = memoryStore();
  const ann = newClient(store);
  const { roomId } = await ann.create({ userName: "Ann" });
  const bob = newClient();
  await bob.join({ roomId, userName: "Bob" });
  ann.close();
  await until("the seat is held", () => bob.room?.users[0]?.isConnected === false);
  assert.equal(bob.room?.hostId, ann.userId);
  assert.equal((await ann.resume())?.resumed, true);
  assert.equal(ann.room?.hostId, ann.userId);
});

test("a room that has ended meanwhile is made again by whoever comes back", async () => {
  const store = memoryStore();
  const ann = newClient(store);
  const { roomId } = await ann.create({ userName: "Ann" });
  const kept = await store.load();
  await ann.leave();
  const again = newClient({ ...memoryStore(), load: () => Promise.resolve(kept) });
  const reply = await again.resume();
  assert.equal(reply?.type, "ROOM_CREATED");
  assert.equal(reply?.roomId, roomId);
});

test("a token that is not the seat's is the end", async () => {
  const { ann, roomId } = await pair();
  const thief = newClient({
    ...memoryStore(),
    load: () => Promise.resolve({ roomId, userId: ann.userId, userName: "Ann", resumeToken: "AAAAAAAAAAAAAAAAAAAAAA" }),
  });
  await assert.rejects(thief.resume(), refusedWith("INVALID_RESUME_TOKEN"));
  assert.ok(isSeated(ann));
});

test("the server's clock is known from the seat on", async () => {
  const ann = newClient();
  await ann.create({ userName: "Ann" });
  assert.ok(Math.abs(ann.serverTime() - Date.now()) < 1000);
});

test("ICE servers come from the server beside the socket, and none is no error", async () => {
  const ann = newClient();
  await ann.create({ userName: "Ann" });
  assert.deepEqual(await ann.iceServers(), []);
});

test("the frames that went over the socket can be watched", async () => {
  const ann = newClient();
  const frames: string[] = [];
  ann.on("frame", ({ sent, message }) => frames.push(`${sent ? ">" : "<"} ${message.type}`));
  await ann.create({ userName: "Ann" });
  assert.deepEqual(frames.slice(0, 3), ["> CREATE_ROOM", "< ROOM_CREATED", "> PING"]);
});

test("a client has one seat at a time", async () => {
  const ann = newClient();
  await ann.create({ userName: "Ann" });
  await assert.rejects(ann.create({ userName: "Ann" }), refusedWith("ALREADY_SEATED"));
});
