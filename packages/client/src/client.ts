import {
  pingFrame, protocolVersion, type ClientMessage, type ControlMode, type ResponseMessage, type RoomState, type UserJoinedMessage, type UserLeftMessage,
} from "@usher/types";
import { delayMs, isFinal } from "./backoff.js";
import { ServerClock } from "./clock.js";
import { Emitter } from "./emitter.js";
import { failure, refusal, type ConnectionErrorCode, type RoomError } from "./error.js";
import { newRoomId, newUserId } from "./id.js";
import { fetchIceServers } from "./ice.js";
import { Requests, type Request } from "./request.js";
import { Heartbeat } from "./heartbeat.js";
import type { IceServer, Outgoing, Seated, ServerMessage, Signaling, SignalingEvents, Status } from "./signaling.js";
import { memoryStore, type SeatStore, type StoredSeat } from "./store.js";

export interface RoomClientOptions {
  /** The server's WebSocket address: wss://example.org/ws. */
  url: string;
  /** Where the seat is kept; memory by default, which no reload survives. */
  store?: SeatStore;
}

export interface RoomClientEvents extends SignalingEvents {
  /** Each message as it goes over the socket, for who wants to watch. */
  frame: { sent: boolean; message: ClientMessage | ResponseMessage; atMs: number };
}

/** What a participant asks for when it takes a seat. userId is made where it is missing. */
export interface CreateRequest {
  userName: string;
  /** 22 random characters where it is missing. */
  roomId?: string;
  roomName?: string;
  userId?: string;
}

export interface JoinRequest {
  roomId: string;
  userName: string;
  userId?: string;
  /** Creates the room where there is none. */
  orCreate?: boolean;
}

/** How the seat is asked for. A client that was seated already asks again until it has it, and creates the room anew where it has ended. */
interface Intent {
  create: boolean;
  orCreate: boolean;
  /** A first connection that fails ends the attempt. */
  patient: boolean;
  roomName?: string;
}

/** How long an answer may take, ms. */
const answerTimeoutMs = 10_000;
/** How long the server may take to close after a LEAVE_ROOM, ms; then the close frame says it again. */
const leaveTimeoutMs = 1000;
/** For how long credentials are used for new connections, ms; the server's live 12 h by default. */
const iceServersMs = 3_600_000;
/** Of the private range: the server holds the seat. 1000 would end it. */
const abandonedCode = 4999;

/**
 * One participant's seat in one room, over as many connections as it takes. A lost connection comes back by itself: the server holds the seat, and
 * the resume token in the store proves whose it is.
 */
export class RoomClient extends Emitter<RoomClientEvents> implements Signaling {
  readonly #url: string;
  readonly #store: SeatStore;
  readonly #clock = new ServerClock();
  readonly #requests = new Requests(answerTimeoutMs);
  readonly #heartbeat: Heartbeat;
  #status: Status = { state: "idle" };
  #room: RoomState | undefined;
  #seat: StoredSeat | undefined;
  #intent: Intent = { create: false, orCreate: false, patient: false };
  #socket: WebSocket | undefined;
  #askedAtMs = 0;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #seating: { resolve: (answer: Seated) => void; reject: (error: RoomError) => void } | undefined;
  #iceServers: { promise: Promise<IceServer[]>; atMs: number } | undefined;

  constructor(options: RoomClientOptions) {
    super();
    this.#url = options.url;
    this.#store = options.store ?? memoryStore();
    this.#heartbeat = new Heartbeat({ ping: (frame) => this.#write(frame), dead: () => this.#drop(1006), clock: this.#clock });
  }

  get status(): Status {
    return this.#status;
  }

  /** The room as the server last told it; the last known one while the connection is lost. */
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

  /** Makes a room, with this participant as its host, or joins it where it lives already. Rejects with a RoomError. */
  create(request: CreateRequest): Promise<Seated> {
    const { userName, roomId = newRoomId(), userId = newUserId(), roomName } = request;
    const intent: Intent = { create: true, orCreate: true, patient: false };
    return this.#take({ roomId, userId, userName, resumeToken: "" }, roomName === undefined ? intent : { ...intent, roomName });
  }

  /** Takes a seat in a room that lives. Rejects with a RoomError. */
  join(request: JoinRequest): Promise<Seated> {
    const { userName, roomId, userId = newUserId(), orCreate = false } = request;
    return this.#take({ roomId, userId, userName, resumeToken: "" }, { create: false, orCreate, patient: false });
  }

  /**
   * Returns to the seat that the store has, after a reload or a restart of the service worker; undefined where it has none. It does not give up
   * while the server cannot be reached. A seat that has ended meanwhile is taken anew, and so is a room.
   */
  async resume(): Promise<Seated | undefined> {
    const seat = await this.#store.load();
    return seat === undefined ? undefined : this.#take(seat, { create: false, orCreate: true, patient: true });
  }

