// The messages, as the arrows of a sequence diagram. Nothing of it leaves the page.

import { kindOf, wordsFor, type AnyMessage, type Kind } from "./words.ts";
import type { Names } from "./party.ts";

/** The server as a party of the diagram; no user id has a space. */
export const server = "the server";
/** All others of the room. */
export const everyone = "all others";

export interface Entry {
  id: number;
  atMs: number;
  kind: Kind;
  words: string;
  /** A user id, or `server`. */
  from: string;
  /** A user id, `server` or `everyone`. */
  to: string;
  /** relayed: through the server. direct: over a data channel. */
  way: "plain" | "relayed" | "direct";
  /** How many messages like it this stands for; the newest is shown. */
  count: number;
  message: AnyMessage;
}

/** How many arrows are kept. */
const maxEntries = 200;
/** How far back a ping or a position looks for one like it. */
const foldWithin = 12;
const serverTypes: ReadonlySet<AnyMessage["type"]> = new Set<AnyMessage["type"]>([
  "ROOM_CREATED",
  "ROOM_JOINED",
  "USER_JOINED",
  "USER_LEFT",
  "USER_DISCONNECTED",
  "USER_RECONNECTED",
  "ROOM_RENAMED",
  "USER_RENAMED",
  "HOST_CHANGED",
  "ROLE_CHANGED",
  "KICKED",
  "ANNOUNCEMENT",
  "BANS",
  "DOOR_CHANGED",
  "KNOCKING",
  "KNOCK",
  "KNOCK_ENDED",
  "TOKEN_EXPIRES",
  "AUTH_RENEWED",
  "ICE_SERVERS",
  "PATH",
  "UNDELIVERED",
  "ERROR",
  "PONG",
]);

type Path = Pick<Entry, "from" | "to" | "way">;

export class Journal {
  readonly #names: Names;
  readonly #self: () => string;
  readonly #changed: () => void;
  #entries: Entry[] = [];
  #next = 1;

  constructor(names: Names, self: () => string, changed: () => void) {
    this.#names = names;
    this.#self = self;
    this.#changed = changed;
  }

  /** The newest last. A new array whenever an entry has changed. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** A frame over the socket. */
  frame(sent: boolean, message: AnyMessage, atMs: number): void {
    this.#add(sent ? sentPath(message, this.#self()) : receivedPath(message, this.#self()), message, atMs);
  }

  /** A message over a data channel. */
  direct(from: string, to: string, message: AnyMessage, atMs: number): void {
    this.#add({ from, to, way: "direct" }, message, atMs);
  }

  #add(path: Path, message: AnyMessage, atMs: number): void {
    const kind = kindOf(message);
    const entry: Entry = { ...path, id: this.#next, atMs, kind, words: wordsFor(message, this.#names), count: 1, message };
    const like = folds(entry) ? this.#like(entry) : -1;
    if (like >= 0) {
      const { id, count } = this.#entries[like] as Entry;
      this.#entries = [...this.#entries.toSpliced(like, 1), { ...entry, id, count: count + 1 }];
    } else {
      this.#next += 1;
      this.#entries = [...this.#entries.slice(1 - maxEntries), entry];
    }
    this.#changed();
  }

  /**
   * The index of an earlier entry that says the same, with nothing more interesting after it; -1 if
   * none exists.
   */
  #like(entry: Entry): number {
    for (let i = this.#entries.length - 1; i >= Math.max(0, this.#entries.length - foldWithin); i -= 1) {
      const earlier = this.#entries[i] as Entry;
      if (!folds(earlier)) {
        return -1;
      }
      if (earlier.from === entry.from && earlier.to === entry.to && earlier.way === entry.way && earlier.message.type === entry.message.type) {
        return i;
      }
    }
    return -1;
  }
}

/** Pings and positions come all the time, so consecutive ones become one arrow with a number. */
function folds({ kind, message }: Entry): boolean {
  return kind === "ping" || message.type === "HOST_STATE_UPDATE";
}

function sentPath(message: AnyMessage, self: string): Path {
  const target = (message as { targetUserId?: string }).targetUserId;
  const isRelayed = message.type !== "PATH_REPORT" && (kindOf(message) === "rtc" || kindOf(message) === "sync");
  if (!isRelayed || target === self) {
    return { from: self, to: server, way: "plain" };
  }
  return { from: self, to: target ?? everyone, way: "relayed" };
}

function receivedPath(message: AnyMessage, self: string): Path {
  const from = (message as { userId?: string }).userId;
  if (serverTypes.has(message.type) || from === undefined) {
    return { from: server, to: self, way: "plain" };
  }
  return { from, to: self, way: "relayed" };
}

/**
 * What nobody who looks over the viewer's shoulder may see: tokens are as good as the seat and the
 * room.
 */
const secrets: ReadonlySet<string> = new Set(["resumeToken", "ownerToken", "knockToken", "passcode", "token", "credential"]);

/** A message as text for the viewer. */
export function messageText(message: AnyMessage): string {
  return JSON.stringify(message, (key, value: unknown) => (secrets.has(key) && typeof value === "string" ? "•••" : value), 2);
}
