// Accounts on the worker: tokens of each algorithm, tickets, invites and rooms that a program
// creates.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { verifyToken } from "../src/accounts";
import { Refusal, toBase64url } from "../src/identity";
import worker from "../src/index";
import { Client } from "./client";
import { harness } from "./worker";

const secret = "0123456789abcdef0123456789abcdef";
const encoder = new TextEncoder();
let accounts: Env;
let rooms = 0;
const newRoom = (): string => `auth-room-${rooms++}`;

beforeEach(async () => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode("usher_key")));
  const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const own = { AUTH_JWT_KEY: secret, INVITE_SECRET: "a secret of this worker's own", API_KEYS: `# programs\nshop ${hash}` };
  accounts = { ...env, ...own };
  harness.env = own;
});
afterEach(() => {
  harness.env = {};
  vi.restoreAllMocks();
});

const part = (value: object): string => toBase64url(encoder.encode(JSON.stringify(value)));
const good = (claims: object = {}): object => ({ sub: "ann", exp: Math.floor(Date.now() / 1000) + 3600, ...claims });

const signing = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
} as const;
type Algorithm = keyof typeof signing;

async function sign(alg: string, key: CryptoKey, how: SubtleCryptoSignAlgorithm, claims: object, header: object = {}): Promise<string> {
  const data = `${part({ alg, ...header })}.${part(claims)}`;
  return `${data}.${toBase64url(new Uint8Array(await crypto.subtle.sign(how, key, encoder.encode(data))))}`;
}

/** A token with the shared secret. */
async function token(claims: object = good(), material = secret): Promise<string> {
  const key = await crypto.subtle.importKey("raw", encoder.encode(material), signing.HS256, false, ["sign"]);
  return sign("HS256", key, signing.HS256, claims);
}

