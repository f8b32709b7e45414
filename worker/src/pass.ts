// Tickets and invites: compact JWS with HS256, signed with keys derived from INVITE_SECRET. Whether
// one has been used is for the room to say.

import { maxAuthTokenBytes } from "@usher/types";

import { fromBase64url, isRole, Refusal, toBase64url, type Identity } from "./identity";

const ticketMs = 30_000;
const encoder = new TextEncoder();
const header = toBase64url(encoder.encode('{"alg":"HS256"}'));

type Purpose = "usher ticket" | "usher invite";

/** What a ticket or invite says; package server/auth has the same. */
interface Pass {
  room: string;
  sub?: string;
  name?: string;
  role?: string;
  create?: boolean;
  tokenUntil?: number;
  until: number;
  once?: string;
  since?: number;
}

export interface Invite {
  roomId: string;
  roomSinceMs: number;
  role: string;
  untilMs: number;
  once: boolean;
}

export async function newTicket(roomId: string, who: Identity, secret: string): Promise<{ ticket: string; expiresAt: number }> {
  const until = Date.now() + ticketMs;
  const { userId: sub, name, role, mayCreate: create, expiresAtMs: tokenUntil } = who;
  const ticket = await sign("usher ticket", { room: roomId, sub, name, role, create, tokenUntil, until, once: newOnce() }, secret);
  return { ticket, expiresAt: until };
}

export function newInvite({ roomId, roomSinceMs, role, untilMs, once }: Invite, secret: string): Promise<string> {
  return sign("usher invite", { room: roomId, since: roomSinceMs, role, until: untilMs, once: once ? newOnce() : "" }, secret);
}

export async function readTicket(roomId: string, ticket: string, secret: string): Promise<Identity | Refusal> {
  const pass = await read("usher ticket", ticket, secret);
  if (pass === undefined) {
    return new Refusal("INVALID_TICKET", "it was not issued by this server");
  }
  if (pass.room !== roomId) {
    return new Refusal("ROOM_NOT_ALLOWED");
  }
  return Date.now() >= pass.until ? new Refusal("INVALID_TICKET", "it has expired") : identityOf(pass, false);
}

/**
 * One that has expired is let through to the room, which lets the owner of a seat return with it.
 */
export async function readInvite(roomId: string, invite: string, secret: string): Promise<Identity | Refusal> {
  const pass = await read("usher invite", invite, secret);
  if (pass === undefined) {
    return new Refusal("INVALID_INVITE", "it was not issued by this server, or a part of it is missing");
  }
  return pass.room === roomId ? identityOf(pass, true) : new Refusal("INVALID_INVITE", "it is for another room");
}

function identityOf(pass: Pass, invited: boolean): Identity {
  return {
    userId: pass.sub ?? "",
    name: pass.name ?? "",
    role: isRole(pass.role) ? pass.role : "",
    mayCreate: pass.create ?? false,
    invited,
    expiresAtMs: pass.tokenUntil ?? 0,
    enterUntilMs: pass.until,
    roomSinceMs: pass.since ?? 0,
    once: pass.once ?? "",
  };
}

function newOnce(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)));
}

async function sign(purpose: Purpose, pass: Pass, secret: string): Promise<string> {
  const data = `${header}.${toBase64url(encoder.encode(JSON.stringify(pass)))}`;
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", await keyOf(purpose, secret), encoder.encode(data)));
  return `${data}.${toBase64url(mac)}`;
}

async function read(purpose: Purpose, text: string, secret: string): Promise<Pass | undefined> {
  const [head, body = "", signature = "", ...rest] = text.split(".");
  if (head !== header || rest.length > 0 || text.length > maxAuthTokenBytes || secret === "") {
    return undefined;
  }
  try {
    const data = encoder.encode(`${head}.${body}`);
    const isOurs = await crypto.subtle.verify("HMAC", await keyOf(purpose, secret), fromBase64url(signature), data);
    return isOurs ? (JSON.parse(new TextDecoder().decode(fromBase64url(body))) as Pass) : undefined;
  } catch {
    return undefined;
  }
}

/** HKDF (RFC 5869), one key for each purpose. */
async function keyOf(purpose: Purpose, secret: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encoder.encode(purpose) };
  return crypto.subtle.deriveKey(how, material, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign", "verify"]);
}
