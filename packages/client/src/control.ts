import { maxUrlBytes, type RoomState, type SyncMessage } from "@usher/types";
import { byteLength } from "./frame.js";
import { roleOf } from "./role.js";
import type { MarkedSync, OutgoingSync, ServerMessage } from "./signaling.js";

type SyncType = SyncMessage["type"];

/**
 * Reports whether a participant may send such a message: the server's rule, for what does not pass
 * the server.
 */
export function mayControl(room: RoomState, userId: string, type: SyncType): boolean {
  const role = roleOf(room, userId);
  if (role === "HOST" || type === "CONTROL_MODE_CHANGE") {
    return role === "HOST";
  }
  return role === "COHOST" || (role === "GUEST" && (room.controlMode === "FREE_FOR_ALL" || type.startsWith("CLIENT_REQUEST_")));
}

const needed: Readonly<Record<SyncType, readonly string[]>> = {
  HOST_STATE_UPDATE: ["state", "time"],
  UNIFIED_SYNC: ["action", "time", "videoUrl"],
  CONTROL_MODE_CHANGE: ["mode"],
  HOST_NAVIGATE: ["url"],
  CLIENT_REQUEST_PLAY: [],
  CLIENT_REQUEST_PAUSE: [],
  CLIENT_REQUEST_SEEK: ["time"],
  DIRECT_PLAY: [],
  DIRECT_PAUSE: [],
  DIRECT_SEEK: ["time"],
};

const oneOf: Readonly<Record<string, readonly unknown[]>> = {
  state: ["PLAYING", "PAUSED"],
  action: ["PLAY", "PAUSE", "SEEK"],
  mode: ["HOST_ONLY", "FREE_FOR_ALL"],
};
const numbers = ["time", "serverTime", "actedAt"];
const texts = ["videoUrl", "hostVideoUrl", "url"];

export function isSync(message: ServerMessage): message is MarkedSync {
  return Object.hasOwn(needed, message.type);
}

/** Reports whether the server and the others would take a message. */
export function isSound(message: OutgoingSync): boolean {
  try {
    return parseSync(JSON.stringify({ ...message, userId: "" }), "") !== undefined;
  } catch {
    return false;
  }
}

/**
 * Reads what a peer has sent over a data channel, where no server has looked at it; undefined if it
 * is no SyncMessage of that peer.
 */
export function parseSync(text: unknown, from: string): MarkedSync | undefined {
  let message: Record<string, unknown>;
  try {
    message = { ...(JSON.parse(String(text)) as object) } as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { type, userId } = message;
  const fields = typeof type === "string" && Object.hasOwn(needed, type) ? needed[type as SyncType] : undefined;
  const isWhole = fields !== undefined && userId === from && fields.every((field) => message[field] !== undefined);
  return isWhole && Object.entries(message).every(isSoundField) ? (message as unknown as MarkedSync) : undefined;
}

function isSoundField([field, value]: [string, unknown]): boolean {
  if (numbers.includes(field)) {
    return typeof value === "number" && value >= 0 && value < Number.MAX_SAFE_INTEGER;
  }
  if (texts.includes(field)) {
    return typeof value === "string" && byteLength(value) <= maxUrlBytes;
  }
  return oneOf[field]?.includes(value) ?? true;
}
