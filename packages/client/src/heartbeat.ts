import type { PingMessage } from "@usher/types";
import type { ServerClock } from "./clock.js";

export interface HeartbeatOptions {
  /** Sends a PING. */
  ping: (message: PingMessage) => void;
  /** The connection gives no sign of life any more. */
  dead: () => void;
  clock: ServerClock;
}

/** Chrome stops a service worker that has had no traffic for 30 s. */
const longestIntervalMs = 20_000;
const silenceMs = 10_000;
/** How often the clock is asked for at once after a seat was given. */
const probes = 3;
/** A page that is still loading answers itself late. So the clock is asked for again until it is as good as this, ms, or has been asked for so often. */
const goodMs = 25;
const maxProbes = 15;
const probeAgainMs = 1000;

/** Keeps a connection alive, notices when it is dead, and learns the server's clock from the PONGs. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #interval: ReturnType<typeof setInterval> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #sent: { atMs: number; isProbe: boolean; answered?: (() => void) | undefined }[] = [];
  #probes = 0;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(intervalMs: number): void {
    this.stop();
    this.#interval = setInterval(() => this.#ping({ type: "PING" }), Math.min(intervalMs, longestIntervalMs));
    this.#probes = 1;
    this.probe();
  }

  stop(): void {
    clearInterval(this.#interval);
    this.heard();
    clearTimeout(this.#probeTimer);
    this.#sent = [];
    this.#probes = maxProbes;
  }

  /** A PING that the room itself must answer, with its clock, and after everything that was sent before. */
  probe(answered?: () => void): void {
    this.#ping({ type: "PING", timestamp: Date.now() }, answered);
  }

  /** Any message is a sign of life. */
  heard(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  pong(serverMs: number): void {
    // 0 is a platform's answer for a room that sleeps: it answers the plain PING alone, and may overtake.
    const index = serverMs === 0 ? this.#sent.findIndex((ping) => !ping.isProbe) : 0;
    const ping = this.#sent[index];
    if (ping === undefined) {
      return;
    }
    this.#sent.splice(index, 1);
    if (serverMs !== 0) {
      this.#options.clock.add(serverMs, ping.atMs, performance.now());
    }
    ping.answered?.();
    this.#probeOn();
  }

  #probeOn(): void {
    clearTimeout(this.#probeTimer);
    if (this.#probes < probes) {
      this.#probes += 1;
      this.probe();
    } else if (this.#probes < maxProbes && this.#options.clock.errorMs > goodMs) {
      this.#probes += 1;
      this.#probeTimer = setTimeout(() => this.probe(), probeAgainMs);
    }
  }

  #ping(message: PingMessage, answered?: () => void): void {
    this.#sent.push({ atMs: performance.now(), isProbe: message.timestamp !== undefined, answered });
    this.#options.ping(message);
    this.#deadline ??= setTimeout(() => this.#options.dead(), silenceMs);
  }
}
