// A server with accounts, in a real browser: invite links on the page, and tokens as a page sends
// them.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { scene, type Scene } from "./scene.ts";
import { Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

const secret = "0123456789abcdef0123456789abcdef";
const apiKey = "usher_test";
let folder: string;
let settings: Record<string, string>;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "usher-accounts-"));
  await writeFile(path.join(folder, "secret"), secret);
  await writeFile(path.join(folder, "keys"), `shop ${createHash("sha256").update(apiKey).digest("hex")}`);
  settings = { "auth-jwt-key": path.join(folder, "secret"), "api-key-file": path.join(folder, "keys") };
});
after(() => rm(folder, { recursive: true }));

function token(sub: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "HS256" })}.${encode({ sub, exp: Math.floor(Date.now() / 1000) + 3600, role: "HOST" })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

interface Made {
  roomId: string;
  invites: { invite: string; url: string }[];
}

async function createRoom(url: string, invites: object[]): Promise<Made> {
  const body = JSON.stringify({ roomName: "Film night", invites });
  const response = await fetch(`${url}/rooms`, { method: "POST", headers: { Authorization: `Bearer ${apiKey}` }, body });
  assert.equal(response.status, 201);
  return (await response.json()) as Made;
}

async function comeIn({ page }: Visitor, name: string): Promise<void> {
  await page.getByRole("textbox", { name: "Your name" }).fill(name);
  await page.getByRole("button", { name: "Join the room" }).click();
}

const heading = (visitor: Visitor): Promise<string> => visitor.page.getByRole("heading", { level: 1 }).innerText();

async function invitesOpenTheDoor(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const { roomId, invites } = await createRoom(set.server.url, [{ role: "HOST", once: true }, { role: "VIEWER" }, { expiresMs: 1000 }]);
  const [host, viewer, short] = invites.map(({ invite }) => `#${roomId}?invite=${invite}`);
  await ann.page.goto(`${ann.person.url}/${host}`);
  await until("Ann reads what she is invited to", async () => (await heading(ann)) === "Film night");
  await comeIn(ann, "Ann");
  await ann.seated();
  assert.ok(!ann.page.url().includes("invite="), "the address may be shared without the invite");
  await ann.page.reload();
  await ann.seated();

  await bob.page.goto(`${bob.person.url}/${host}`);
  await comeIn(bob, "Bob");
  await until("Bob reads why", async () => (await bob.page.getByRole("alert").first().textContent()) === "Invitation has been used.");
  for (const [address, words] of [
    [`${host?.slice(0, -5)}`, "This invitation is broken"],
    [`${short}`, "This invitation has expired"],
    [`#${roomId}`, "By invitation only"],
  ]) {
    await bob.page.goto("about:blank");
    await until(`Bob reads: ${words}`, async () => {
      await bob.page.goto(`${bob.person.url}/${address}`);
      return (await heading(bob)) === words;
    });
    assert.equal(await bob.page.getByRole("button", { name: "Join the room" }).count(), 0);
  }
  await bob.page.goto("about:blank");
  await bob.page.goto(`${bob.person.url}/${viewer}`);
  await comeIn(bob, "Bob");
  await bob.seated();
  await ann.sees({ Bob: "direct" });
}

/**
 * What a page of the operator's does, without a client: Chromium fails the handshake if no
 * subprotocol is selected.
 */
async function tokensOpenTheDoor(set: Scene): Promise<void> {
  const { page, person } = await Visitor.arrive(set, "Ann");
  const { url } = person;
  await page.goto(url);
  const seat = (address: string, protocols: string[]): Promise<string> =>
    page.evaluate(
      ([to, offered]) =>
        new Promise<string>((resolve) => {
          const socket = new WebSocket(to, offered);
          socket.onopen = () =>
            socket.send(JSON.stringify({ type: "CREATE_ROOM", roomId: "film-night", userId: "ann", userName: "Ann", timestamp: 1, protocol: 1 }));
          socket.onmessage = ({ data }) => resolve(`${socket.protocol} ${(JSON.parse(String(data)) as { type: string; code?: string }).type}`);
          socket.onclose = ({ code }) => resolve(`closed ${code}`);
        }),
      [address, protocols] as const,
    );
  const socketUrl = `${url.replace("http", "ws")}/ws?roomId=film-night`;
  assert.equal(await seat(socketUrl, ["usher.1", `usher.jwt.${token("ann")}`]), "usher.1 ROOM_CREATED");
  assert.equal(await seat(socketUrl, ["usher.1", `usher.jwt.${token("ann").slice(0, -3)}`]), "closed 1006");
  const ticket = await page.evaluate(
    async (authorization) => {
      const response = await fetch("/tickets?roomId=film-night", { method: "POST", headers: { Authorization: authorization } });
      return ((await response.json()) as { ticket: string }).ticket;
    },
    `Bearer ${token("bob")}`,
  );
  const bobs = `${socketUrl}&ticket=${ticket}`;
  assert.equal(await seat(bobs, []), " ERROR"); // it is Bob's, and Ann asks for a seat
}

describe("one after the other", () => {
  test("native: invite links on the page", () => scene("native", invitesOpenTheDoor, settings));
  test("native: tokens as a page sends them", () => scene("native", tokensOpenTheDoor, settings));
});
