// The sockets of the legacy client, one after another: each watched by its own PINGs, and followed
// by another when it drops.

import type { Message, View } from "./message.ts";

const pingEveryMs = 30_000;
const pongWithinMs = 10_000;
/**
 * The delays before each new connection after a dropped one. Counted from the last socket that
 * opened, whatever became of it.
 */
const retryAfterMs = [1000, 2000, 4000, 8000, 16_000];
const queueGapMs = 50;
const finalCodes: readonly number[] = [1000, 4001, 4002, 4004];
/** Messages kept while there is no open socket. */
const queued: readonly string[] = ["WEBRTC_OFFER", "WEBRTC_ANSWER", "RENAME_ROOM", "RENAME_USER", "LEAVE_ROOM"];

export interface LineEvents {
  received(message: Message): void;
  /** Another socket has opened after a dropped one, and the kept messages are sent. */
  reopened(socket: WebSocket): Promise<void>;
  note(text: string): void;
}

export class Line {
  url: string;
  status: View["status"] = "idle";
  readonly #events: LineEvents;
  /** The newest socket. Older ones keep their handlers and still act. */
  #socket: WebSocket | undefined;
  #attempts = 0;
  #heartbeat = 0;
  #pongDeadline = 0;
  #queue: object[] = [];

  constructor(url: string, events: LineEvents) {
    this.url = url;
    this.#events = events;
  }

  get socket(): WebSocket | undefined {
    return this.#socket;
  }

  /** Opens a socket, which is the newest from now on. */
  open(opened: (socket: WebSocket) => unknown): WebSocket {
    this.status = "connecting";
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#events.note("opened a socket");
      this.#attempts = 0;
      this.#startHeartbeat();
      opened(socket);
    };
    socket.onmessage = ({ data }) => this.#events.received(JSON.parse(String(data)) as Message);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    return socket;
  }

  /** A socket was closed: the newest, or one that was replaced. */
  #closed(code: number, reason: string): void {
    this.#events.note(`a socket closed with ${code} ${reason}`);
    this.#stopHeartbeat();
    if (finalCodes.includes(code)) {
      this.status = "ended";
      return;
    }
    const delayMs = retryAfterMs[this.#attempts];
    if (delayMs === undefined) {
      this.status = "gave up";
      return;
    }
    this.status = "connecting";
    this.#attempts++;
    setTimeout(() => this.#reopen(), delayMs);
  }

  #reopen(): void {
    this.open(async (socket) => {
      for (const message of this.#queue.splice(0)) {
        socket.send(JSON.stringify(message));
        await sleep(queueGapMs);
      }
      await this.#events.reopened(socket);
    });
  }

  send(message: { type: string }): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
    } else if (queued.includes(message.type)) {
      this.#queue.push(message);
    }
  }

  ponged(): void {
    clearTimeout(this.#pongDeadline);
  }

  #startHeartbeat(): void {
    this.#stopHeartbeat();
    this.#heartbeat = window.setInterval(() => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        return;
      }
      this.#socket.send(JSON.stringify({ type: "PING", timestamp: Date.now() }));
      clearTimeout(this.#pongDeadline);
      this.#pongDeadline = window.setTimeout(() => {
        this.#events.note("had no PONG and leaves its socket");
        this.#stopHeartbeat();
        this.#reopen();
      }, pongWithinMs);
    }, pingEveryMs);
  }

  #stopHeartbeat(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#pongDeadline);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
