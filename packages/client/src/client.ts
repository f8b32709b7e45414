import { maxFrameBytes, type ClientMessage, type ControlMode, type RoomState } from "@usher/types";
import { isFinal } from "./backoff.js";
import { ServerClock } from "./clock.js";
import { Emitter } from "./emitter.js";
import { endsSeat, failureOf, type Ending } from "./ending.js";
import { failure, refusal, type RoomError } from "./error.js";
import { frameOf, parseMessage } from "./frame.js";
import { IceServers } from "./ice.js";
import { isRoomId, isUserId, newRoomId, newUserId } from "./id.js";
import { Keeper } from "./keeper.js";
import { Line } from "./line.js";
import type { CreateRequest, JoinRequest, ResumeRequest, RoomClientEvents, RoomClientOptions } from "./options.js";
import { Requests, type Consequences } from "./request.js";
import { isOfRoom, roomAfter } from "./roster.js";
import { returning, Seating, seatRequest, type Intent } from "./seating.js";
import type { IceServer, Outgoing, Seated, ServerMessage, Signaling, Status } from "./signaling.js";
import { memoryStore, type StoredSeat } from "./store.js";
import { socketUrl } from "./url.js";

/** How long an answer may take, ms. */
const answerTimeoutMs = 10_000;
/** How long the server may take to close after a LEAVE_ROOM, ms; then the close frame says it again. */
const leaveTimeoutMs = 1000;
const leftCode = 1000;
/** Of the private range: the server holds the seat. */
const abandonedCode = 4999;

/**
 * One participant's seat in one room, over as many connections as it takes. A lost connection comes
 * back by itself: the server holds the seat, and the resume token in the store proves whose it is.
 * No method throws. What they return rejects with a RoomError.
 */
export class RoomClient extends Emitter<RoomClientEvents> implements Signaling {
  readonly #url: URL;
  readonly #maxFrameBytes: number;
  readonly #keeper: Keeper;
  readonly #clock = new ServerClock();
  readonly #requests = new Requests(answerTimeoutMs);
  readonly #line: Line;
  readonly #seating = new Seating();
  #status: Status = { state: "idle" };
  #room: RoomState | undefined;
  #seat: StoredSeat | undefined;
  #intent: Intent = returning;
  #asked = { atMs: 0, ref: "" };
  #echoesRefs = false;
  #iceServers: IceServers | undefined;