  /** Ends the seat, for good. */
  async leave(): Promise<void> {
    const socket = this.#socket;
    const told = this.send({ type: "LEAVE_ROOM" });
    this.#socket = undefined; // how it closes is no news
    if (told && socket !== undefined) {
      await new Promise<void>((resolve) => {
        socket.addEventListener("close", () => resolve());
        setTimeout(resolve, leaveTimeoutMs);
      });
    }
    socket?.close(1000);
    this.#end(undefined);
    await this.#store.clear();
  }

  /** Goes without leaving: the seat is held, and resume() returns to it. */
  close(): void {
    this.#detach(abandonedCode);
    this.#setStatus({ state: "idle" });
    this.#seating?.reject(failure("CONNECTION_LOST"));
    this.#seating = undefined;
  }

  /** Host only. 1 to 30 characters. */
  async renameRoom(newRoomName: string): Promise<void> {
    await this.#ask({ type: "RENAME_ROOM", newRoomName }, (answer) => answer.type === "ROOM_RENAMED").promise;
  }

  /** 1 to 20 characters. */
  async renameUser(newUserName: string): Promise<void> {
    await this.#ask({ type: "RENAME_USER", newUserName }, (answer) => answer.type === "USER_RENAMED" && answer.userId === this.userId).promise;
  }

  /** Host only. The other must be connected. */
  async transferHost(targetUserId: string): Promise<void> {
    await this.#ask({ type: "TRANSFER_HOST", targetUserId }, (answer) => answer.type === "HOST_CHANGED").promise;
  }

  /** Host only. The room has the mode at once, because others who hear of it may use it before this side has the answer; a refusal takes it back. */
  async setControlMode(mode: ControlMode): Promise<void> {
    const before = this.#room?.controlMode ?? mode;
    // The server tells only the others. A connection is answered in order, so a PONG without an ERROR before it says that all is well.
    const request = this.#ask({ type: "CONTROL_MODE_CHANGE", mode }, () => false);
    this.#heartbeat.probe(request.settle);
    this.#setMode(mode);
    try {
      await request.promise;
      this.#setMode(mode);
    } catch (error) {
      this.#setMode(before);
      throw error;
    }
  }

  send(message: Outgoing): boolean {
    const { roomId, userId } = this.#seat ?? {};
    return this.#status.state === "seated" && this.#write({ ...message, roomId, userId, timestamp: Date.now() } as ClientMessage);
  }

