// A seat and the connections that it takes: who asks for it, who is told, and what ends it.

import { maxFrameBytes, type ControlMode, type RoomState } from "@usher/types";
import { Account } from "./account.js";
import { ServerClock } from "./clock.js";
import { endsSeat, failureOf, goingCode, isFinal, leftCode, removalOf, type Ending } from "./ending.js";
import { failure, refusal, type RoomError } from "./error.js";
import { IceServers } from "./ice.js";
import { isRoomId, isUserId } from "./id.js";
import { Keeper } from "./keeper.js";
import { Knocks, type Knock } from "./knocks.js";
import { KnownRoom } from "./knownRoom.js";
import { Line } from "./line.js";
import type { RoomClientEvents, RoomClientOptions, SignalOfAbort } from "./options.js";
import { Requests, type Consequences } from "./request.js";
import { isOfRoom } from "./roster.js";
import { returning, Seating, seatRequest, type Intent } from "./seating.js";
import type { IceServer, Outgoing, Seated, ServerMessage, Status } from "./signaling.js";
import { memoryStore, type StoredSeat } from "./store.js";
import { socketUrl } from "./url.js";
import { Voice } from "./voice.js";

/** How long the server may take to close after a LEAVE_ROOM, ms; then a close frame says it. */
const leaveTimeoutMs = 1000;

type Emit = <K extends keyof RoomClientEvents>(type: K, event: RoomClientEvents[K]) => void;

/** What a RoomClient does behind its methods, which say what each of these means. */
export class Session {
  readonly #emit: Emit;
  readonly #account: Account;
  readonly #keeper: Keeper;
  readonly #clock = new ServerClock();
  readonly #requests = new Requests();
  readonly #line: Line;
  readonly #voice: Voice;
  readonly #seating = new Seating();
  readonly #room: KnownRoom;
  readonly #knocks: Knocks;
  #status: Status = { state: "idle" };
  #intent: Intent = returning;
  #asked = { atMs: 0, ref: "" };
  readonly #iceServers: IceServers;

