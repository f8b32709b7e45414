// The tokens of the operator's accounts (JWT, RFC 7519), verified by WebCrypto.

import { maxAuthTokenBytes, userIdPattern } from "@usher/types";

import { fromBase64url, isRole, Refusal, type Identity } from "./identity";
import { log } from "./http";
import { parseKeys, verifies, type JwtKey } from "./jwtKey";
import { KeySet } from "./keySet";

const maxLeewaySeconds = 300;
const reserved = /^[_.:-]*(system|server|usher)[_.:-]*$/i;
const unreadable = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
const maxNameUnits = 64;

interface Claims {
  [claim: string]: unknown;
}

/** The keys by the variable that has them, for this isolate. */
const keys = new Map<string, Promise<JwtKey[]>>();
const sets = new Map<string, KeySet>();

/** Reports whether nobody is let in without a token, ticket or invite. */
export function hasAccounts(env: Env): boolean {
  return Boolean(env.AUTH_JWT_KEY) || Boolean(env.AUTH_JWKS);
}

/** Returns whom a token identifies, if it is for the room. */
export async function verifyToken(token: string, roomId: string, env: Env): Promise<Identity | Refusal> {
  const [head = "", body = "", signature = "", ...rest] = token.split(".");
  let header: { alg?: unknown; kid?: unknown; crit?: unknown };
  let claims: Claims;
  let signed: Uint8Array<ArrayBuffer>;
  try {
    header = decode(head) as typeof header;
    claims = decode(body) as Claims;
    signed = fromBase64url(signature);
  } catch {
    return new Refusal("INVALID_TOKEN", "it is malformed");
  }
  if (rest.length > 0 || token.length > maxAuthTokenBytes || header.crit !== undefined) {
    return new Refusal("INVALID_TOKEN", "it is malformed");
  }
  const known = await keysFor(typeof header.kid === "string" ? header.kid : "", env);
  if (known === undefined) {
    return new Refusal("AUTH_UNAVAILABLE");
  }
  const fitting = known.filter(({ algorithm }) => algorithm === header.alg);
  const data = new TextEncoder().encode(`${head}.${body}`);
  for (const key of fitting) {
    if (await verifies(key, signed, data)) {
      return check(claims, env) ?? identityOf(claims, roomId, env);
    }
  }
  return new Refusal("INVALID_TOKEN", fitting.length === 0 ? "its key is not known, or has another algorithm" : "its signature is not that of the key");
}

function decode(part: string): object {
  const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(fromBase64url(part)));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("no object");
  }
  return value;
}

async function keysFor(id: string, env: Env): Promise<readonly JwtKey[] | undefined> {
  if (env.AUTH_JWKS) {
    const set = sets.get(env.AUTH_JWKS) ?? new KeySet(env.AUTH_JWKS);
    sets.set(env.AUTH_JWKS, set);
    return set.find(id);
  }
  const content = env.AUTH_JWT_KEY ?? "";
  const parsed = keys.get(content) ?? parseKeys(content);
  keys.set(content, parsed);
  try {
    const all = await parsed;
    const named = all.filter((key) => key.id === id);
    return named.length > 0 ? named : all.filter((key) => id === "" || key.id === "");
  } catch (error) {
    log("error", "AUTH_JWT_KEY cannot be used", { error: String(error) });
    return undefined;
  }
}

/** Looks at the registered claims. */
function check({ iss, aud, exp, nbf, iat }: Claims, env: Env): Refusal | undefined {
  const now = Date.now() / 1000;
  const leeway = leewayOf(env);
  const times = [exp, nbf ?? 0, iat ?? 0];
  if (times.some((time) => typeof time !== "number")) {
    return new Refusal("INVALID_TOKEN", exp === undefined ? "exp is missing" : "its claims are malformed");
  }
  if (env.AUTH_ISSUER && iss !== env.AUTH_ISSUER) {
    return new Refusal("INVALID_TOKEN", "iss is another issuer");
  }
  if (env.AUTH_AUDIENCE && ![aud].flat().includes(env.AUTH_AUDIENCE)) {
    return new Refusal("INVALID_TOKEN", "aud is another audience");
  }
  if (now >= (exp as number) + leeway) {
    return new Refusal("TOKEN_EXPIRED");
  }
  if (Math.max(Number(nbf ?? 0), Number(iat ?? 0)) > now + leeway) {
    return new Refusal("INVALID_TOKEN", "it is not valid yet: are the clocks right?");
  }
  return undefined;
}

function leewayOf(env: Env): number {
  return Math.min(Math.max(Number(env.AUTH_LEEWAY_SECONDS ?? 30) || 0, 0), maxLeewaySeconds);
}

function identityOf({ sub, name = "", room, role = "", create, exp }: Claims, roomId: string, env: Env): Identity | Refusal {
  if (typeof sub !== "string" || !userIdPattern.test(sub) || reserved.test(sub)) {
    return new Refusal("INVALID_TOKEN", "sub is missing or is not a user id: 1 to 64 letters, digits or any of _ . : -");
  }
  if (typeof name !== "string" || unreadable.test(name) || (name !== "" && name.trim() === "")) {
    return new Refusal("INVALID_TOKEN", "name is not one that others can read");
  }
  if (role !== "" && !isRole(role)) {
    return new Refusal("INVALID_TOKEN", "role is none of HOST, COHOST, GUEST, VIEWER");
  }
  const rooms = room === undefined ? [roomId] : [room].flat();
  if (rooms.some((id) => typeof id !== "string") || (create !== undefined && typeof create !== "boolean")) {
    return new Refusal("INVALID_TOKEN", "its claims are malformed");
  }
  if (!rooms.includes(roomId)) {
    return new Refusal("ROOM_NOT_ALLOWED");
  }
  return {
    userId: sub,
    name: name.trim().slice(0, maxNameUnits).toWellFormed(),
    role: role as Identity["role"],
    mayCreate: create ?? env.AUTH_CREATE !== "false",
    invited: false,
    expiresAtMs: ((exp as number) + leewayOf(env)) * 1000,
    enterUntilMs: 0,
    roomSinceMs: 0,
    once: "",
  };
}
