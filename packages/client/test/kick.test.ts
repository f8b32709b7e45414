// Kicks and bans: what the host asks for, and what whoever is removed is told.

import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore, roleOf, type RoomClient, type RoomError } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { clientsOfAServer, refusedWith } from "./clients.ts";
import { ScriptedServer, type Link } from "./scripted.ts";

const newClient = clientsOfAServer();

/** Why a client has ended, once it has. */
async function ending(client: RoomClient): Promise<RoomError | undefined> {
  return until("it has ended", () => (client.status.state === "ended" ? client.status.error : undefined));
}

test("whoever is kicked is told why, forgets the seat, and may come again", async () => {
  const store = memoryStore();
  const [ann, bob] = [newClient(), newClient(store)];
  const { roomId } = await ann.create({ userName: "Ann" });
  await bob.join({ roomId, userName: "Bob" });
  await assert.rejects(bob.kick(ann.userId), refusedWith("NOT_ALLOWED"));
  await assert.rejects(ann.kick(bob.userId, { reason: "x".repeat(201) }), refusedWith("INVALID_MESSAGE"));
  await assert.rejects(ann.kick("nobody"), refusedWith("TARGET_NOT_FOUND"));
  await ann.kick(bob.userId, { reason: "Spoilers" });
  assert.equal(ann.room?.users.length, 1);
  const error = await ending(bob);
  assert.deepEqual([error?.code, error?.details, error?.retryable], ["KICKED", "Spoilers", false]);
  assert.equal(await store.load(), undefined);
  await newClient().join({ roomId, userName: "Bob" });
});

test("whoever is banned stays out until the ban is lifted", async () => {
  const [ann, bob, cem] = [newClient(), newClient(), newClient()];
  const { roomId } = await ann.create({ userName: "Ann" });
  await bob.join({ roomId, userName: "Bob", userId: "bob" });
  await cem.join({ roomId, userName: "Cem" });
  await ann.setRole(cem.userId, "COHOST");
  await until("cem knows the role", () => cem.room !== undefined && roleOf(cem.room, cem.userId) === "COHOST");
  await cem.kick("bob", { ban: true });
  assert.equal((await ending(bob))?.code, "BANNED");
  await assert.rejects(newClient().join({ roomId, userName: "Bob", userId: "bob" }), refusedWith("BANNED"));
  assert.deepEqual(
    (await ann.bans()).map(({ userId, userName }) => [userId, userName]),
    [["bob", "Bob"]],
  );
  await assert.rejects(ann.unban("dan"), refusedWith("TARGET_NOT_FOUND"));
  await cem.unban("bob");
  assert.deepEqual(await ann.bans(), []);
  await newClient().join({ roomId, userName: "Bob", userId: "bob" });
});

test("4005 ends the seat, and so does an ERROR that says why", async (t) => {
  const scripted = await ScriptedServer.start();
  t.after(() => scripted.close());
  for (const [rule, say, code] of [
    ["by the close code", (link: Link) => link.close(4005), "CLOSED"],
    ["as to a legacy seat", (link: Link) => link.say({ type: "ERROR", code: "KICKED", error: "Out", retryable: false }), "KICKED"],
  ] as const) {
    const store = memoryStore();
    const client = newClient(store, scripted.url);
    await client.create({ userName: "Ann" });
    say(await scripted.link(scripted.links.length - 1));
    assert.equal((await ending(client))?.code, code, rule);
    assert.equal(await store.load(), undefined, rule);
  }
});
