// Who somebody is, as the core takes it: package abi describes the bytes.

import type { ErrorCode } from "@usher/types";

/** package room's Identity. */
export interface Identity {
  readonly userId: string;
  readonly name: string;
  /** "" for what the room decides. */
  readonly role: "" | Role;
  readonly mayCreate: boolean;
  readonly invited: boolean;
  /** Times are ms; 0 for none. */
  readonly expiresAtMs: number;
  readonly enterUntilMs: number;
  readonly roomSinceMs: number;
  /** 16 bytes in base64url; "" for what may be used again. */
  readonly once: string;
}

/** Why somebody is not let in. */
export class Refusal {
  constructor(
    readonly code: ErrorCode,
    readonly details = "",
  ) {}
}

/** In the order of package protocol. */
const roles = ["GUEST", "VIEWER", "COHOST", "HOST"] as const;
export type Role = (typeof roles)[number];

export function isRole(text: unknown): text is Role {
  return roles.some((role) => role === text);
}

const onceBytes = 16;
const encoder = new TextEncoder();

/** The identity behind what comes before it. */
export function withIdentity(before: Uint8Array, who: Identity | undefined): Uint8Array {
  if (who === undefined) {
    return before;
  }
  const flags = (who.role === "" ? 0 : 1) | (who.mayCreate ? 2 : 0) | (who.invited ? 4 : 0) | (who.once === "" ? 0 : 8);
  const head = new Uint8Array([flags, who.role === "" ? 0 : roles.indexOf(who.role)]);
  const times = floats(who.expiresAtMs, who.enterUntilMs, who.roomSinceMs);
  const once = who.once === "" ? new Uint8Array() : fromBase64url(who.once).subarray(0, onceBytes);
  return joined([before, head, times, text(who.userId), text(who.name), once]);
}

/** The input of Event.verified. The frame is the one that an invite came in. */
export function verdictInput(ref: string, verdict: Identity | Refusal, frame?: string): Uint8Array {
  const refusal = verdict instanceof Refusal ? verdict : undefined;
  const found = joined([text(ref), text(refusal?.code ?? ""), text(refusal?.details ?? "")]);
  const before = frame === undefined ? found : joined([found, text(frame)]);
  return withIdentity(before, verdict instanceof Refusal ? undefined : verdict);
}

/** Numbers as package abi takes them. */
export function floats(...numbers: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * numbers.length));
  numbers.forEach((number, i) => view.setFloat64(8 * i, number, true));
  return new Uint8Array(view.buffer);
}

/** A text as package abi takes it. */
export function text(content: string): Uint8Array {
  const bytes = encoder.encode(content);
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, bytes.length, true);
  return joined([new Uint8Array(length.buffer), bytes]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Throws for what is no base64url. */
export function fromBase64url(content: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(content)) {
    throw new Error("no base64url");
  }
  return Uint8Array.from(atob(content.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

export function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
