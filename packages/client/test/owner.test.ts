// The owner token of a room that stays: kept, presented, and forgotten when it is another room's.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { memoryStore, RoomClient, webOwnerStore, type OwnerStore, type SeatStore } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { roomOf, ScriptedServer, user, type Frame } from "./scripted.ts";

const ownerToken = "BBBBBBBBBBBBBBBBBBBBBB";

function owners(known: Record<string, string> = {}): OwnerStore & { texts: Map<string, string> } {
  const texts = new Map(Object.entries(known));
  const storage = {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, value: string) => void texts.set(key, value),
    removeItem: (key: string) => void texts.delete(key),
  };
  return { texts, ...webOwnerStore(() => storage, "") };
}

async function begin(t: TestContext, owners?: OwnerStore, store?: SeatStore): Promise<{ server: ScriptedServer; client: RoomClient }> {
  const server = await ScriptedServer.start();
  const client = new RoomClient({ url: server.url, ...(owners === undefined ? {} : { owners }), ...(store === undefined ? {} : { store }) });
  t.after(async () => {
    client.close();
    await server.close();
  });
  return { server, client };
}

test("a room that stays is asked for, and its owner token kept", async (t) => {
  const store = owners();
  const { server, client } = await begin(t, store);
  server.replies = { CREATE_ROOM: (link, frame) => link.seat(frame, { ownerToken, keepMs: 60_000 }) };
  const reply = await client.create({ userName: "Ann", roomId: "room-1", keepMs: 3_600_000 });
  assert.equal(server.links[0]?.received[0]?.["keepMs"], 3_600_000);
  assert.deepEqual([reply.ownerToken, reply.keepMs], [ownerToken, 60_000]);
  await until("it is kept", () => store.texts.get("room-1") === ownerToken);
});

test("whoever joins a room that it has made presents its token", async (t) => {
  const { server, client } = await begin(t, owners({ "room-1": ownerToken }));
  await client.join({ userName: "Ann", roomId: "room-1" });
  assert.equal(server.links[0]?.received[0]?.["ownerToken"], ownerToken);
});

test("without a store the token is what the caller says", async (t) => {
  const { server, client } = await begin(t);
  await client.join({ userName: "Ann", roomId: "room-1", ownerToken });
  assert.equal(server.links[0]?.received[0]?.["ownerToken"], ownerToken);
  await client.leave();
  await client.join({ userName: "Ann", roomId: "room-1" });
  assert.equal(server.links[1]?.received[0]?.["ownerToken"], undefined);
});

for (const [hostId, presented] of [
  ["ann", ownerToken],
  ["bob", undefined],
] as const) {
  test(`after a lost connection it is presented only by a host: ${hostId}`, async (t) => {
    const { server, client } = await begin(t);
    const people = hostId === "ann" ? [user("ann"), user("bob")] : [user("bob"), user("ann")];
    server.replies = { JOIN_ROOM: (link, frame) => link.seat(frame, { roomState: roomOf("room-1", people) }) };
    await client.join({ userName: "Ann", userId: "ann", roomId: "room-1", ownerToken });
    (await server.link(0)).cut();
    const again = await (await server.link(1)).next("JOIN_ROOM");
    assert.equal(again["ownerToken"], presented);
  });
}

for (const [hostId, presented] of [
  ["ann", ownerToken],
  ["bob", undefined],
] as const) {
  test(`after a reload it is presented only by a host: ${hostId}`, async (t) => {
    const [store, seats] = [owners({ "room-1": ownerToken }), memoryStore()];
    const { server, client } = await begin(t, store, seats);
    const people = [user("ann"), user("bob")];
    server.replies = { JOIN_ROOM: (link, frame) => link.seat(frame, { roomState: roomOf("room-1", people) }) };
    await client.join({ userName: "Ann", userId: "ann", roomId: "room-1" });
    const roomState = roomOf("room-1", hostId === "ann" ? people : people.toReversed());
    (await server.link(0)).say({ type: "HOST_CHANGED", newHostId: hostId, previousHostId: "ann", roomState });
    await until("the host is known", () => client.room?.hostId === hostId);
    client.close();
    const reloaded = new RoomClient({ url: server.url, owners: store, store: seats });
    t.after(() => reloaded.close());
    await reloaded.resume();
    const again = server.links[1]?.received[0];
    assert.equal(again?.["ownerToken"], presented);
    assert.equal(again?.["handedOver"], undefined, "the server is told nothing else");
  });
}

test("a token of another room is forgotten, and the seat asked for without it", async (t) => {
  const store = owners({ "room-1": ownerToken, "room-2": "kept" });
  const { server, client } = await begin(t, store);
  const refuse = (link: Parameters<NonNullable<(typeof server.replies)[string]>>[0], frame: Frame): void =>
    frame["ownerToken"] === undefined ? link.seat(frame) : link.refuse(frame, "INVALID_OWNER_TOKEN");
  server.replies = { JOIN_ROOM: refuse };
  await client.join({ userName: "Ann", roomId: "room-1" });
  assert.equal(client.status.state, "seated");
  assert.deepEqual([...store.texts.keys()], ["room-2"]);
});

test("a store that fails costs the owner's role and nothing else", async (t) => {
  const fail = (): Promise<never> => Promise.reject(new Error("blocked"));
  const { server, client } = await begin(t, { load: fail, save: fail, clear: fail });
  server.replies = { CREATE_ROOM: (link, frame) => link.seat(frame, { ownerToken }) };
  assert.equal((await client.create({ userName: "Ann", keepMs: 1000 })).type, "ROOM_CREATED");
});

test("a join that is given up while the store looks opens no connection", async (t) => {
  let found: (token: string | undefined) => void = () => undefined;
  const slow = new Promise<string | undefined>((resolve) => (found = resolve));
  const { server, client } = await begin(t, { ...owners(), load: () => slow });
  const joining = client.join({ userName: "Ann", roomId: "room-1" });
  client.close();
  found(ownerToken);
  await assert.rejects(joining, { code: "ABORTED" });
  assert.equal(server.links.length, 0);
});
