// Credentials of Cloudflare's TURN service end with their seat. The service is an HTTP server of
// the documented shape.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { call, wantError } from "./call";
import { until } from "./client";
import { objectOf, pair, Person } from "./person";
import { harness } from "./worker";

const api = (env as unknown as { TURN_API: string }).TURN_API;
const key = { TURN_KEY_ID: "key", TURN_KEY_API_TOKEN: "token" };
const fetch = globalThis.fetch.bind(globalThis);

beforeEach(() => {
  harness.env = key;
  vi.spyOn(globalThis, "fetch").mockImplementation((url, init) => fetch(String(url).replace("https://rtc.live.cloudflare.com", api), init));
});
afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(harness, { nowMs: undefined, env: {} });
});

/** What the service has given and revoked. */
async function log(): Promise<{ given: string[]; revoked: string[] }> {
  return (await fetch(api)).json();
}

/** The user name of the TURN credentials that somebody is given. */
async function credentials(person: Person, token: string): Promise<string> {
  const response = await call(`/turn-credentials?roomId=${person.roomId}&userId=${person.userId}`, key, { Authorization: `Bearer ${token}` });
  const { iceServers } = (await response.json()) as { iceServers: { username?: string }[] };
  return iceServers.find(({ username }) => username !== undefined)?.username ?? "";
}

async function revoked(...usernames: string[]): Promise<void> {
  await expect.poll(async () => (await log()).revoked, { timeout: 20_000 }).toEqual(expect.arrayContaining(usernames));
}

test("a kick revokes what the seat was given, also before the object was dropped from memory", async () => {
  const { ann, bob, annToken, bobToken } = await pair("revoke-kick");
  const anns = await credentials(ann, annToken);
  const bobs = [await credentials(bob, bobToken), await credentials(bob, bobToken)];
  expect(new Set([anns, ...bobs]).size).toBe(3);
  await evictDurableObject(objectOf("revoke-kick"), { webSockets: "hibernate" });
  ann.say("KICK_USER", { targetUserId: "bob" });
  await bob.client.closedWith();
  await revoked(...bobs);
  expect((await log()).revoked).not.toContain(anns);
  await wantError(
    await call("/turn-credentials?roomId=revoke-kick&userId=bob", key, { Authorization: `Bearer ${bobToken}` }),
    401,
    "INVALID_RESUME_TOKEN",
    false,
  );
});

test("a seat that is given more than are remembered for it loses the oldest", async () => {
  const ann = await Person.open("revoke-many", "ann");
  const token = await ann.join("CREATE_ROOM");
  const given: string[] = [];
  for (let n = 0; n < 66; n++) {
    given.push(await credentials(ann, token));
  }
  await revoked(...given.slice(0, 2));
  expect((await log()).revoked).not.toContain(given[2]);
  ann.say("LEAVE_ROOM");
  await ann.client.closedWith();
  await revoked(...given);
});

test("leaving revokes, and nothing is left in storage", async () => {
  const ann = await Person.open("revoke-leave", "ann");
  const given = await credentials(ann, await ann.join("CREATE_ROOM"));
  const keys = (): Promise<string[]> => runInDurableObject(objectOf("revoke-leave"), async (_, { storage }) => [...(await storage.list()).keys()]);
  expect(await keys()).toContain("turn ann");
  ann.say("LEAVE_ROOM");
  await ann.client.closedWith();
  await revoked(given);
  expect(await keys()).toEqual([]);
});

test("what was pushed is revoked with what was asked for", async () => {
  harness.env = { ...key, TURN_TTL_SECONDS: "300" };
  const ann = await Person.open("revoke-pushed", "ann");
  const given = await credentials(ann, await ann.join("CREATE_ROOM"));
  harness.nowMs = Date.now() + 2.6 * 60_000;
  ann.say("PING");
  await runDurableObjectAlarm(objectOf("revoke-pushed"));
  const { iceServers } = (await ann.client.frame("ICE_SERVERS")) as unknown as { iceServers: { username?: string }[] };
  const pushed = iceServers.find(({ username }) => username !== undefined)?.username ?? "";
  expect(pushed).not.toBe(given);
  ann.say("LEAVE_ROOM");
  await revoked(given, pushed);
});

test("a seat that ends while it is given some gets none, and they are revoked", async () => {
  const ann = await Person.open("revoke-late", "ann");
  const token = await ann.join("CREATE_ROOM");
  let ended: Promise<unknown> | undefined;
  vi.mocked(globalThis.fetch).mockImplementation(async (url, init) => {
    const response = await fetch(String(url).replace("https://rtc.live.cloudflare.com", api), init);
    if (ended === undefined) {
      ann.say("LEAVE_ROOM");
      await (ended = ann.client.closedWith());
    }
    return response;
  });
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const response = await call("/turn-credentials?roomId=revoke-late&userId=ann", key, { Authorization: `Bearer ${token}` });
  await wantError(response, 503, "ICE_UNAVAILABLE", true);
  await revoked((await log()).given.at(-1) ?? "");
});

test("a service that is down keeps nobody from leaving", async () => {
  harness.env = { ...key, TURN_KEY_ID: "down" };
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const ann = await Person.open("revoke-down", "ann");
  const token = await ann.join("CREATE_ROOM");
  const response = await call("/turn-credentials?roomId=revoke-down&userId=ann", harness.env, { Authorization: `Bearer ${token}` });
  expect(response.status).toBe(200);
  ann.say("LEAVE_ROOM");
  expect(await ann.client.closedWith()).toBe(1000);
  await until(
    () => warn.mock.calls.some(([line]) => String(line).includes("could not be revoked")),
    () => "a line in the log",
  );
});
