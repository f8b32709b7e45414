// One connection after another to one address: opened, watched over, and waited for.

import type { ClientMessage } from "@usher/types";
import { asksToWait, delayMs } from "./backoff.js";
import type { ServerClock } from "./clock.js";
import { Connection } from "./connection.js";
import type { Door } from "./auth.js";
import type { Ending } from "./ending.js";
import { failure, RoomError } from "./error.js";
import { frameOf, parseMessage } from "./frame.js";
import { Heartbeat } from "./heartbeat.js";
import type { RoomClientEvents } from "./options.js";
import type { ServerMessage } from "./signaling.js";
import { onWake } from "./wake.js";

export interface LineEvents {
  /** Where the next connection goes. */
  door(): Door | Promise<Door>;
  /** A connection has been begun. */
  connecting(): void;
  opened(): void;
  /** A message has gone out or come in. */
  frame(frame: RoomClientEvents["frame"]): void;
  heard(message: ServerMessage): void;
  /**
   * The connection has ended, or never begun; again() or close() comes next. isDoubted: it was
   * known to be in doubt, so there is nothing to wait for.
   */
  lost(ending: Ending, isDoubted: boolean): void;
  /** The close code for a connection that is given up. */
  goingCode(): number;
  clock: ServerClock;
  /** A longer frame is not sent. */
  maxFrameBytes: number;
}

/** How long a connection may take to open, ms. */
const openTimeoutMs = 10_000;
/**
 * How long a busy room may take to give a seat, ms, and how often it is looked whether the server
 * still lives.
 */
const seatTimeoutMs = 30_000;
const seatPingMs = 5_000;

export class Line {
  readonly heartbeat: Heartbeat;
  readonly #events: LineEvents;
  #connection: Connection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #beganMs = 0;
  /** Counts what has been begun, so that a door that opens too late is none. */
  #round = 0;
  #attempt = 0;
  /**
   * When the next connection is due, by the wall clock, ms, if one is; and whether the server asked
   * for that wait.
   */
  #retry: { atMs: number; isAsked: boolean } | undefined;
  #stopWaking: (() => void) | undefined;

  constructor(events: LineEvents) {
    this.#events = events;
    this.heartbeat = new Heartbeat({
      ping: (message) => void this.send(message),
      dead: (isDoubted) => this.#lose({ code: 1006, cause: undefined, reason: "CONNECTION_LOST" }, isDoubted),
      clock: events.clock,
    });
  }

  /** The connection that counts now. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  open(): void {
    this.#attempt = 0;
    this.#stopWaking ??= onWake((isClockLost) => this.#wake(isClockLost));
    this.#connect();
  }

  /** There is a seat: what comes next is to be kept. */
  seated(pingIntervalMs: number): void {
    this.#clearTimer();
    this.#attempt = 0;
    this.heartbeat.start(pingIntervalMs);
  }

  /** Connects again after the wait that the close code and the attempts so far ask for. */
  again(closeCode: number, isDoubted: boolean): { attempt: number; retryAtMs: number } {
    const isAsked = asksToWait(closeCode);
    const waitMs = isDoubted && this.#attempt === 0 && !isAsked ? 0 : delayMs(this.#attempt, closeCode, Math.random());
    this.#attempt += 1;
    this.#retry = { atMs: Date.now() + waitMs, isAsked };
    this.#timer = setTimeout(() => this.#connect(), waitMs);
    return { attempt: this.#attempt, retryAtMs: this.#retry.atMs };
  }

  /** Takes the connection for lost. */
  drop(ending: Ending): void {
    this.#lose(ending, false);
  }

  /** Sends, or returns why not. */
  send(message: ClientMessage): RoomError | undefined {
    try {
      if (this.#connection?.send(frameOf(message, this.#events.maxFrameBytes)) !== true) {
        return failure("CONNECTION_LOST");
      }
    } catch (error) {
      return error as RoomError;
    }
    this.#events.frame({ sent: true, message, atMs: Date.now() });
    return undefined;
  }

  /** The same between two PINGs, with what is to be done when each is answered. */
  sendProbed(message: ClientMessage, before: () => void, after: () => void): RoomError | undefined {
    this.heartbeat.probe(before);
    const error = this.send(message);
    this.heartbeat.probe(after);
    return error;
  }

  /** Lets go of the connection, and opens no other. */
  close(code: number): void {
    this.#stopWaking?.();
    this.#stopWaking = undefined;
    this.#detach()?.close(code);
  }

  /** The same, but lets the server close it within a time. */
  async finish(withinMs: number): Promise<void> {
    const connection = this.#detach();
    this.close(this.#events.goingCode());
    await connection?.finish(withinMs);
  }

  #connect(): void {
    this.#clearTimer();
    this.#beganMs = Date.now();
    const timeout = (reason: Ending["reason"]) => (): void => this.#lose({ code: 1006, cause: undefined, reason }, false);
    this.#timer = setTimeout(timeout("SERVER_UNREACHABLE"), openTimeoutMs);
    const door = this.#events.door();
    if (door instanceof Promise) {
      this.#knock(door, ++this.#round);
    } else {
      this.#enter(door, timeout("TIMED_OUT"));
    }
    this.#events.connecting();
  }

  /** Enters once the door is known, unless all is over by then. */
  #knock(door: Promise<Door>, round: number): void {
    const isStill = (): boolean => this.#round === round;
    const late = (): void => this.#lose({ code: 1006, cause: undefined, reason: "TIMED_OUT" }, false);
    door.then(
      (known) => (isStill() ? this.#enter(known, late) : undefined),
      (cause: unknown) => {
        if (isStill()) {
          const refusal = cause instanceof RoomError ? cause : failure("AUTH_FAILED", cause);
          this.#lose({ code: 1006, cause, reason: "AUTH_FAILED", refusal }, false);
        }
      },
    );
  }

  #enter(door: Door, late: () => void): void {
    this.#connection = new Connection(door, {
      opened: () => {
        this.#clearTimer();
        this.#timer = setTimeout(late, seatTimeoutMs);
        this.heartbeat.watch(seatPingMs);
        this.#events.opened();
      },
      heard: (data) => this.#heard(data),
      closed: (ending) => this.#lose(ending, false),
    });
  }

  #heard(data: unknown): void {
    const message = parseMessage(data);
    if (message === undefined) {
      return;
    }
    const connection = this.#connection;
    this.heartbeat.heard();
    this.#events.frame({ sent: false, message, atMs: Date.now() });
    // A listener may have ended it all.
    if (this.#connection === connection) {
      this.#events.heard(message);
    }
  }

  #lose(ending: Ending, isDoubted: boolean): void {
    this.#detach()?.close(this.#events.goingCode());
    this.#events.lost(ending, isDoubted);
  }

  /** Whatever the connection still does is not reported from here on. */
  #detach(): Connection | undefined {
    this.#round += 1;
    this.#clearTimer();
    this.heartbeat.stop();
    const connection = this.#connection;
    this.#connection = undefined;
    return connection;
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#retry = undefined;
  }

  #wake(isClockLost: boolean): void {
    const nowMs = Date.now();
    if (this.#retry !== undefined) {
      if (!this.#retry.isAsked || nowMs >= this.#retry.atMs) {
        this.#connect();
      }
    } else if (this.#connection?.isOpen === true) {
      this.heartbeat.check();
      if (isClockLost) {
        this.heartbeat.probe(); // for the server's time
      }
    } else if (nowMs - this.#beganMs > openTimeoutMs) {
      this.#detach()?.close(this.#events.goingCode()); // its timer has slept
      this.#connect();
    }
  }
}
