// A wire between one browser and the server that can be cut without touching the others: a TCP
// proxy on a loopback port of its own.

import { once } from "node:events";
import net from "node:net";

import { Tap } from "./tap.ts";

/** Receives each WebSocket message that passes, sent or received by the browser. */
export type Listener = (kind: "sent" | "received", text: string) => void;

interface Pair {
  inner: net.Socket;
  outer: net.Socket;
  /**
   * One side was reset or closed during a cut; the other side learns of it when the cut is healed.
   */
  isBroken: boolean;
  /**
   * Half-open: everything that either side sends is thrown away, and neither learns of the other's
   * end.
   */
  isDead: boolean;
}

export class Proxy {
  readonly port: number;
  readonly #listener: net.Server;
  readonly #pairs = new Set<Pair>();
  readonly #waiting = new Set<net.Socket>();
  readonly #targetPort: () => number;
  readonly #heard: Listener | undefined;
  /** The loopback address that new connections come from. */
  address: string;
  #isCut = false;

  private constructor(listener: net.Server, targetPort: () => number, heard: Listener | undefined, address: string) {
    this.address = address;
    this.#listener = listener;
    this.#targetPort = targetPort;
    this.#heard = heard;
    this.port = (listener.address() as net.AddressInfo).port;
    listener.on("connection", (socket) => this.#accept(socket));
  }

  /** Listens on a free port; connections go to what targetPort gives at that moment. */
  static async start(targetPort: () => number, heard?: Listener, address = "127.0.0.1"): Promise<Proxy> {
    // Half-open sockets are kept, so that each side's end reaches the other in order.
    const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    return new Proxy(listener, targetPort, heard, address);
  }

  /** Has no trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many connections go through it now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /**
   * From now on nothing passes in either direction, neither bytes nor an end nor a refusal, as with
   * a pulled cable. Sent bytes stay in buffers, and new connections get no response. (The kernel
   * completes their TCP handshake, so a browser sees a silent server.)
   */
  cut(): void {
    this.#isCut = true;
    for (const { inner, outer } of this.#pairs) {
      inner.pause();
      outer.pause();
    }
  }

  /** Lets everything continue that was held. */
  heal(): void {
    this.#isCut = false;
    for (const pair of this.#pairs) {
      const { inner, outer, isBroken } = pair;
      if (isBroken) {
        inner.resetAndDestroy();
        outer.resetAndDestroy();
        this.#pairs.delete(pair);
      } else {
        inner.resume();
        outer.resume();
      }
    }
    for (const socket of this.#waiting) {
      this.#connect(socket);
    }
    this.#waiting.clear();
  }

  /**
   * Ends all connections by a reset on both sides, cut or not, as a router does after it has
   * forgotten them.
   */
  reset(): void {
    for (const { inner, outer } of this.#pairs) {
      inner.resetAndDestroy();
      outer.resetAndDestroy();
    }
    this.#pairs.clear();
    for (const socket of this.#waiting) {
      socket.resetAndDestroy();
    }
    this.#waiting.clear();
  }

  /**
   * Makes all connections half-open, as when a NAT has forgotten them: both sides believe that they
   * work, but nothing passes any more. New ones are not affected.
   */
  deaden(): void {
    for (const pair of this.#pairs) {
      pair.isDead = true;
    }
  }

  /**
   * Resets half-open connections on the browser's side only; the server learns nothing. A browser
   * does this when its network has changed.
   */
  resetInner(): void {
    for (const pair of this.#pairs) {
      if (pair.isDead) {
        pair.inner.resetAndDestroy();
      }
    }
  }

  async close(): Promise<void> {
    this.reset();
    const closed = once(this.#listener, "close");
    this.#listener.close();
    await closed;
  }

  #accept(socket: net.Socket): void {
    socket.on("error", () => socket.destroy());
    if (this.#isCut) {
      this.#waiting.add(socket);
    } else {
      this.#connect(socket);
    }
  }

  #tap(kind: "sent" | "received"): Tap | undefined {
    const heard = this.#heard;
    return heard === undefined ? undefined : new Tap(kind === "sent", (text) => heard(kind, text));
  }

  #connect(inner: net.Socket): void {
    const outer = net.connect({ port: this.#targetPort(), host: "127.0.0.1", localAddress: this.address, allowHalfOpen: true });
    const pair: Pair = { inner, outer, isBroken: false, isDead: false };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      const tap = this.#tap(from === inner ? "sent" : "received");
      from.setNoDelay(true);
      from.on("data", (data) => {
        if (!pair.isDead && !to.write(tap?.pass(data) ?? data)) {
          from.pause();
        }
      });
      to.on("drain", () => {
        if (!this.#isCut) {
          from.resume();
        }
      });
      from.on("end", () => pair.isDead || to.end());
      from.on("error", () => {
        pair.isBroken = true;
        if (!this.#isCut && !pair.isDead) {
          to.resetAndDestroy();
        }
      });
      from.on("close", () => {
        if (pair.isDead) {
          return; // until reset() or close()
        }
        if (this.#isCut) {
          pair.isBroken = true;
        } else {
          to.destroySoon();
          this.#pairs.delete(pair);
        }
      });
    }
    inner.resume();
  }
}