  /** The ICE servers that the server hands out, asked for once an hour at most. None where that fails: peers on one network find each other without. */
  iceServers(): Promise<IceServer[]> {
    const nowMs = Date.now();
    if (this.#iceServers === undefined || nowMs - this.#iceServers.atMs > iceServersMs) {
      const promise = fetchIceServers(this.#url, this.userId).then((iceServers) => {
        this.#iceServers = iceServers === undefined ? undefined : this.#iceServers; // a failure is asked again
        return iceServers ?? [];
      });
      this.#iceServers = { promise, atMs: nowMs };
    }
    return this.#iceServers.promise;
  }

  #take(seat: StoredSeat, intent: Intent): Promise<Seated> {
    if (this.#status.state !== "idle" && this.#status.state !== "ended") {
      throw new Error("This client has a seat, or is about to have one: leave() first");
    }
    this.#seat = seat;
    this.#intent = intent;
    this.#attempt = 0;
    this.#room = undefined;
    this.#iceServers = undefined;
    void this.iceServers(); // they are needed right after the seat
    return new Promise((resolve, reject) => {
      this.#seating = { resolve, reject };
      this.#connect();
    });
  }

  readonly #connect = (): void => {
    const seat = this.#seat as StoredSeat;
    this.#stopWaiting();
    this.#setStatus({ state: "connecting" });
    const url = new URL(this.#url);
    url.searchParams.set("roomId", seat.roomId);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#drop(1006), answerTimeoutMs);
    const listen = <K extends keyof WebSocketEventMap>(type: K, listener: (event: WebSocketEventMap[K]) => void): void =>
      socket.addEventListener(type, (event) => {
        // An abandoned socket may close much later.
        if (this.#socket === socket) {
          listener(event);
        }
      });
    listen("open", () => this.#askForSeat(this.#intent.create));
    listen("message", (event) => this.#read(event.data));
    listen("close", (event) => this.#drop(event.code));
  };

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#connect);
  }

  #askForSeat(create: boolean): void {
    const { roomId, userId, userName, resumeToken } = this.#seat as StoredSeat;
    const { roomName } = this.#intent;
    this.#askedAtMs = performance.now();
    this.#write({
      type: create ? "CREATE_ROOM" : "JOIN_ROOM",
      roomId,
      userId,
      timestamp: Date.now(),
      userName,
      ...(create && roomName !== undefined ? { roomName } : {}),
      ...(resumeToken !== "" ? { resumeToken } : {}),
      protocol: protocolVersion,
    });
  }

  #write(message: ClientMessage): boolean {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    // Only these very bytes are answered by Cloudflare without waking the room.
    socket.send(message.type === "PING" && message.timestamp === undefined ? pingFrame : JSON.stringify(message));
    this.emit("frame", { sent: true, message, atMs: Date.now() });
    return true;
  }

  #read(data: unknown): void {
    const message = parseMessage(data);
    if (message === undefined) {
      return;
    }
    this.#heartbeat.heard();
    this.emit("frame", { sent: false, message, atMs: Date.now() });
    if (message.type === "ROOM_CREATED" || message.type === "ROOM_JOINED") {
      this.#sit(message);
    } else if (message.type === "ERROR") {
      this.#refused(refusal(message));
    } else if (message.type === "PONG") {
      this.#heartbeat.pong(message.timestamp);
    } else if (isOfRoom(message)) {
      // A later message carries the room state if this one does not.
      if (message.roomState) this.#setRoom(message.roomState);
    } else if (message.type === "CONTROL_MODE_CHANGE") {
      this.#setMode(message.mode);
    }
    this.#requests.answer(message);
    this.emit("message", message);
  }

  #sit(answer: Seated): void {
    clearTimeout(this.#timer);
    this.#clock.add(answer.serverTime, this.#askedAtMs, performance.now());
    const seat = this.#seat as StoredSeat;
    this.#seat = { ...seat, resumeToken: answer.resumeToken ?? seat.resumeToken };
    void this.#store.save(this.#seat);
    this.#intent = { create: false, orCreate: true, patient: true };
    this.#attempt = 0;
    this.#setStatus({ state: "seated" });
    this.#heartbeat.start(answer.pingIntervalMs);
    this.#setRoom(answer.roomState);
    this.emit("seated", answer);
    this.#seating?.resolve(answer);
    this.#seating = undefined;
  }

  #refused(error: RoomError): void {
    if (this.#status.state === "seated") {
      this.#requests.refuse(error);
    } else if (error.code === "ROOM_NOT_FOUND" && this.#intent.orCreate) {
      this.#askForSeat(true);
    } else if (error.retryable && this.#intent.patient) {
      this.#drop(1013);
    } else {
      this.#end(error);
      void this.#store.clear();
    }
  }

  /** The connection is lost, or of no use any more. */
  #drop(closeCode: number): void {
    this.#detach(abandonedCode);
    this.#requests.fail(failure("CONNECTION_LOST"));
    if (isFinal(closeCode)) {
      this.#end(closedError(closeCode));
      void this.#store.clear();
    } else if (!this.#intent.patient) {
      this.#end(failure("SERVER_UNREACHABLE"));
    } else {
      const delay = delayMs(this.#attempt, closeCode, Math.random());
      this.#attempt += 1;
      this.#setStatus({ state: "waiting", attempt: this.#attempt, retryAtMs: Date.now() + delay });
      this.#timer = setTimeout(this.#connect, delay);
      globalThis.addEventListener?.("online", this.#connect, { once: true });
    }
  }

  /** Lets go of the socket; whatever it still does is not heard. */
  #detach(closeCode: number): void {
    this.#stopWaiting();
    this.#heartbeat.stop();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(closeCode);
  }

  #end(error: RoomError | undefined): void {
    this.#detach(1000);
    const reason = error ?? failure("CLOSED");
    this.#requests.fail(reason);
    this.#setStatus(error === undefined ? { state: "ended" } : { state: "ended", error });
    this.#seating?.reject(reason);
    this.#seating = undefined;
  }

  #ask(message: Outgoing, answers: (answer: ServerMessage) => boolean): Request {
    if (!this.send(message)) {
      throw failure("CONNECTION_LOST");
    }
    return this.#requests.add(answers);
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

  #setRoom(room: RoomState): void {
    this.#room = room;
    this.emit("room", room);
  }
}

const finalCodes: Readonly<Partial<Record<number, ConnectionErrorCode>>> = { 4003: "SEAT_RESUMED_ELSEWHERE", 4004: "ROOM_ENDED" };

function closedError(closeCode: number): RoomError {
  return failure(finalCodes[closeCode] ?? "CLOSED", String(closeCode));
}

type OfRoom = Extract<ResponseMessage, { roomState: RoomState }> | UserJoinedMessage | UserLeftMessage;

/** Looks at the type alone: a relayed message has what its sender put into it, maybe a roomState, too. */
function isOfRoom(message: ServerMessage): message is OfRoom {
  const types: Readonly<Record<OfRoom["type"], true>> = {
    ROOM_CREATED: true,
    ROOM_JOINED: true,
    USER_JOINED: true,
    USER_LEFT: true,
    USER_DISCONNECTED: true,
    USER_RECONNECTED: true,
    ROOM_RENAMED: true,
    USER_RENAMED: true,
    HOST_CHANGED: true,
  };
  return Object.hasOwn(types, message.type);
}

/** The server is believed about its messages' fields; what is no message at all is not one. */
function parseMessage(data: unknown): ServerMessage | undefined {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof (message as { type?: unknown } | null)?.type === "string" ? (message as ServerMessage) : undefined;
  } catch {
    return undefined;
  }
}
