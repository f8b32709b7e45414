// A room that a program creates ahead of its people, as the core takes it: package abi describes
// the bytes.

import type { ControlMode } from "@usher/types";

import { floats, joined, text } from "./identity";

/** package room's Arrangement. */
export interface Arrangement {
  readonly awaitedUntilMs: number;
  readonly controlMode: ControlMode;
  readonly roomName: string;
  readonly relayOnly: boolean;
  readonly keepMs: number;
  /** "" for OPEN. */
  readonly entry: string;
  /** "" for none. */
  readonly passcode: string;
  /** 0 for as many as there may be. */
  readonly maxPeople: number;
  readonly listed: boolean;
}

/** package room's Creation. */
export interface Creation {
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  readonly keepMs: number;
  /** "" unless the room stays. */
  readonly ownerToken: string;
}

/**
 * The input of Event.arranged. The hash is the salt and the digest of the passcode, empty if there
 * is none.
 */
export function arrangementInput(wanted: Arrangement, hash: Uint8Array): Uint8Array {
  const { awaitedUntilMs, keepMs, maxPeople, controlMode, roomName, entry, relayOnly, listed } = wanted;
  const flags = (relayOnly ? 1 : 0) | (listed ? 2 : 0) | (hash.length > 0 ? 4 : 0);
  return joined([floats(awaitedUntilMs, keepMs, maxPeople), text(controlMode), text(roomName), text(entry), new Uint8Array([flags]), hash]);
}