  constructor(options: RoomClientOptions, emit: Emit) {
    this.#emit = emit;
    const url = socketUrl(options.url);
    this.#keeper = new Keeper(options.store ?? memoryStore(), options.owners);
    this.#account = new Account(url, options, this.#keeper);
    this.#iceServers = new IceServers(url, () => this.#keeper.seat);
    this.#room = new KnownRoom((room) => emit("room", this.#keeper.follow(room)));
    this.#knocks = new Knocks((knocks) => emit("knocks", knocks));
    this.#line = new Line({
      door: () => this.#account.door(),
      connecting: () => this.#setStatus({ state: "connecting" }),
      opened: () => this.#askForSeat(this.#intent.create),
      heard: (message) => this.#heard(message),
      lost: (ending, isDoubted) => this.#lost(ending, isDoubted),
      frame: (frame) => emit("frame", frame),
      goingCode: () => goingCode(this.#keeper.seat),
      clock: this.#clock,
      maxFrameBytes: options.maxFrameBytes ?? maxFrameBytes,
    });
    this.#voice = new Voice(this.#line, this.#requests, this.#keeper, (refused) => emit("refused", refused));
  }

  get status(): Status {
    return this.#status;
  }

  get room(): RoomState | undefined {
    return this.#room.state;
  }

  get userId(): string {
    return this.#keeper.seat?.userId ?? "";
  }

  get knocks(): readonly Knock[] {
    return this.#knocks.list;
  }

  serverTime(): number {
    return this.#clock.now();
  }

  /** Asks for a new seat. */
  seek(seat: StoredSeat, intent: Intent, signal: SignalOfAbort | undefined): Promise<Seated> {
    return this.#seek(signal, (isStill) => this.#take(seat, intent, isStill)) as Promise<Seated>;
  }

  /** Asks for the seat in the store, if it is in the room. */
  resume(roomId: string | undefined, signal: SignalOfAbort | undefined): Promise<Seated | undefined> {
    return this.#seek(signal, async (isStill) => {
      this.#keeper.seat = undefined;
      const seat = await this.#keeper.load();
      if (!isStill()) {
        return; // close(), leave() or the signal came first
      }
      if (seat !== undefined && seat.roomId === (roomId ?? seat.roomId)) {
        this.#take(seat, { ...returning, orCreate: seat.knockToken === undefined }, isStill);
      } else {
        this.#seating.resolve(undefined);
      }
    });
  }

  async leave(): Promise<void> {
    const { state } = this.#status;
    const isTold = (state === "seated" || state === "knocking") && this.#voice.say({ type: "LEAVE_ROOM" });
    const forgotten = this.#keeper.forget();
    const closed = this.#line.finish(isTold ? leaveTimeoutMs : 0);
    this.#stop({ state: "ended" }, failure("ABORTED"));
    await Promise.all([closed, forgotten]);
  }

  /** Ends what is pending with ABORTED, and the connection; the seat is held. */
  abandon(cause: unknown): void {
    this.#line.close(goingCode(this.#keeper.seat));
    this.#stop({ state: "idle" }, failure("ABORTED", cause));
  }

  setControlMode(mode: ControlMode): Promise<void> {
    return this.ask({ type: "CONTROL_MODE_CHANGE", mode }, this.#room.askForMode(mode, this.#status.state === "seated"));
  }

  send(message: Outgoing): boolean {
    return this.#status.state === "seated" && this.#voice.send(message);
  }

  iceServers(): Promise<IceServer[]> {
    return this.#iceServers.get();
  }

  /** Sends a request, and waits for its reply. */
  ask(message: Outgoing, consequences?: Consequences): Promise<void> {
    const { state } = this.#status;
    if (state !== "seated") {
      const isReturning = this.#room.state !== undefined && (state === "connecting" || state === "waiting");
      return Promise.reject(failure(isReturning ? "CONNECTION_LOST" : "NOT_SEATED"));
    }
    return this.#voice.ask(message, consequences);
  }

  /** Runs one create, join or resume. */
  #seek(signal: SignalOfAbort | undefined, begin: (isStill: () => boolean) => void): Promise<Seated | undefined> {
    const { state } = this.#status;
    if (this.#seating.isUnderWay || (state !== "idle" && state !== "ended")) {
      return Promise.reject(failure("ALREADY_SEATED"));
    }
    return this.#seating.begin(signal, (cause) => this.abandon(cause), begin);
  }

  #take(seat: StoredSeat, intent: Intent, isStill: () => boolean): void {
    if (!isRoomId(seat.roomId) || !isUserId(seat.userId)) {
      this.#seating.reject(failure(isRoomId(seat.roomId) ? "INVALID_USER_ID" : "INVALID_ROOM_ID"));
      return;
    }
    this.#keeper.seat = seat;
    this.#intent = intent;
    this.#room.begin(undefined);
    this.#keeper.owner.find(seat.roomId, intent.ownerToken, () => isStill() && this.#line.open());
  }

  #askForSeat(create: boolean): void {
    this.#asked = { atMs: performance.now(), ref: this.#requests.newRef() };
    const intent = { ...this.#intent, create, ownerToken: this.#keeper.owner.presented(this.#keeper.seat) };
    const error = this.#line.send(seatRequest(this.#keeper.seat as StoredSeat, intent, this.#asked.ref));
    if (error !== undefined && error.code !== "CONNECTION_LOST") {
      this.#end(error);
    }
  }

  #heard(message: ServerMessage): void {
    const { connection } = this.#line;
    this.#read(message);
    if (this.#line.connection === connection) {
      this.#emit("message", message);
    }
  }

  #read(message: ServerMessage): void {
    this.#iceServers.hear(message);
    const removal = removalOf(message);
    if (removal !== undefined && this.#status.state === "seated") {
      this.#unseated(removal);
    } else if (message.type === "ROOM_CREATED" || message.type === "ROOM_JOINED") {
      this.#sit(message);
    } else if (message.type === "ERROR" || message.type === "UNDELIVERED") {
      this.#refused(message);
    } else if (message.type === "PONG") {
      this.#line.heartbeat.pong(message.timestamp);
    } else if (message.type === "CONTROL_MODE_CHANGE") {
      this.#room.setMode(message.mode);
    } else if (message.type === "TOKEN_EXPIRES") {
      void this.#account.renew((token) => this.ask({ type: "RENEW_AUTH", token })).catch((error: RoomError) => this.#emit("refused", { error }));
    } else if (message.type === "KNOCKING") {
      this.#knock(message);
    } else if (message.type === "BANS" || message.type === "AUTH_RENEWED" || message.type === "KNOCK" || message.type === "KNOCK_ENDED") {
      this.#knocks.hear(message);
      this.#requests.settle(("ref" in message ? message.ref : undefined) ?? "", message);
    } else if (isOfRoom(message)) {
      this.#room.hear(message);
      this.#knocks.forgetUnless(this.#room.state, this.userId);
      // Only these answer requests. In what others had relayed a ref is their own affair.
      this.#requests.settle("ref" in message ? (message.ref ?? "") : "");
      if (message.type === "USER_RENAMED" && message.userId === this.userId) {
        this.#keeper.change({ userName: message.newUserName });
      }
    }
  }

  #sit(reply: Seated): void {
    const { connection } = this.#line;
    this.#clock.add(reply.serverTime, this.#asked.atMs, performance.now());
    this.#keeper.seated(reply);
    this.#intent = { ...returning, passcode: this.#intent.passcode };
    this.#knocks.forget(); // the server tells them again
    this.#voice.echoesRefs = reply.ref === this.#asked.ref;
    this.#room.begin(reply.roomState);
    void this.iceServers(); // peers need them next
    this.#seating.resolve(reply); // a listener may end it all at each of these
    for (const step of [
      (): void => this.#setStatus({ state: "seated" }),
      (): void => this.#line.seated(reply.pingIntervalMs),
      (): void => this.#emit("room", reply.roomState),
      (): void => this.#emit("seated", reply),
    ]) {
      if (this.#line.connection === connection) {
        step();
      }
    }
  }

  /** Waits to be let in, over as many connections as that takes. */
  #knock({ position, expiresAt, knockToken, pingIntervalMs }: Extract<ServerMessage, { type: "KNOCKING" }>): void {
    this.#keeper.change({ knockToken: knockToken ?? this.#keeper.seat?.knockToken });
    this.#intent = { ...this.#intent, patient: true };
    this.#line.seated(pingIntervalMs);
    this.#setStatus({ state: "knocking", position, expiresAt });
  }

  #refused(message: Extract<ServerMessage, { type: "ERROR" | "UNDELIVERED" }>): void {
    const error = refusal(message);
    const { ref, messageType, targetUserId } = { messageType: undefined, targetUserId: undefined, ...message };
    if (this.#status.state === "seated") {
      if (!this.#requests.refuse(error, ref, messageType)) {
        this.#emit("refused", { error, messageType, targetUserId });
      }
    } else if (message.type === "ERROR" && (ref ?? this.#asked.ref) === this.#asked.ref) {
      this.#unseated(error);
    }
  }

  /** There is no seat for this participant. */
  #unseated(error: RoomError): void {
    const isNoOwner = this.#keeper.owner.isRefused(error, this.#keeper.seat?.roomId);
    if (isNoOwner || (error.code === "ROOM_NOT_FOUND" && this.#intent.orCreate)) {
      this.#askForSeat(this.#intent.create || !isNoOwner);
    } else if (error.retryable && this.#intent.patient && error.code !== "KNOCK_EXPIRED") {
      this.#line.drop({ code: 1013, cause: error, reason: "CONNECTION_LOST" });
    } else {
      if (!error.retryable || error.code === "KNOCK_EXPIRED") {
        void this.#keeper.forget();
      }
      this.#end(error);
    }
  }

  #lost(ending: Ending, isDoubted: boolean): void {
    if (endsSeat(ending)) {
      void this.#keeper.forget();
    }
    if (isFinal(ending) || !this.#intent.patient) {
      this.#end(failureOf(ending));
    } else {
      this.#setStatus({ state: "waiting", ...this.#line.again(ending.code, isDoubted) });
      this.#requests.fail(failure("CONNECTION_LOST", ending.cause));
    }
  }

  #end(error: RoomError): void {
    this.#line.close(leftCode);
    this.#stop({ state: "ended", error }, error);
  }

  /** Settles everything that is pending, before anybody hears of it who might begin again. */
  #stop(status: Status, error: RoomError): void {
    this.#status = status;
    this.#seating.reject(error);
    this.#requests.fail(error);
    if (this.#status === status) {
      this.#emit("status", status);
    }
  }

  #setStatus(status: Status): void {
    this.#emit("status", (this.#status = status));
  }
}