async function pairOf(alg: Exclude<Algorithm, "HS256">): Promise<{ key: CryptoKey; jwk: JsonWebKey; pem: string }> {
  const { privateKey, publicKey } = (await crypto.subtle.generateKey(signing[alg], true, ["sign", "verify"])) as CryptoKeyPair;
  const spki = new Uint8Array((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer);
  const pem = `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...spki))}\n-----END PUBLIC KEY-----\n`;
  return { key: privateKey, jwk: (await crypto.subtle.exportKey("jwk", publicKey)) as JsonWebKey, pem };
}

const verdict = (result: Awaited<ReturnType<typeof verifyToken>>): string =>
  result instanceof Refusal ? `${result.code} ${result.details}`.trim() : result.userId;

/** A handshake or request of the router. */
function ask(path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
  return Promise.resolve(worker.fetch(new Request(`http://usher.test${path}`, { ...init, headers }) as Parameters<typeof worker.fetch>[0], accounts));
}

async function open(path: string, headers: Record<string, string> = {}): Promise<Client> {
  return Client.open(path, { to: { fetch: (request: Request) => ask(path, Object.fromEntries(request.headers)) } as Pick<Fetcher, "fetch">, headers });
}

async function codeOf(response: Promise<Response>): Promise<string> {
  const { status } = await response;
  return `${status} ${((await (await response).json()) as { code: string }).code}`;
}

function join(client: Client, type: string, roomId: string, userId: string): void {
  client.say(type, { roomId, userId, userName: userId, protocol: 1, timestamp: 1 });
}

describe("the key pins the algorithm", () => {
  test.each(["EdDSA", "ES256", "RS256"] as const)("%s", async (alg) => {
    const { key, jwk, pem } = await pairOf(alg);
    for (const AUTH_JWT_KEY of [pem, JSON.stringify(jwk), JSON.stringify({ keys: [jwk] })]) {
      const known = { ...accounts, AUTH_JWT_KEY };
      expect(verdict(await verifyToken(await sign(alg, key, signing[alg], good()), "room-1", known))).toBe("ann");
      expect(verdict(await verifyToken(await token(), "room-1", known))).toContain("INVALID_TOKEN");
      // The classic attack: HS256 with the text of the public key.
      expect(verdict(await verifyToken(await token(good(), AUTH_JWT_KEY), "room-1", known))).toContain("INVALID_TOKEN");
      expect(verdict(await verifyToken(await token(good(), AUTH_JWT_KEY.trim()), "room-1", known))).toContain("INVALID_TOKEN");
    }
  });

  test("HS256, and none", async () => {
    expect(verdict(await verifyToken(await token(), "room-1", accounts))).toBe("ann");
    expect(verdict(await verifyToken(await token(good(), `${secret}x`), "room-1", accounts))).toContain("signature");
    expect(verdict(await verifyToken(`${part({ alg: "none" })}.${part(good())}.`, "room-1", accounts))).toContain("INVALID_TOKEN");
    for (const text of ["", "a.b", "..", "a.b.c.d", `${await token()}.x`, "x".repeat(9000)]) {
      expect(verdict(await verifyToken(text, "room-1", accounts))).toContain("INVALID_TOKEN");
    }
  });

  test("a key that is no use lets nobody in", async () => {
    const weak = (await crypto.subtle.generateKey({ ...signing.RS256, modulusLength: 1024 }, true, ["sign", "verify"])) as CryptoKeyPair;
    const jwk = JSON.stringify(await crypto.subtle.exportKey("jwk", weak.publicKey));
    const made = await sign("RS256", weak.privateKey, signing.RS256, good());
    for (const AUTH_JWT_KEY of [jwk, "hunter2", '{"kty":"OKP","crv":"X448","x":"AA"}', "-----BEGIN CERTIFICATE-----"]) {
      expect(verdict(await verifyToken(made, "room-1", { ...accounts, AUTH_JWT_KEY }))).toBe("AUTH_UNAVAILABLE");
    }
  });
});

test("claims", async () => {
  const strict = { ...accounts, AUTH_ISSUER: "https://id.example", AUTH_AUDIENCE: "usher" };
  const own = { iss: "https://id.example", aud: ["usher", "other"], room: ["room-1", "room-2"], role: "HOST", name: "Ann" };
  const now = Math.floor(Date.now() / 1000);
  for (const [change, want] of [
    [{}, "ann"],
    [{ exp: now - 10 }, "ann"], // within the leeway
    [{ exp: now - 31 }, "TOKEN_EXPIRED"],
    [{ exp: undefined }, "INVALID_TOKEN exp is missing"],
    [{ nbf: now + 60 }, "INVALID_TOKEN it is not valid yet: are the clocks right?"],
    [{ iss: "https://evil.example" }, "INVALID_TOKEN iss is another issuer"],
    [{ aud: "other" }, "INVALID_TOKEN aud is another audience"],
    [{ room: "room-9" }, "ROOM_NOT_ALLOWED"],
    [{ room: [] }, "ROOM_NOT_ALLOWED"],
    [{ role: "KING" }, "INVALID_TOKEN role is none of HOST, COHOST, GUEST, VIEWER"],
    [{ name: "\u202eevil" }, "INVALID_TOKEN name is not one that others can read"],
    [{ sub: "System" }, "INVALID_TOKEN sub is missing or is not a user id: 1 to 64 letters, digits or any of _ . : -"],
  ] as const) {
    expect(verdict(await verifyToken(await token(good({ ...own, ...change })), "room-1", strict)), JSON.stringify(change)).toBe(want);
  }
});

describe("a key set", () => {
  test("is fetched once, and again for an unknown key, at most every ten seconds", async () => {
    const { key, jwk } = await pairOf("ES256");
    const served = vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ keys: [{ ...jwk, kid: "k" }, { kty: "RSA" }] }));
    const known = { ...accounts, AUTH_JWT_KEY: "", AUTH_JWKS: "https://id.example/once" };
    const made = await sign("ES256", key, signing.ES256, good(), { kid: "k" });
    for (let i = 0; i < 5; i++) {
      expect(verdict(await verifyToken(made, "room-1", known))).toBe("ann");
      expect(verdict(await verifyToken(await sign("ES256", key, signing.ES256, good(), { kid: `made up ${i}` }), "room-1", known))).toContain("not known");
    }
    expect(served).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["down", () => Promise.reject(new Error("down"))],
    ["refusing", async () => new Response("no", { status: 502 })],
    ["redirecting", async () => new Response(null, { status: 302, headers: { Location: "https://evil.example" } })],
    ["huge", async () => new Response(" ".repeat(300 << 10))],
    ["of a secret", async () => Response.json({ keys: [{ kty: "oct", k: toBase64url(encoder.encode(secret)) }] })],
    ["of nothing", async () => Response.json({ keys: [] })],
  ])("that is %s", async (name, serve) => {
    vi.spyOn(globalThis, "fetch").mockImplementation(serve);
    expect(verdict(await verifyToken(await token(), "room-1", { ...accounts, AUTH_JWKS: `https://id.example/${name}` }))).toBe("AUTH_UNAVAILABLE");
  });
});

