// Frames as text, and back.

import { pingFrame, type ClientMessage } from "@usher/types";
import { failure } from "./error.js";
import type { ServerMessage } from "./signaling.js";

/**
 * The text of a message. Throws a RoomError if it has none, or a longer one than the server takes.
 */
export function frameOf(message: ClientMessage, maxBytes: number): string {
  // Only these very bytes are answered by Cloudflare without waking the room.
  const text = message.type === "PING" && message.timestamp === undefined ? pingFrame : textOf(message);
  const bytes = byteLength(text);
  if (bytes > maxBytes) {
    throw failure("MESSAGE_TOO_LARGE", undefined, `${bytes} bytes, and the server takes ${maxBytes}`);
  }
  return text;
}

/** How long a text is in UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

/** The server is believed about its messages' fields. Undefined for what is no message at all. */
export function parseMessage(data: unknown): ServerMessage | undefined {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof (message as { type?: unknown } | null)?.type === "string" ? (message as ServerMessage) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(message: ClientMessage): string {
  try {
    return JSON.stringify(message);
  } catch (error) {
    throw failure("INVALID_MESSAGE", error);
  }
}
