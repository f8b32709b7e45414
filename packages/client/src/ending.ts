import { isFinal } from "./backoff.js";
import { failure, type ConnectionErrorCode, type RoomError } from "./error.js";
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
}

const finalReasons: Readonly<Partial<Record<number, ConnectionErrorCode>>> = { 4003: "SEAT_RESUMED_ELSEWHERE", 4004: "ROOM_ENDED" };

/** The error of somebody for whom this was the last connection. */
export function failureOf({ code, cause, reason }: Ending): RoomError {
  return failure(isFinal(code) ? (finalReasons[code] ?? "CLOSED") : reason, cause, `${code}`);
}

/** Says whether the seat is gone, or somebody else's. After 4003 it is this participant's still, elsewhere, maybe from the same store. */
export function endsSeat({ code }: Ending): boolean {
  return [1000, 4002, 4004].includes(code);
}

/** The close code for a connection whose seat is not left. Without a token nobody can return to it, though, if it was given just now. */
export function goingCode(seat: StoredSeat | undefined): number {
  return (seat?.resumeToken ?? "") === "" ? leftCode : abandonedCode;
}
