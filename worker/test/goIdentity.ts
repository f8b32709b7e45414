// What traces say of people, as the worker has it.

import { toBase64url, type Identity } from "../src/identity";

/** package room's Identity as Go writes it. */
export interface GoIdentity {
  UserID: string;
  Name: string;
  Role: number;
  HasRole: boolean;
  MayCreate: boolean;
  Invited: boolean;
  ExpiresAtMs: number;
  EnterUntilMs: number;
  RoomSinceMs: number;
  Once: number[];
}

export function identityOf(who: GoIdentity): Identity {
  return {
    userId: who.UserID,
    name: who.Name,
    role: who.HasRole ? (["GUEST", "VIEWER", "COHOST", "HOST"] as const)[who.Role as 0] : "",
    mayCreate: who.MayCreate,
    invited: who.Invited,
    expiresAtMs: who.ExpiresAtMs,
    enterUntilMs: who.EnterUntilMs,
    roomSinceMs: who.RoomSinceMs,
    once: who.Once.some((byte) => byte !== 0) ? toBase64url(Uint8Array.from(who.Once)) : "",
  };
}
