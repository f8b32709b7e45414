import type { ErrorCode, ErrorMessage, UndeliveredMessage } from "@usher/types";

/** The failures that the server did not report, and whether the same request may succeed later. */
export interface ConnectionErrorCodes {
  /** No connection could be opened. The browser does not say why; GET /readyz may. */
  readonly SERVER_UNREACHABLE: "retryable";
  /**
   * The user or a policy keeps the page from the local network (Chromium's Local Network Access).
   */
  readonly LOCAL_NETWORK_DENIED: "final";
  /** The connection was lost before the reply. The request may have been carried out. */
  readonly CONNECTION_LOST: "retryable";
  /** No reply came in time. The request may have been carried out. */
  readonly TIMED_OUT: "retryable";
  /** close(), leave() or an AbortSignal came before the reply. */
  readonly ABORTED: "final";
  /** The option auth threw or rejected. */
  readonly AUTH_FAILED: "retryable";
  /** The message is larger than maxFrameBytes. Nothing was sent. */
  readonly MESSAGE_TOO_LARGE: "final";
  /** The server's address is not a WebSocket address. Thrown by the constructor. */
  readonly INVALID_URL: "final";
  /** Another tab or device, which had the seat's token, took the seat. */
  readonly SEAT_RESUMED_ELSEWHERE: "final";
  /** The room ended because it was idle for too long. */
  readonly ROOM_ENDED: "final";
  /** The server closed the connection for good; details has the close code. */
  readonly CLOSED: "final";
}

/** The stable name of a failure that the server did not report. */
export type ConnectionErrorCode = keyof ConnectionErrorCodes;

/** The server's codes that the client finds out by itself. */
type OwnErrorCode = "INVALID_ROOM_ID" | "INVALID_USER_ID" | "INVALID_MESSAGE" | "NOT_SEATED" | "ALREADY_SEATED";

const sentences: Readonly<Record<ConnectionErrorCode | OwnErrorCode, string>> = {
  SERVER_UNREACHABLE: "The server cannot be reached",
  LOCAL_NETWORK_DENIED: "The browser does not allow this page to connect to your local network",
  CONNECTION_LOST: "The connection was lost before the reply",
  TIMED_OUT: "The server did not answer in time",
  ABORTED: "The request was canceled",
  AUTH_FAILED: "No token could be fetched for your account",
  MESSAGE_TOO_LARGE: "The message is too large",
  INVALID_URL: "This is not a WebSocket address",
  SEAT_RESUMED_ELSEWHERE: "Your seat is in use in another tab or on another device",
  ROOM_ENDED: "The room has ended",
  CLOSED: "The server closed the connection",
  INVALID_ROOM_ID: "The room id is malformed",
  INVALID_USER_ID: "The user id is malformed",
  INVALID_MESSAGE: "The message is malformed",
  NOT_SEATED: "This client has no seat yet",
  ALREADY_SEATED: "This client has a seat, or is about to have one: leave() first",
};
type RetryableCode = { [C in ConnectionErrorCode]: ConnectionErrorCodes[C] extends "retryable" ? C : never }[ConnectionErrorCode];
const retryable: Readonly<Record<RetryableCode, true>> = { SERVER_UNREACHABLE: true, CONNECTION_LOST: true, TIMED_OUT: true, AUTH_FAILED: true };

/**
 * A refusal by the server, or a failure on the way to it. Branch on `code`; `message` is a sentence
 * for people.
 */
export class RoomError extends Error {
  override readonly name = "RoomError";
  /** Made by the client; public so that tests can make one. */
  constructor(
    /** One of the server's codes (ErrorCodes) or of the client's own (ConnectionErrorCodes). */
    readonly code: ErrorCode | ConnectionErrorCode,
    sentence: string,
    /** Reports that the same request may succeed later. */
    readonly retryable: boolean,
    /** More about it, for developers: the field that is wrong, or the close code. */
    readonly details?: string,
    /** `cause` is what was thrown, fired or received. */
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
  return new RoomError(code, sentences[code], code in retryable, details, cause === undefined ? undefined : { cause });
}
