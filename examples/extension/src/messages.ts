// What the extension's parts say to each other over their ports. Each union is one direction of one
// port.

import type { ControlMode, Entry, Film, IceServer, Knock, Outgoing, OutgoingSync, Role, RoomState, Route, Seated, ServerMessage, Status } from "@usher/client";

/** The names of the ports: each is named after its opener. */
export type PortName = "mesh" | "page";

/** The server's clock minus this machine's, ms: all parts run on one machine. */
interface Clock {
  offsetMs: number;
}

/** Service worker to offscreen document. */
export type ToMesh = Clock & MeshEvent;

/** What RoomClient tells, and at the beginning of a port how it is. */
export type MeshEvent =
  | { type: "SNAPSHOT"; status: Status; userId: string; room?: RoomState }
  | { type: "STATUS"; status: Status; userId: string }
  | { type: "ROOM"; room: RoomState }
  | { type: "SEATED"; reply: Seated }
  | { type: "MESSAGE"; message: ServerMessage }
  | { type: "ICE_SERVERS"; iceServers: IceServer[] };

export type FromMesh =
  | { type: "SEND"; message: Outgoing }
  /** How each participant is reached, and what the room watches. */
  | { type: "REPORT"; report: MeshReport };

export interface MeshReport {
  routes: Record<string, Route>;
  filmUrl: string;
}

/**
 * Offscreen document to content script. A page's process gets no more of the room than it needs: no
 * id, which admits, and no people.
 */
export type ToPage = Clock &
  (
    | { type: "ROOM"; userId: string; room: RoomState }
    /** Says how many of the page's messages the mesh had taken by then. */
    | { type: "FILM"; film: Film; taken: number }
    /** The estimate of the server's clock has changed. */
    | { type: "CLOCK" }
  );

export type FromPage = { type: "SYNC"; message: PageSync };

/** What VideoSync sends. */
export type PageSync = Extract<OutgoingSync, { type: "UNIFIED_SYNC" | "HOST_STATE_UPDATE" }>;

/** A message and not a port's: the popup is gone most of the time. */
export type FromPopup =
  /** The popup is open. After a start of the browser this is what starts the service worker. */
  | { type: "SHOW" }
  | { type: "CREATE"; server: string; userName: string }
  /** invite and passcode are "" for none. */
  | { type: "JOIN"; server: string; userName: string; roomId: string; invite: string; passcode: string }
  | { type: "ADMIT" | "DENY" | "KICK" | "BAN"; userId: string }
  | { type: "SET_ROLE"; userId: string; role: Exclude<Role, "HOST"> }
  | { type: "SET_ENTRY"; entry: Entry }
  | { type: "LEAVE" }
  | { type: "SET_CONTROL_MODE"; mode: ControlMode };

/** All that the popup shows: `view` in chrome.storage.session. */
export interface View extends MeshReport {
  server: string;
  userName: string;
  userId: string;
  state: Status["state"];
  /** Why the last thing asked for failed, or "". */
  problem: string;
  room?: RoomState;
  /** Those who wait to be let in. */
  knocks: readonly Knock[];
}

/**
 * Reads what a content script has sent; undefined if it is nothing that VideoSync sends. A content
 * script lives in the page's process, so what comes from there is a stranger's.
 */
export function parseFromPage(value: unknown): FromPage | undefined {
  const { type, message } = recordOf(value);
  const fields = recordOf(message);
  if (type !== "SYNC") {
    return undefined;
  }
  const { time, serverTime, actedAt } = fields;
  if (![time, serverTime ?? 0, actedAt ?? 0].every(isPosition)) {
    return undefined;
  }
  const marks = {
    ...(serverTime === undefined ? {} : { serverTime: serverTime as number }),
    ...(actedAt === undefined ? {} : { actedAt: actedAt as number }),
  };
  const { action, videoUrl, state, hostVideoUrl } = fields;
  if (fields["type"] === "UNIFIED_SYNC" && (action === "PLAY" || action === "PAUSE" || action === "SEEK") && isAddress(videoUrl)) {
    return { type, message: { type: "UNIFIED_SYNC", action, time: time as number, videoUrl, ...marks } };
  }
  if (fields["type"] === "HOST_STATE_UPDATE" && (state === "PLAYING" || state === "PAUSED") && isAddress(hostVideoUrl)) {
    return { type, message: { type: "HOST_STATE_UPDATE", state, time: time as number, hostVideoUrl, ...marks } };
  }
  return undefined;
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? ({ ...value } as Record<string, unknown>) : {};
}

function isPosition(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && value.length <= 2048 && /^https?:\/\//.test(value);
}
