// Signaling frames as they pass, seen from outside the pages, and the number of those that were
// lost.

import type { Page } from "playwright-core";

/**
 * A WEBRTC_* frame. `session` and `seq` are the client's marks in it: which negotiation between two
 * pages, and which frame of that negotiation.
 */
export interface Frame {
  kind: "sent" | "received";
  atMs: number;
  type: string;
  from: string;
  to: string;
  session: string;
  seq: number;
}

/** A participant's page ended: it was reloaded or closed. */
export interface Gone {
  kind: "gone";
  atMs: number;
  userId: string;
}

export type Entry = Frame | Gone;

interface Message {
  type?: unknown;
  userId?: unknown;
  targetUserId?: unknown;
  mesh?: { session?: unknown; seq?: unknown };
}

/** The user id that a page gives when it asks for a seat. */
function newUser({ type, userId }: Message): string | undefined {
  return (type === "CREATE_ROOM" || type === "JOIN_ROOM") && typeof userId === "string" ? userId : undefined;
}

export class FrameLog {
  readonly entries: Entry[] = [];
  /** Every frame of any kind as one line, to be read when a test fails. */
  readonly lines: string[] = [];
  /** The person whose browser it is. */
  readonly #users = new Map<string, string>();

  /**
   * Records everything that passes through the WebSockets of a page. Chromium reports a sent frame
   * when it is handed to the network, and a received frame before the page's own listeners see it,
   * both whole (tried with 60 kB). A service worker's sockets do not belong to a page: see pass().
   */
  watch(page: Page, name: string): void {
    let userId = "";
    page.on("websocket", (socket) => {
      this.#line(name, `opens ${socket.url()}`);
      socket.on("framesent", ({ payload }) => {
        const message = this.#keep(name, "sent", payload);
        userId = newUser(message) ?? userId;
      });
      socket.on("framereceived", ({ payload }) => this.#keep(name, "received", payload));
      socket.on("close", () => this.#line(name, "closed"));
    });
    this.watchEnds(page, () => userId);
  }

  /** Records when a user's page ends: it is reloaded, goes elsewhere or is closed. */
  watchEnds(page: Page, userOf: () => string): void {
    const gone = (): void => {
      if (userOf() !== "") {
        this.entries.push({ kind: "gone", atMs: performance.now(), userId: userOf() });
      }
    };
    // Not framenavigated, which also fires for a new fragment in the address.
    page.on("request", (request) => {
      if (request.isNavigationRequest() && request.frame() === page.mainFrame()) {
        gone();
      }
    });
    page.on("close", gone);
  }

  /**
   * Records the messages that a proxy saw of somebody whose socket belongs to no page. Received
   * then means that the message was on the last leg to the browser.
   */
  pass(name: string, kind: "sent" | "received", text: string): void {
    const message = this.#keep(name, kind, text);
    this.#users.set(name, (kind === "sent" ? newUser(message) : undefined) ?? this.userOf(name));
  }

  /**
   * The user id of a person's browser in the room, as seen by a proxy; "" before the browser has
   * sent it.
   */
  userOf(name: string): string {
    return this.#users.get(name) ?? "";
  }

  /** Frames that nobody may miss and that their receiver did not get. */
  lost(): Frame[] {
    return lost(this.entries);
  }

  #keep(name: string, kind: "sent" | "received", payload: string | Buffer): Message {
    this.#line(name, `${kind === "sent" ? ">" : "<"} ${payload.toString().slice(0, 200)}`);
    let message: Message;
    try {
      message = JSON.parse(payload.toString()) as Message;
    } catch {
      return {};
    }
    const { type, userId, targetUserId, mesh } = message;
    if (typeof type === "string" && type.startsWith("WEBRTC_")) {
      this.entries.push({
        kind,
        atMs: performance.now(),
        type,
        from: String(userId),
        to: String(targetUserId),
        session: String(mesh?.session),
        seq: Number(mesh?.seq),
      });
    }
    return message;
  }

  #line(name: string, text: string): void {
    this.lines.push(`${performance.now().toFixed(0).padStart(6)} ${name} ${text}`);
  }
}

/**
 * The frames that were sent but never received, each once; a frame sent again counts as the same
 * frame. Frames of a session that began before one of its two pages ended are left out: nobody was
 * there to receive them, or nobody to send them again. So are those of a session that its sender
 * has given up for a newer one, as after 12 s without any way to the other: then the frames of the
 * newer one must arrive.
 */
export function lost(entries: readonly Entry[]): Frame[] {
  const keyOf = (frame: Frame): string => [frame.from, frame.to, frame.session, frame.seq].join(" ");
  const sessionOf = (frame: Frame): string => [frame.from, frame.to, frame.session].join(" ");
  const received = new Set<string>();
  const began = new Map<string, number>();
  const newest = new Map<string, string>();
  const goneAt = new Map<string, number>();
  for (const entry of entries) {
    if (entry.kind === "gone") {
      goneAt.set(entry.userId, Math.max(entry.atMs, goneAt.get(entry.userId) ?? 0));
    } else if (entry.kind === "received") {
      received.add(keyOf(entry));
    } else {
      if (!began.has(sessionOf(entry))) {
        began.set(sessionOf(entry), entry.atMs);
        newest.set(`${entry.from} ${entry.to}`, entry.session);
      }
    }
  }
  const missing = new Map<string, Frame>();
  for (const entry of entries) {
    if (entry.kind === "sent" && !received.has(keyOf(entry))) {
      const ended = Math.max(goneAt.get(entry.from) ?? 0, goneAt.get(entry.to) ?? 0);
      const isCurrent = newest.get(`${entry.from} ${entry.to}`) === entry.session;
      if (isCurrent && (began.get(sessionOf(entry)) ?? 0) >= ended) {
        missing.set(keyOf(entry), entry);
      }
    }
  }
  return [...missing.values()];
}
