import type { ErrorCode, ErrorMessage, UndeliveredMessage } from "@usher/types";

/** What fails without the server saying so. */
export type ConnectionErrorCode =
  /** No connection could be opened. The browser does not say why; GET /readyz and /rooms/ROOM may. */
  | "SERVER_UNREACHABLE"
  /** The browser does not let this page reach the local network, because its user or a policy said no. */
  | "LOCAL_NETWORK_DENIED"
  /** The connection was lost before the answer. The request may have been carried out. */
  | "CONNECTION_LOST"
  /** No answer in time. The request may have been carried out. */
  | "TIMED_OUT"
  /** close(), leave() or an AbortSignal came before the answer. */
  | "ABORTED"
  /** The message is larger than the server takes. Nothing was sent. */
  | "MESSAGE_TOO_LARGE"
  /** The server's address is no WebSocket address. */
  | "INVALID_URL"
  /** The seat was taken over by another tab or device that had its token. */
  | "SEAT_RESUMED_ELSEWHERE"
  /** The room ended because nothing happened in it for too long. */
  | "ROOM_ENDED"
  /** The server closed the connection for good; details has the close code. */
  | "CLOSED";

/** The server's codes that the client finds out by itself. */
type OwnErrorCode = "INVALID_ROOM_ID" | "INVALID_USER_ID" | "INVALID_MESSAGE" | "NOT_SEATED" | "ALREADY_SEATED";

const sentences: Readonly<Record<ConnectionErrorCode | OwnErrorCode, string>> = {
  SERVER_UNREACHABLE: "The server cannot be reached",
  LOCAL_NETWORK_DENIED: "The browser does not allow this page to connect to your local network",
  CONNECTION_LOST: "The connection was lost before the answer",
  TIMED_OUT: "The server did not answer in time",
  ABORTED: "The request was given up",
  MESSAGE_TOO_LARGE: "The message is too large",
  INVALID_URL: "This is no WebSocket address",
  SEAT_RESUMED_ELSEWHERE: "Your seat is in use in another tab or on another device",
  ROOM_ENDED: "The room has ended",
  CLOSED: "The server closed the connection",
  INVALID_ROOM_ID: "The room id is malformed",
  INVALID_USER_ID: "The user id is malformed",
  INVALID_MESSAGE: "The message is malformed",
  NOT_SEATED: "There is no seat in a room yet",
  ALREADY_SEATED: "This client has a seat, or is about to have one: leave() first",
};
const retryable: readonly string[] = ["SERVER_UNREACHABLE", "CONNECTION_LOST", "TIMED_OUT"];

/** A refusal by the server, or a failure on the way to it. Branch on code; message is for people. */
export class RoomError extends Error {
  override readonly name = "RoomError";
  constructor(
    readonly code: ErrorCode | ConnectionErrorCode,
    sentence: string,
    /** Says that the same request may succeed later. */
    readonly retryable: boolean,
    readonly details?: string,
    /** What was thrown, fired or received: `cause` of the error. */
    options?: { cause?: unknown },
  ) {
    super(sentence, options);
  }
}

/** The error of an ERROR or UNDELIVERED message, which is its cause. */
export function refusal(message: ErrorMessage | UndeliveredMessage): RoomError {
  const isError = message.type === "ERROR";
  const sentence = isError ? message.error : "The message could not be delivered";
  return new RoomError(message.code, sentence, message.retryable, isError ? message.details : message.messageType, { cause: message });
}

/** The error of a failure that the server did not report. */
export function failure(code: ConnectionErrorCode | OwnErrorCode, cause?: unknown, details?: string): RoomError {
  return new RoomError(code, sentences[code], retryable.includes(code), details, cause === undefined ? undefined : { cause });
}