  /** Throws a RoomError with INVALID_URL for an address that is not a WebSocket's. */
  constructor(options: RoomClientOptions) {
    super();
    this.#url = socketUrl(options.url);
    this.#maxFrameBytes = options.maxFrameBytes ?? maxFrameBytes;
    this.#keeper = new Keeper(options.store ?? memoryStore());
    this.#line = new Line({
      connecting: () => this.#setStatus({ state: "connecting" }),
      opened: () => this.#askForSeat(this.#intent.create),
      heard: (data) => this.#heard(data),
      lost: (ending, isDoubted) => this.#lost(ending, isDoubted),
      ping: (message) => void this.#write(message),
      goingCode: () => this.#goingCode(),
      clock: this.#clock,
    });
  }

  get status(): Status {
    return this.#status;
  }

  /** The room as the server last described it; the last known one while the connection is lost. */
  get room(): RoomState | undefined {
    return this.#room;
  }

  get userId(): string {
    return this.#seat?.userId ?? "";
  }

  /** The server's time, ms since the epoch. */
  serverTime(): number {
    return this.#clock.now();
  }

  /** Makes a room, with this participant as its host, or joins it if it exists already. */
  create(request: CreateRequest): Promise<Seated> {
    const { userName, roomId = newRoomId(), userId = newUserId(), roomName, signal } = { ...request };
    const intent = { create: true, orCreate: true, patient: false, roomName };
    return this.#seek(signal, () => this.#take({ roomId, userId, userName, resumeToken: "" }, intent)) as Promise<Seated>;
  }

  /** Takes a seat in a room that exists. */
  join(request: JoinRequest): Promise<Seated> {
    const { userName, roomId, userId = newUserId(), orCreate = false, signal } = { ...request };
    const intent = { create: false, orCreate, patient: false };
    return this.#seek(signal, () => this.#take({ roomId, userId, userName, resumeToken: "" }, intent)) as Promise<Seated>;
  }

  /**
   * Returns to the seat in the store, after a reload or a restart of the service worker; undefined if
   * there is none, or none in the room that is asked for. It does not give up while the server cannot
   * be reached. If the seat has ended, or the room, it takes a new one.
   */
  resume(request?: ResumeRequest): Promise<Seated | undefined> {
    const { roomId, signal } = { ...request };
    return this.#seek(signal, async (isStill) => {
      this.#seat = undefined;
      const seat = await this.#keeper.load();
      if (!isStill()) {
        return; // close(), leave() or the signal came first
      }
      if (seat !== undefined && seat.roomId === (roomId ?? seat.roomId)) {
        this.#take(seat, returning);
      } else {
        this.#seating.resolve(undefined);
      }
    });
  }

  /**
   * Ends the seat for good, and whatever is pending with ABORTED. While the connection is lost the
   * server does not hear of it, and holds the seat until its grace is over.
   */
  async leave(): Promise<void> {
    const isTold = this.#status.state === "seated" && this.#write({ ...this.#sender(), type: "LEAVE_ROOM" }) === undefined;
    const forgotten = this.#keeper.forget(this.#seat);
    const closed = this.#line.finish(isTold ? leaveTimeoutMs : 0);
    this.#stop({ state: "ended" }, failure("ABORTED"));
    await Promise.all([closed, forgotten]);
  }

  /** Goes without leaving: the seat is held, and resume() returns to it. Ends whatever is pending with ABORTED. */
  close(): void {
    this.#abandon(undefined);
  }

  /** Host only. 1 to 30 characters. */
  renameRoom(newRoomName: string): Promise<void> {
    return this.#ask({ type: "RENAME_ROOM", newRoomName });
  }

  /** 1 to 20 characters. */
  renameUser(newUserName: string): Promise<void> {
    return this.#ask({ type: "RENAME_USER", newUserName });
  }

  /** Host only. The other must be connected. */
  transferHost(targetUserId: string): Promise<void> {
    return this.#ask({ type: "TRANSFER_HOST", targetUserId });
  }

  /** Host only. The room has the mode at once, because others who hear of it may use it before this side has the answer; a refusal takes it back. */
  setControlMode(mode: ControlMode): Promise<void> {
    const before = this.#room?.controlMode ?? mode;
    if (this.#status.state === "seated") {
      this.#setMode(mode);
    }
    const undone = (): void => (this.#room?.controlMode === mode ? this.#setMode(before) : undefined);
    return this.#ask({ type: "CONTROL_MODE_CHANGE", mode }, { done: () => this.#setMode(mode), undone });
  }

  /** Sends what is to be relayed. False if nothing was sent: there is no seat now, or the event `refused` says why not. */
  send(message: Outgoing): boolean {
    if (this.#status.state !== "seated") {
      return false;
    }
    const error = this.#write({ ...message, ...this.#sender() } as ClientMessage);
    if (error !== undefined && error.code !== "CONNECTION_LOST") {
      this.emit("refused", { error, messageType: message.type, targetUserId: message.targetUserId });
    }
    return error === undefined;
  }

  /** The ICE servers that the server hands out, asked for once an hour at most. None if that fails: peers on one network find each other without. */
  iceServers(): Promise<IceServer[]> {
    this.#iceServers ??= new IceServers(this.#url, this.userId);
    return this.#iceServers.get();
  }

  /** Runs one create, join or resume. */
  #seek(signal: AbortSignal | undefined, begin: (isStill: () => boolean) => void): Promise<Seated | undefined> {
    const { state } = this.#status;
    if (this.#seating.isUnderWay || (state !== "idle" && state !== "ended")) {
      return Promise.reject(failure("ALREADY_SEATED"));
    }
    return this.#seating.begin(signal, (cause) => this.#abandon(cause), begin);
  }

  #take(seat: StoredSeat, intent: Intent): void {
    if (!isRoomId(seat.roomId) || !isUserId(seat.userId)) {
      this.#seating.reject(failure(isRoomId(seat.roomId) ? "INVALID_USER_ID" : "INVALID_ROOM_ID"));
      return;
    }
    this.#seat = seat;
    this.#intent = intent;
    this.#room = undefined;
    this.#iceServers = undefined;
    void this.iceServers(); // they are needed right after the seat
    const url = new URL(this.#url);
    url.searchParams.set("roomId", seat.roomId);
    this.#line.open(url);
  }

  #askForSeat(create: boolean): void {
    this.#asked = { atMs: performance.now(), ref: this.#requests.newRef() };
    const error = this.#write(seatRequest(this.#seat as StoredSeat, { ...this.#intent, create }, this.#asked.ref));
    if (error !== undefined && error.code !== "CONNECTION_LOST") {
      this.#end(error);
    }
  }

  #sender(): { roomId: string; userId: string; timestamp: number } {
    const { roomId = "", userId = "" } = this.#seat ?? {};
    return { roomId, userId, timestamp: Date.now() };
  }

  /** Sends, or returns why not. */
  #write(message: ClientMessage): RoomError | undefined {
    try {
      if (!this.#line.send(frameOf(message, this.#maxFrameBytes))) {
        return failure("CONNECTION_LOST");
      }
    } catch (error) {
      return error as RoomError;
    }
    this.emit("frame", { sent: true, message, atMs: Date.now() });
    return undefined;
  }

  #heard(data: unknown): void {
    const message = parseMessage(data);
    if (message === undefined) {
      return;
    }
    const { connection, heartbeat } = this.#line;
    heartbeat.heard();
    this.emit("frame", { sent: false, message, atMs: Date.now() });
    // A listener may have ended it all.
    if (this.#line.connection === connection) {
      this.#read(message);
    }
    if (this.#line.connection === connection) {
      this.emit("message", message);
    }
  }

  #read(message: ServerMessage): void {
    if (message.type === "ROOM_CREATED" || message.type === "ROOM_JOINED") {
      this.#sit(message);
    } else if (message.type === "ERROR" || message.type === "UNDELIVERED") {
      this.#refused(message);
    } else if (message.type === "PONG") {
      this.#line.heartbeat.pong(message.timestamp);
    } else if (message.type === "CONTROL_MODE_CHANGE") {
      this.#setMode(message.mode);
    } else if (isOfRoom(message)) {
      this.#setRoom(roomAfter(this.#room, message));
      // Only these answer requests. In what others had relayed a ref is their own affair.
      this.#requests.settle("ref" in message ? (message.ref ?? "") : "");
      if (message.type === "USER_RENAMED" && message.userId === this.userId) {
        this.#remember({ userName: message.newUserName });
      }
    }
  }

  #sit(answer: Seated): void {
    const { connection } = this.#line;
    this.#clock.add(answer.serverTime, this.#asked.atMs, performance.now());
    // A legacy seat that is taken again without its token gets no token.
    this.#remember({ resumeToken: answer.resumeToken ?? this.#seat?.resumeToken ?? "" });
    this.#intent = returning;
    this.#echoesRefs = answer.ref === this.#asked.ref;
    this.#room = answer.roomState;
    this.#seating.resolve(answer);
    // A listener may end it all at each of these.
    const steps = [
      (): void => this.#setStatus({ state: "seated" }),
      (): void => this.#line.seated(answer.pingIntervalMs),
      (): void => this.emit("room", answer.roomState),
      (): void => this.emit("seated", answer),
    ];
    for (const step of steps) {
      if (this.#line.connection === connection) {
        step();
      }
    }
  }

  #remember(changes: Partial<StoredSeat>): void {
    this.#seat = { ...(this.#seat as StoredSeat), ...changes };
    this.#keeper.save(this.#seat);
  }

  #refused(message: Extract<ServerMessage, { type: "ERROR" | "UNDELIVERED" }>): void {
    const error = refusal(message);
    const { ref, messageType, targetUserId } = { messageType: undefined, targetUserId: undefined, ...message };
    if (this.#status.state === "seated") {
      if (!this.#requests.refuse(error, ref, messageType)) {
        this.emit("refused", { error, messageType, targetUserId });
      }
    } else if (message.type === "ERROR" && (ref ?? this.#asked.ref) === this.#asked.ref) {
      this.#unseated(error);
    }
  }

  /** There is no seat for this participant. */
  #unseated(error: RoomError): void {
    if (error.code === "ROOM_NOT_FOUND" && this.#intent.orCreate) {
      this.#askForSeat(true);
    } else if (error.retryable && this.#intent.patient) {
      this.#line.drop({ code: 1013, cause: error, reason: "CONNECTION_LOST" });
    } else {
      if (!error.retryable) {
        void this.#keeper.forget(this.#seat);
      }
      this.#end(error);
    }
  }

  #lost(ending: Ending, isDoubted: boolean): void {
    const isOver = isFinal(ending.code) || ending.reason === "LOCAL_NETWORK_DENIED" || !this.#intent.patient;
    if (endsSeat(ending)) {
      void this.#keeper.forget(this.#seat);
    }
    if (isOver) {
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

  #abandon(cause: unknown): void {
    this.#line.close(this.#goingCode());
    this.#stop({ state: "idle" }, failure("ABORTED", cause));
  }

  /** The close code for a connection whose seat is not left. Without a token nobody can return to it, though, if it was given just now. */
  #goingCode(): number {
    return (this.#seat?.resumeToken ?? "") === "" ? leftCode : abandonedCode;
  }

  /** Settles everything that is pending, before anybody hears of it who might begin again. */
  #stop(status: Status, error: RoomError): void {
    this.#status = status;
    this.#seating.reject(error);
    this.#requests.fail(error);
    if (this.#status === status) {
      this.emit("status", status);
    }
  }

  #ask(message: Outgoing, consequences?: Consequences): Promise<void> {
    const { state } = this.#status;
    if (state !== "seated") {
      const isReturning = this.#room !== undefined && (state === "connecting" || state === "waiting");
      return Promise.reject(failure(isReturning ? "CONNECTION_LOST" : "NOT_SEATED"));
    }
    const request = this.#requests.add(message.type, consequences);
    const full = { ...message, ...this.#sender() };
    let error: RoomError | undefined;
    if (this.#echoesRefs && message.type !== "CONTROL_MODE_CHANGE") {
      error = this.#write({ ...full, ref: request.ref } as ClientMessage);
    } else {
      this.#line.heartbeat.probe(request.begin);
      error = this.#write(full as ClientMessage);
      this.#line.heartbeat.probe(request.end);
    }
    if (error !== undefined) {
      this.#requests.refuse(error, request.ref, undefined);
    }
    return request.promise;
  }

  #setStatus(status: Status): void {
    this.#status = status;
    this.emit("status", status);
  }

  #setMode(controlMode: ControlMode): void {
    if (this.#room !== undefined && this.#room.controlMode !== controlMode) {
      this.#setRoom({ ...this.#room, controlMode });
    }
  }

  #setRoom(room: RoomState | undefined): void {
    this.#room = room;
    if (room !== undefined) {
      this.emit("room", room);
    }
  }
}
