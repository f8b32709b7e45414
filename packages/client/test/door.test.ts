// Doors: passcodes, knocks, and what the host sees of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore, type RoomClient } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { clientsOfAServer, refusedWith } from "./clients.ts";

const newClient = clientsOfAServer();

/** Waits until the host sees somebody knock, and returns who. */
function knocker(host: RoomClient): Promise<string> {
  return until("somebody knocks", () => host.knocks[0]?.userId) as Promise<string>;
}

test("a passcode is asked for, and every member is told that there is one", async () => {
  const [ann, bob] = [newClient(), newClient()];
  const { roomId } = await ann.create({ userName: "Ann", door: { passcode: "sesame" } });
  assert.deepEqual(ann.room?.door, { entry: "OPEN", hasPasscode: true, maxPeople: 50, listed: false });
  await assert.rejects(bob.join({ roomId, userName: "Bob" }), refusedWith("PASSCODE_REQUIRED"));
  await assert.rejects(bob.join({ roomId, userName: "Bob", passcode: "wrong" }), refusedWith("WRONG_PASSCODE"));
  await assert.rejects(bob.join({ roomId, userName: "Bob", passcode: "abc" }), refusedWith("INVALID_MESSAGE"));
  await bob.join({ roomId, userName: "Bob", passcode: "sesame" });
  await ann.setDoor({ passcode: null, maxPeople: 2 });
  await until("bob is told", () => bob.room?.door?.hasPasscode === false && bob.room.door.maxPeople === 2);
  await assert.rejects(bob.setDoor({ entry: "OPEN" }), refusedWith("NOT_HOST"));
  await assert.rejects(newClient().join({ roomId, userName: "Cem" }), refusedWith("ROOM_FULL"));
});

test("a passcode is the same from every keyboard", async () => {
  const ann = newClient();
  const { roomId } = await ann.create({ userName: "Ann", door: { passcode: "O\u0308ffne dich" } });
  await newClient().join({ roomId, userName: "Bob", passcode: "\u00d6ffne dich" });
});

test("a locked room takes nobody, and whoever has a seat comes back", async () => {
  const store = memoryStore();
  const [ann, bob] = [newClient(), newClient(store)];
  const { roomId } = await ann.create({ userName: "Ann" });
  await bob.join({ roomId, userName: "Bob" });
  await ann.setDoor({ entry: "LOCKED" });
  await assert.rejects(newClient().join({ roomId, userName: "Cem" }), refusedWith("ROOM_LOCKED"));
  bob.close();
  assert.equal((await newClient(store).resume())?.resumed, true);
});

test("the host sees who knocks, and lets in or not", async () => {
  const [ann, bob, cem] = [newClient(), newClient(), newClient()];
  const { roomId } = await ann.create({ userName: "Ann", door: { entry: "KNOCK" } });
  const bobs = bob.join({ roomId, userName: "Bob", userId: "bob" });
  assert.equal(await knocker(ann), "bob");
  await until("bob waits", () => bob.status.state === "knocking" && bob.status.position === 1);
  const cems = cem.join({ roomId, userName: "Cem", userId: "cem" });
  cems.catch(() => undefined);
  await until("cem waits", () => cem.status.state === "knocking" && cem.status.position === 2);
  await until("ann hears of both", () => ann.knocks.length === 2); // on a socket of her own
  assert.deepEqual(
    ann.knocks.map(({ userId, userName }) => [userId, userName]),
    [
      ["bob", "Bob"],
      ["cem", "Cem"],
    ],
  );
  await ann.admit("bob");
  assert.equal((await bobs).userId, "bob");
  assert.deepEqual(bob.knocks, []);
  await assert.rejects(bob.admit("cem"), refusedWith("NOT_ALLOWED"));
  await until("cem moves up", () => cem.status.state === "knocking" && cem.status.position === 1);
  await ann.deny("cem");
  await assert.rejects(cems, refusedWith("ADMISSION_DENIED"));
  await until("nobody knocks", () => ann.knocks.length === 0);
  await assert.rejects(ann.deny("cem"), refusedWith("TARGET_NOT_FOUND"));
});

test("whoever knocks keeps the place over a reload, and leave() withdraws", async () => {
  const store = memoryStore();
  const [ann, bob] = [newClient(), newClient(store)];
  const { roomId } = await ann.create({ userName: "Ann", door: { entry: "KNOCK", passcode: "sesame" } });
  const bobs = bob.join({ roomId, userName: "Bob", userId: "bob", passcode: "sesame" });
  bobs.catch(() => undefined);
  await knocker(ann);
  await until("the place is kept", async () => (await store.load())?.knockToken !== undefined);
  bob.close();
  await assert.rejects(bobs, refusedWith("ABORTED"));
  const again = newClient(store);
  const seat = again.resume();
  await until("bob waits again", () => again.status.state === "knocking");
  await ann.admit("bob");
  assert.equal((await seat)?.userId, "bob");
  assert.equal((await store.load())?.knockToken, undefined);
  const cem = newClient();
  const cems = cem.join({ roomId, userName: "Cem", passcode: "sesame" });
  cems.catch(() => undefined);
  await knocker(ann);
  await cem.leave();
  await until("cem has left", () => ann.knocks.length === 0);
});

test("a host that comes back, and a new cohost, see who knocks", async () => {
  const store = memoryStore();
  const [ann, bob] = [newClient(store), newClient()];
  const { roomId } = await ann.create({ userName: "Ann" });
  await bob.join({ roomId, userName: "Bob" });
  await ann.setDoor({ entry: "KNOCK" });
  newClient()
    .join({ roomId, userName: "Cem", userId: "cem" })
    .catch(() => undefined);
  await knocker(ann);
  ann.close();
  const back = newClient(store);
  await back.resume();
  assert.equal(await knocker(back), "cem");
  assert.deepEqual(bob.knocks, []);
  await back.setRole(bob.userId, "COHOST");
  assert.equal(await knocker(bob), "cem");
  await back.setRole(bob.userId, "GUEST");
  await until("bob is told no more", () => bob.knocks.length === 0);
});
