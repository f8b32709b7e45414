import type { Door } from "./auth.js";
import type { Ending } from "./ending.js";
import { isLocalNetworkDenied } from "./localNetwork.js";

export interface ConnectionEvents {
  opened(): void;
  heard(data: unknown): void;
  /** It has ended, or never begun; called at most once, and never from within the constructor. */
  closed(ending: Ending): void;
}

/** One WebSocket. Nothing here throws; every failure is an ending. */
export class Connection {
  readonly #door: Door;
  readonly #socket: WebSocket | undefined;
  #events: ConnectionEvents | undefined;
  #cause: unknown;
  #wasOpen = false;

  constructor(door: Door, events: ConnectionEvents) {
    this.#door = door;
    this.#events = events;
    try {
      this.#socket = new WebSocket(door.url, door.protocols);
    } catch (error) {
      // A page's policy, a mixed address, or a platform without WebSocket.
      this.#cause = error;
      queueMicrotask(() => void this.#ended(1006));
      return;
    }
    const socket = this.#socket;
    socket.addEventListener("open", () => {
      this.#wasOpen = true;
      this.#events?.opened();
    });
    socket.addEventListener("message", ({ data }) => this.#events?.heard(data));
    socket.addEventListener("close", (event) => {
      this.#cause ??= event;
      void this.#ended(event.code);
    });
    socket.addEventListener("error", (event) => {
      this.#cause = (event as ErrorEvent).error ?? event;
      // Node.js 22 fires nothing after it when a connection was refused; everybody else fires close
      // now.
      setTimeout(() => void this.#ended(1006));
    });
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === 1;
  }

  /** False if the connection is not open. */
  send(text: string): boolean {
    try {
      if (this.isOpen) {
        this.#socket?.send(text);
        return true;
      }
    } catch {
      // Closing, whatever readyState says.
    }
    return false;
  }

  /** Lets go of it; nothing that it still does is reported. */
  close(code: number): void {
    this.#events = undefined;
    try {
      this.#socket?.close(code);
    } catch {
      // Some platforms throw if it has failed already.
    }
  }

  /** Lets the server close it within a time, and closes it with 1000 after that. */
  async finish(withinMs: number): Promise<void> {
    this.#events = undefined;
    const socket = this.#socket;
    if (socket !== undefined && this.isOpen && withinMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        socket.addEventListener("close", () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.close(1000);
  }

  async #ended(code: number): Promise<void> {
    const events = this.#events;
    if (events === undefined) {
      return;
    }
    let reason: Ending["reason"] = "CONNECTION_LOST";
    let refusal: Ending["refusal"];
    if (!this.#wasOpen) {
      reason = (await isLocalNetworkDenied(this.#door.url)) ? "LOCAL_NETWORK_DENIED" : "SERVER_UNREACHABLE";
      refusal = reason === "SERVER_UNREACHABLE" ? await this.#door.explain() : undefined;
    }
    // It may have been closed meanwhile, or have ended twice.
    if (this.#events === events) {
      this.#events = undefined;
      events.closed({ code, cause: this.#cause, reason, refusal });
    }
  }
}
