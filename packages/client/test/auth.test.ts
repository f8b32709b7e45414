// Accounts: a token for each connection, as a subprotocol or a ticket, renewed over the socket; and
// invites.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";

import { inviteIn, RoomClient, roomIdIn, RoomError, memoryStore, type RoomClientOptions } from "@usher/client";
import { Server } from "../../../test/e2e/server.ts";
import { until } from "../../../test/e2e/wait.ts";
import { ScriptedServer } from "./scripted.ts";

const secret = "0123456789abcdef0123456789abcdef";
const apiKey = "usher_test";
let folder: string;
let server: Server;
const clients: RoomClient[] = [];

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "usher-auth-"));
  await writeFile(path.join(folder, "secret"), secret);
  await writeFile(path.join(folder, "keys"), `shop ${createHash("sha256").update(apiKey).digest("hex")}`);
  server = await Server.start("native", { "auth-jwt-key": path.join(folder, "secret"), "api-key-file": path.join(folder, "keys") });
});
afterEach(() => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function token(sub: string, claims: object = {}): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "HS256" })}.${encode({ sub, exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function newClient(options: Partial<RoomClientOptions> = {}): RoomClient {
  const client = new RoomClient({ url: `${server.url.replace("http", "ws")}/ws`, store: memoryStore(), ...options });
  clients.push(client);
  return client;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RoomError, String(error));
  return error.code;
}

async function createRoom(body: object): Promise<{ roomId: string; invites: { invite: string; url: string }[] }> {
  const response = await fetch(`${server.url}/rooms`, { method: "POST", headers: { Authorization: `Bearer ${apiKey}` }, body: JSON.stringify(body) });
  assert.equal(response.status, 201);
  return (await response.json()) as { roomId: string; invites: { invite: string; url: string }[] };
}

for (const authBy of ["subprotocol", "ticket"] as const) {
  test(`a token by ${authBy} says who a participant is`, async () => {
    const asked: string[] = [];
    const ann = newClient({
      authBy,
      auth: ({ roomId }) => {
        asked.push(roomId);
        return token("ann", { name: "Ann of Accounts", role: "HOST" });
      },
    });
    const { roomId, roomState } = await ann.create({ userName: "x" });
    assert.equal(ann.userId, "ann");
    assert.equal(roomState.users[0]?.name, "Ann of Accounts");
    const bob = newClient({ authBy, auth: async () => token("bob") });
    await bob.join({ roomId, userName: "Bob", userId: "somebody-else" });
    assert.equal(bob.userId, "bob");
    assert.deepEqual(asked, [roomId]);
    assert.equal(await codeOf(bob.join({ roomId, userName: "Bob" })), "ALREADY_SEATED");
  });

  test(`a token by ${authBy} that is refused ends the attempt, with the reason`, async () => {
    const refused = (claims: object): Promise<string> => codeOf(newClient({ authBy, auth: () => token("ann", claims) }).create({ userName: "Ann" }));
    assert.equal(await refused({ room: "another-room" }), "ROOM_NOT_ALLOWED");
    assert.equal(await refused({ exp: 1 }), "TOKEN_EXPIRED");
    assert.equal(await refused({ role: "KING" }), "INVALID_TOKEN");
    const failing = newClient({ authBy, auth: () => Promise.reject(new Error("offline")) });
    assert.equal(await codeOf(failing.create({ userName: "Ann" })), "AUTH_FAILED");
  });
}

test("a client without a token is told, and does not try again", async () => {
  const ann = newClient();
  assert.equal(await codeOf(ann.create({ userName: "Ann" })), "AUTH_REQUIRED");
  assert.equal(ann.status.state, "ended");
});

test("an invite is found in its link, and good for one seat and its return", async () => {
  const { roomId, invites } = await createRoom({ invites: [{ role: "HOST", once: true }, {}] });
  const [first] = invites;
  assert.ok(first !== undefined);
  assert.equal(roomIdIn(first.url), roomId);
  assert.equal(inviteIn(first.url), first.invite);
  assert.equal(inviteIn(`Come: ${encodeURIComponent(first.url)}.`), first.invite);
  assert.equal(inviteIn("https://example.org/#room-4f9a2c"), "");
  const store = memoryStore();
  const ann = newClient({ store });
  await ann.join({ roomId, userName: "Ann", invite: first.invite });
  ann.close();
  const again = newClient({ store });
  assert.equal((await again.resume())?.resumed, true);
  assert.equal(await codeOf(newClient().join({ roomId, userName: "Bob", invite: first.invite })), "INVITE_USED");
  assert.equal(await codeOf(newClient().join({ roomId, userName: "Bob", invite: first.invite.slice(0, -3) })), "INVALID_INVITE");
  await newClient().join({ roomId, userName: "Bob", invite: invites[1]?.invite });
});

test("a token is renewed when the server says that it expires", async () => {
  const scripted = await ScriptedServer.start();
  try {
    let made = 0;
    const ann = newClient({ url: scripted.url, auth: () => token("ann", { exp: 4e9, n: (made += 1) }) });
    await ann.create({ userName: "Ann" });
    const link = await scripted.link(0);
    link.say({ type: "TOKEN_EXPIRES", roomId: link.roomId, userId: "system", expiresAt: Date.now() + 60_000 });
    const renewal = await link.next("RENEW_AUTH");
    assert.equal(renewal["token"], token("ann", { exp: 4e9, n: 2 }));
    const refusals: string[] = [];
    ann.on("refused", ({ error }) => refusals.push(error.code));
    link.refuse(renewal, "INVALID_TOKEN");
    await until("the refusal is told", () => refusals.length > 0 || undefined);
    assert.deepEqual(refusals, ["INVALID_TOKEN"]);
    // Once it has expired, the next connection has a new one.
    link.close(4007);
    const next = await scripted.link(1);
    assert.ok((await next.next("JOIN_ROOM"))["resumeToken"]);
    assert.equal(made, 3);
  } finally {
    await scripted.close();
  }
});
