import type { PingMessage } from "@usher/types";
import type { ServerClock } from "./clock.js";

export interface HeartbeatOptions {
  /** Sends a PING. */
  ping: (message: PingMessage) => void;
  /** The connection gives no sign of life any more. isChecked: not even after check(). */
  dead: (isChecked: boolean) => void;
  clock: ServerClock;
}

/** Chrome stops a service worker that has had no traffic for 30 s. */
const longestIntervalMs = 20_000;
const silenceMs = 10_000;
/** The same for a connection that there is reason to doubt. */
const checkMs = 3_000;
/**
 * A deadline that passes so much too late, ms, has passed while this process did not run, and what
 * came meanwhile was not read yet.
 */
const lateMs = 1_000;
/** How often the clock is asked for at once after a seat was given. */
const probes = 3;
/**
 * A page that is still loading handles replies late. So the clock is asked for again until its
 * error is below this, ms, or it was asked for this often.
 */
const goodMs = 25;
const maxProbes = 15;
const probeAgainMs = 1000;

/**
 * Keeps a connection alive, notices when it is dead, and learns the server's clock from the PONGs.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #interval: ReturnType<typeof setInterval> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #isChecking = false;
  #sent: { atMs: number; isProbe: boolean; answered?: (() => void) | undefined }[] = [];
  #probes = 0;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** For a connection whose room answers. */
  start(intervalMs: number): void {
    this.watch(intervalMs);
    this.#probes = 1;
    this.probe();
  }

  /** For one whose room may be too busy to answer: the server's sign of life is enough. */
  watch(intervalMs: number): void {
    this.stop();
    this.#interval = setInterval(() => this.#ping({ type: "PING" }), Math.min(intervalMs, longestIntervalMs));
  }

  /** Asks at once for a sign of life, and gives it only 3 s. */
  check(): void {
    if (this.#interval !== undefined && !this.#isChecking) {
      this.#isChecking = true;
      this.#ping({ type: "PING" });
      this.#expect(checkMs);
    }
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    this.heard();
    clearTimeout(this.#probeTimer);
    this.#sent = [];
    this.#probes = maxProbes;
  }

  /**
   * A PING that the room itself must answer, with its clock, and after everything that was sent
   * before.
   */
  probe(answered?: () => void): void {
    this.#ping({ type: "PING", timestamp: Date.now() }, answered);
  }

  /** Any message is a sign of life. */
  heard(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#isChecking = false;
  }

  pong(serverMs: number): void {
    // 0 is a platform's reply for a room that sleeps: it answers only the plain PING, and may
    // overtake.
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
    if (this.#deadline === undefined) {
      this.#expect(silenceMs);
    }
  }

  #expect(withinMs: number): void {
    const dueMs = Date.now() + withinMs;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      if (Date.now() - dueMs > lateMs) {
        this.#isChecking = true;
        this.#expect(checkMs);
      } else {
        this.#options.dead(this.#isChecking);
      }
    }, withinMs);
  }
}