describe("the door", () => {
  test("opens to a token in Authorization, as a subprotocol, or as a ticket that is good once", async () => {
    const roomId = newRoom();
    const path = `/ws?roomId=${roomId}`;
    const upgrade = { Upgrade: "websocket" };
    const ann = await open(path, { Authorization: `Bearer ${await token(good({ name: "Ann A" }))}` });
    join(ann, "CREATE_ROOM", roomId, "ann");
    expect(await ann.frame("ROOM_CREATED")).toMatchObject({ roomState: { users: [{ name: "Ann A" }] } });
    const protocols = { "Sec-WebSocket-Protocol": `usher.1, usher.jwt.${await token(good({ sub: "bob" }))}` };
    const response = await ask(path, { ...upgrade, ...protocols });
    expect([response.status, response.headers.get("Sec-WebSocket-Protocol")]).toEqual([101, "usher.1"]);
    const given = (await (
      await ask(`/tickets?roomId=${roomId}`, { Authorization: `Bearer ${await token(good({ sub: "cem" }))}` }, { method: "POST" })
    ).json()) as {
      ticket: string;
      userId: string;
    };
    expect(given.userId).toBe("cem");
    for (const [code, type] of [
      ["", "ROOM_JOINED"],
      ["TICKET_USED", "ERROR"],
    ]) {
      const cem = await open(`${path}&ticket=${given.ticket}`);
      join(cem, "JOIN_ROOM", roomId, "cem");
      expect((await cem.frame(type as string))["code"] ?? "").toBe(code);
    }
    ann.say("RENEW_AUTH", { roomId, userId: "ann", token: await token(good({ exp: 4e9 })), timestamp: 1 });
    expect(await ann.frame("AUTH_RENEWED")).toMatchObject({ expiresAt: 4e12 + 30_000 });
  });

  test("stays closed to everybody else", async () => {
    const upgrade = { Upgrade: "websocket" };
    expect(await codeOf(ask("/rooms/auth-1/ws", upgrade))).toBe("401 AUTH_REQUIRED");
    expect(await codeOf(ask("/rooms/auth-1"))).toBe("401 AUTH_REQUIRED");
    expect(await codeOf(ask("/ws?roomId=auth-1&ticket=a.b.c", upgrade))).toBe("401 INVALID_TICKET");
    expect(await codeOf(ask("/ws?roomId=auth-1&invite=a.b.c", upgrade))).toBe("401 INVALID_INVITE");
    expect(await codeOf(ask("/ws?roomId=auth-1&ticket=a&invite=b", upgrade))).toBe("401 INVALID_TOKEN");
    expect(await codeOf(ask("/ws?roomId=auth-1", { ...upgrade, Authorization: `Bearer ${await token(good({ room: "another" }))}` }))).toBe(
      "403 ROOM_NOT_ALLOWED",
    );
    expect(await codeOf(ask("/tickets?roomId=auth-1", {}, { method: "POST" }))).toBe("401 AUTH_REQUIRED");
    // Nobody says who they are but the router.
    const forged = encodeURIComponent(JSON.stringify({ userId: "ann", role: "HOST" }));
    const leo = await open(`/ws?roomId=${newRoom()}`, { "X-Usher-Identity": forged });
    leo.say("JOIN_ROOM", { roomId: `auth-room-${rooms - 1}`, userId: "leo", userName: "Leo", timestamp: 1 });
    expect((await leo.frame("ERROR"))["code"]).toBe("AUTH_REQUIRED");
    expect(await leo.closedWith()).toBe(1000);
  });

  test("a program creates a room, and invites to it", async () => {
    const roomId = newRoom();
    const create = (body: string, key = "usher_key"): Promise<Response> => ask("/rooms", { Authorization: `Bearer ${key}` }, { method: "POST", body });
    expect(await codeOf(create("{}", "usher_other"))).toBe("401 INVALID_API_KEY");
    const { API_KEYS } = accounts;
    accounts = { ...accounts, API_KEYS: `${API_KEYS} read,moderate` };
    expect(await codeOf(create("{}"))).toBe("401 INVALID_API_KEY");
    accounts = { ...accounts, API_KEYS: `${API_KEYS} read,rooms` };
    for (const body of [
      "",
      "[]x",
      '{"x":1}',
      '{"waitMs":5}',
      '{"invites":[{"role":"KING"}]}',
      '{"controlMode":"ALL"}',
      '{"roomName":"\\u202e"}',
      '{"invites":[null]}',
      '{"keepMs":-1}',
      '{"keepMs":31536000001}',
      '{"iceTransportPolicy":"direct"}',
      '{"door":[]}',
      '{"door":{"colour":1}}',
      '{"door":{"entry":"AJAR"}}',
      '{"door":{"passcode":"abc"}}',
      '{"door":{"passcode":"ab\\u2028cd"}}',
      '{"door":{"maxPeople":1.5}}',
      '{"door":{"maxPeople":51}}',
    ]) {
      expect(await codeOf(create(body)), body).toBe("400 INVALID_MESSAGE");
    }
    const response = await create(JSON.stringify({ roomId, roomName: "Film night", invites: [{ role: "HOST", once: true }, { role: "VIEWER" }] }));
    expect(response.status).toBe(201);
    const { invites } = (await response.json()) as { invites: { invite: string; url: string }[] };
    const [host, viewer] = invites.map(({ invite }) => invite);
    expect(invites[0]?.url).toBe(`http://usher.test/#${roomId}?invite=${host}`);
    expect(await codeOf(create(JSON.stringify({ roomId })))).toBe("409 ROOM_EXISTS");
    expect((await ask(`/rooms/${roomId}?invite=${viewer}`)).status).toBe(200);
    const ann = await open(`/ws?roomId=${roomId}&invite=${host}`);
    join(ann, "JOIN_ROOM", roomId, "ann");
    expect(await ann.frame("ROOM_JOINED")).toMatchObject({ roomState: { name: "Film night", hostId: "ann" } });
    const bob = await open(`/ws?roomId=${roomId}&invite=${host}`);
    join(bob, "JOIN_ROOM", roomId, "bob");
    expect((await bob.frame("ERROR"))["code"]).toBe("INVITE_USED");
  });

  test("a program chooses the door, and how long the room stays", async () => {
    const roomId = newRoom();
    const body = { roomId, keepMs: 3_600_000, iceTransportPolicy: "relay", door: { entry: "OPEN", passcode: "sésame", maxPeople: 3, listed: true } };
    const headers = { Authorization: "Bearer usher_key" };
    const response = await ask("/rooms", headers, { method: "POST", body: JSON.stringify(body) });
    const { createdAt, awaitedUntil, keepMs, ownerToken } = (await response.json()) as Record<string, number>;
    expect({ keepMs, until: Number(awaitedUntil) - Number(createdAt) }).toEqual({ keepMs: 3_600_000, until: 3_600_000 });
    const enter = async (userId: string, fields: Record<string, unknown>): Promise<Client> => {
      const client = await open(`/ws?roomId=${roomId}`, { Authorization: `Bearer ${await token(good({ sub: userId }))}` });
      client.say("JOIN_ROOM", { roomId, userId, userName: userId, timestamp: 1, protocol: 1, ...fields });
      return client;
    };
    expect((await (await enter("ann", {})).frame("ERROR"))["code"]).toBe("PASSCODE_REQUIRED");
    expect((await (await enter("ann", { passcode: "sesame" })).frame("ERROR"))["code"]).toBe("WRONG_PASSCODE");
    const bob = await enter("bob", { passcode: "sésame" });
    expect(await bob.frame("ROOM_JOINED")).toMatchObject({
      keepMs: 3_600_000,
      roomState: { hostId: "bob", iceTransportPolicy: "relay", door: { entry: "OPEN", hasPasscode: true, maxPeople: 3, listed: true } },
    });
    const cem = await enter("cem", { passcode: "sésame", ownerToken });
    expect(await cem.frame("ROOM_JOINED")).toMatchObject({ roomState: { hostId: "cem" } });
  });

  test("a worker without accounts refuses what it cannot verify", async () => {
    accounts = env;
    expect(await codeOf(ask("/ws?roomId=auth-1", { Upgrade: "websocket", Authorization: "Bearer a.b.c" }))).toBe("401 INVALID_TOKEN");
    expect(await codeOf(ask("/tickets?roomId=auth-1", {}, { method: "POST" }))).toBe("404 NOT_FOUND");
    expect(await codeOf(ask("/rooms", {}, { method: "POST" }))).toBe("404 NOT_FOUND");
  });
});
