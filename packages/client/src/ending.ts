import { isFinal as isFinalCode } from "./backoff.js";
import { failure, refusal, RoomError, type ConnectionErrorCode } from "./error.js";
import type { ServerMessage } from "./signaling.js";
import type { StoredSeat } from "./store.js";

export const leftCode = 1000;
/** Of the private range: the server holds the seat. */
const abandonedCode = 4999;

/** How a connection ended. */
export interface Ending {
  /** 1006 for everything that is no close frame. */
  code: number;
  /** What the platform fired or threw. */
  cause: unknown;
  /** What it means for somebody who waits for a reply. */
  reason: ConnectionErrorCode;
  /** Why the server refused the connection, or nobody could ask for one, if that is known. */
  refusal?: RoomError | undefined;
}

const finalReasons: Readonly<Partial<Record<number, ConnectionErrorCode>>> = { 4003: "SEAT_RESUMED_ELSEWHERE", 4004: "ROOM_ENDED" };

/** Reports that no new connection will end differently. */
export function isFinal({ code, reason, refusal: known }: Ending): boolean {
  return isFinalCode(code) || known?.retryable === false || reason === "LOCAL_NETWORK_DENIED";
}

/** The error of somebody for whom this was the last connection. */
export function failureOf({ code, cause, reason, refusal: known }: Ending): RoomError {
  return known ?? failure(isFinalCode(code) ? (finalReasons[code] ?? "CLOSED") : reason, cause, `${code}`);
}

/**
 * Reports whether the seat is gone, or somebody else's. After 4003 it is this participant's still,
 * elsewhere, maybe from the same store.
 */
export function endsSeat({ code }: Ending): boolean {
  return [1000, 4002, 4004, 4005].includes(code);
}

/**
 * The close code for a connection whose seat is not left. Without a token nobody can return to it,
 * though, if it was given just now, nor to a place at the door.
 */
export function goingCode(seat: StoredSeat | undefined): number {
  return (seat?.resumeToken ?? "") === "" && seat?.knockToken === undefined ? leftCode : abandonedCode;
}

/**
 * Why the host, a cohost or the operator has removed this participant, if the message says so. An
 * ERROR does for a seat without a token, as a legacy client's.
 */
export function removalOf(message: ServerMessage): RoomError | undefined {
  if (message.type === "ERROR") {
    return ["KICKED", "BANNED", "ROOM_CLOSED"].includes(message.code) ? refusal(message) : undefined;
  }
  if (message.type !== "KICKED") {
    return undefined;
  }
  const { banned, reason } = message;
  return banned
    ? new RoomError("BANNED", "You are banned from this room", false, reason, { cause: message })
    : new RoomError("KICKED", "You were removed from the room", false, reason, { cause: message });
}
