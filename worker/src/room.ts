// The room of an object: events go to the core in Wasm, and its effects are carried out in order.

import type { ErrorCode } from "@usher/types";

import { Event } from "./abi";
import type { Alarm } from "./alarm";
import { arrangementInput, type Arrangement, type Creation } from "./arrangement";
import { Close } from "./close";
import type { Conn, Conns } from "./conns";
import { core, Trap, type Core } from "./core";
import type { HashRequest } from "./hash";
import { log } from "./http";
import { Inquiries } from "./inquiries";
import type { Performer, VerifyRequest } from "./performer";
import type { Draw } from "./kept";
import type { RoomOptions } from "./roomOptions";
import { GivenUp, type Store } from "./store";
import type { Surroundings } from "./surroundings";

export class Room implements Performer {
  readonly #options: RoomOptions;
  readonly #conns: Conns;
  readonly #store: Store;
  readonly #alarm: Alarm;
  readonly #surroundings: Surroundings;
  #core: Core | undefined;
  #handle = 0;
  /** The frame that the core is looking at, which it may forward. */
  #frame = "";
  /** What the frame needs, the hash of a passcode for instance, undefined for nothing. */
  #underWay: Promise<void> | undefined;
  readonly #inquiries: Inquiries;
  /** What came of the last Event.arranged. */
  #acted: Creation | ErrorCode = "STORAGE_UNAVAILABLE";

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#conns = options.conns;
    this.#store = options.store;
    this.#alarm = options.alarm;
    this.#surroundings = options.surroundings;
    this.#inquiries = new Inquiries(options, (conn, event, argument, input, frame = "") =>
      this.#conns.has(conn) ? this.#lookingAt(frame, () => this.step(event, conn, argument, input)) : undefined,
    );
  }

  /** What somebody with an invitation may know, as JSON; "" if the room does not exist. */
  describe(): string {
    return this.#look((wasm) => wasm.describe(this.#handle));
  }

  /** When the seat was taken whose user id and resume token these are; 0 if they are none's. */
  holds(userId: string, token: string): number {
    return this.#look((wasm) => wasm.holds(this.#handle, userId, token));
  }

  /** Creates the room ahead of its people, and returns what was made, or why that cannot be. */
  async create(wanted: Arrangement): Promise<Creation | ErrorCode> {
    const hash = wanted.passcode === "" ? new Uint8Array() : await this.#inquiries.hashNew(wanted.passcode);
    if (hash === undefined) {
      return "ROOM_BUSY";
    }
    this.#acted = "STORAGE_UNAVAILABLE"; // if the step gives the room up
    this.step(Event.arranged, undefined, 0, arrangementInput(wanted, hash));
    return typeof this.#acted !== "string" && this.describe() === "" ? "STORAGE_UNAVAILABLE" : this.#acted;
  }

  /** Looks at the room, which is woken if the look says that it has been dropped. */
  #look<T>(at: (wasm: Core) => T | undefined): T {
    for (;;) {
      const seen = at(this.#awake(this.#surroundings.now()));
      if (seen !== undefined) {
        return seen;
      }
      this.#core = undefined;
    }
  }

  /** Returns what the object must not be dropped before: what a passcode or an invite needs. */
  received(conn: Conn, frame: string): Promise<void> | undefined {
    return this.#lookingAt(frame, () => this.step(Event.received, conn, 0));
  }

  #lookingAt(frame: string, step: () => void): Promise<void> | undefined {
    this.#frame = frame;
    step();
    this.#frame = "";
    const underWay = this.#underWay;
    this.#underWay = undefined;
    return underWay;
  }

  disconnected(conn: Conn, code: number): void {
    this.step(Event.disconnected, conn, code);
    this.#conns.forget(conn);
  }

  /** The alarm has fired; the time is when it was set for, 0 if that is not known. */
  alarmFired(scheduledMs: number): void {
    const now = this.#surroundings.now();
    this.#alarm.atMs ||= scheduledMs; // an object that the alarm makes finds none set
    try {
      this.#catchUp(now, this.#alarm.pause(now));
      this.#alarm.atMs = 0;
      this.#run(Event.alarm, undefined, now, 0);
    } catch (error) {
      if (error instanceof Trap) {
        throw error; // the platform calls again in a while
      }
      this.#survive(error);
    }
  }

  /** Steps the room for an act; returns its time, ms. A failure costs this connection or room. */
  step(event: Event, conn: Conn | undefined, argument: number, input?: Uint8Array): number {
    const now = this.#surroundings.now();
    try {
      if (this.#alarm.isDue(now)) {
        this.#catchUp(now, this.#alarm.takePause(now));
      }
      this.#alarm.ranMs = now;
      this.#run(event, conn, now, argument, input);
    } catch (error) {
      if (!(error instanceof Trap)) {
        this.#survive(error);
      } else if (conn === undefined) {
        throw error;
      } else if (event === Event.disconnected) {
        this.close(conn.id, Close.internal);
      } else {
        this.#end(conn, Close.internal); // it would only trap again
      }
    }
    return now;
  }

  /**
   * Tells the core what it must know before it judges a deadline: for how long the object did not
   * run, and whose PINGs the platform has answered.
   */
  #catchUp(now: number, pausedMs: number): void {
    if (pausedMs > 0 && this.#core === core()) {
      this.#run(Event.paused, undefined, now, pausedMs);
    } else {
      this.#awake(now, pausedMs);
    }
    for (const conn of this.#conns.all()) {
      const answeredMs = this.#options.answeredMs(conn.socket);
      if (answeredMs > conn.answeredMs) {
        conn.answeredMs = answeredMs;
        this.#run(Event.answered, conn, now, answeredMs + pausedMs);
      }
    }
  }

  #run(event: Event, conn: Conn | undefined, now: number, argument: number, input?: Uint8Array): void {
    this.#store.probe();
    const isOfConn = event === Event.received || event === Event.hashed || (event === Event.verified && argument !== 0);
    const hasSecret = event === Event.arranged || (isOfConn && conn !== undefined);
    const flags = this.#surroundings.flags(this.#store.fails) | (conn?.flags ?? 0);
    for (;;) {
      const wasm = this.#awake(now);
      let length = 0;
      if (input !== undefined) {
        length = wasm.putBytes(input);
      } else if (event === Event.received) {
        length = wasm.putFrame(this.#frame);
      }
      if (length < 0 && conn !== undefined) {
        this.#end(conn, Close.tooLarge);
        return;
      }
      if (event === Event.received && conn !== undefined && length > 0) {
        const to = wasm.relay(this.#handle, conn.id, now, length);
        if (to !== 0) {
          this.forward(to);
          return;
        }
      }
      if (hasSecret) {
        length = wasm.putSecret(length, conn?.id ?? 0, this.#draw);
      }
      if (wasm.step(this.#handle, event, conn?.id ?? 0, now, argument, flags, length, this)) {
        return;
      }
      this.#core = undefined; // another room needed the place
    }
  }

  /** The Wasm instance with this room in it: the room is woken if it is not there. */
  #awake(now: number, pausedMs = this.#alarm.takePause(now)): Core {
    const wasm = core();
    if (this.#core === wasm) {
      return wasm;
    }
    const stored = this.#store.read();
    this.#conns.roomId ||= stored?.id ?? "";
    const kept = {
      settings: this.#surroundings.settings(),
      roomId: this.#conns.roomId,
      snapshot: stored?.snapshot ?? new Uint8Array(),
      alarmMs: this.#alarm.atMs,
      pausedMs,
      attachments: this.#conns.attachments(),
      draw: this.#draw,
    };
    try {
      this.#handle = wasm.wake(now, kept, this);
    } catch (error) {
      if (error instanceof Trap || error instanceof GivenUp) {
        throw error;
      }
      log("error", "a room could not be woken", { error: String(error) });
      throw new GivenUp(Close.internal);
    }
    this.#core = wasm;
    for (const conn of this.#conns.all()) {
      conn.answeredMs = 0; // an attachment may be older than the last answered PING
    }
    return wasm;
  }

  readonly #draw: Draw = (secret, conn) => this.#surroundings.draw(secret, conn);

  /** Closes a connection for a reason that the core does not handle. */
  #end(conn: Conn, code: number): void {
    this.step(Event.disconnected, conn, code);
    this.close(conn.id, code);
  }

  #survive(error: unknown): void {
    if (!(error instanceof GivenUp)) {
      log("error", "a room was given up", { error: String(error) });
    }
    const code = error instanceof GivenUp ? error.code : Close.internal;
    if (this.#core !== undefined && this.#core === core()) {
      this.#core.drop(this.#handle);
    }
    this.#core = undefined;
    this.#conns.closeAll(code);
  }

  // The effects, as package room describes them.

  send(id: number, text: string): void {
    this.#conns.send(id, text);
  }

  forward(id: number): void {
    this.send(id, this.#frame);
  }

  close(id: number, code: number): void {
    this.#conns.close(id, code);
  }

  save(snapshot: Uint8Array): void {
    this.#store.save({ id: this.#conns.roomId, snapshot });
  }

  saveLater(snapshot: Uint8Array): void {
    this.#store.saveLater({ id: this.#conns.roomId, snapshot });
  }

  delete(): void {
    this.#store.delete();
  }

  setAlarm(atMs: number): void {
    this.#alarm.set(atMs);
  }

  attach(id: number, attachment: Uint8Array): void {
    this.#conns.attach(id, attachment);
  }

  hash(id: number, request: HashRequest): void {
    this.#underWay = this.#inquiries.hash(id, request, this.#frame) ?? this.#underWay;
  }

  acted(outcome: Creation | ErrorCode): void {
    this.#acted = outcome;
  }

  note(what: "refused" | "bounced", code: string): void {
    this.#options.debug(what, { code });
  }

  renew(id: number, takenAtMs: number, userId: string): void {
    this.#inquiries.renew(id, takenAtMs, userId);
  }

  seatEnded(takenAtMs: number, userId: string): void {
    this.#options.seatEnded({ roomId: this.#conns.roomId, userId, takenAtMs });
  }

  verify(id: number, request: VerifyRequest): void {
    this.#underWay = this.#inquiries.verify(id, request, this.#frame) ?? this.#underWay;
  }
}
