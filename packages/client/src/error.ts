import type { ErrorCode, ErrorMessage } from "@usher/types";

/** What fails without the server having said so. */
export type ConnectionErrorCode =
  /** No connection could be opened. The browser does not tell why; GET /readyz and /rooms/ROOM may. */
  | "SERVER_UNREACHABLE"
  /** The connection was lost before the answer. The request may have been carried out. */
  | "CONNECTION_LOST"
  /** No answer in 10 s. */
  | "TIMED_OUT"
  /** The seat was taken over by another tab or device that had its token. */
  | "SEAT_RESUMED_ELSEWHERE"
  /** The room ended because nothing happened in it for too long. */
  | "ROOM_ENDED"
  /** The server closed the connection for good; details says with which code. */
  | "CLOSED";

const sentences: Readonly<Record<ConnectionErrorCode, string>> = {
  SERVER_UNREACHABLE: "The server cannot be reached",
  CONNECTION_LOST: "The connection was lost before the answer",
  TIMED_OUT: "The server did not answer in time",
  SEAT_RESUMED_ELSEWHERE: "Your seat is in use in another tab or on another device",
  ROOM_ENDED: "The room has ended",
  CLOSED: "The server closed the connection",
};
const retryable: readonly ConnectionErrorCode[] = ["SERVER_UNREACHABLE", "CONNECTION_LOST", "TIMED_OUT"];

/** A refusal by the server, or a failure of the connection to it. Branch on code; message is for people. */
export class RoomError extends Error {
  override readonly name = "RoomError";
  constructor(
    readonly code: ErrorCode | ConnectionErrorCode,
    sentence: string,
    /** Says that the same request may succeed later. */
    readonly retryable: boolean,
    readonly details?: string,
  ) {
    super(sentence);
  }
}

/** The error of an ERROR message. */
export function refusal(message: ErrorMessage): RoomError {
  return new RoomError(message.code, message.error, message.retryable, message.details);
}

/** The error of a failure that the server has not told. */
export function failure(code: ConnectionErrorCode, details?: string): RoomError {
  return new RoomError(code, sentences[code], retryable.includes(code), details);
}
