// A legacy client as a script: what it does on the wire and with its peer connections, faults
// included, without its user interface. Runs in a page. No rule here is usher's: the server and the
// page must get along with this client as it is.

import { Film, type ControlMode, type SyncMessage } from "./film.ts";
import { Line, sleep } from "./line.ts";
import type { Message, Room, View } from "./message.ts";
import { Peers } from "./peers.ts";

const seatedWithinMs = 10_000;
/** Before each JOIN_ROOM that is repeated on the same socket. */
const rejoinAfterMs = [2000, 4000, 8000];
/**
 * Its parts communicate by messages: an offer that comes right after a USER_LEFT overtakes the
 * close.
 */
const closeAfterMs = 50;
interface Ask {
  seated(): void;
  failed(why: string): void;
}

export class LegacyClient {
  readonly #userId = `user-${Date.now()}-${Math.random().toString(36).slice(2, 11).padEnd(9, "0")}`;
  readonly #server: string;
  readonly #userName: string;
  readonly #peers: Peers;
  readonly #line: Line;
  readonly #film = new Film();
  #roomId = "";
  #room: Room | undefined;
  #isHost = false;
  #seatings = 0;
  #ask: Ask | undefined;

  /** server is as VITE_WS_URL: ws://HOST/ws. */
  constructor(server: string, userName: string) {
    this.#server = server;
    this.#userName = userName;
    this.#line = new Line(server, {
      received: (message) => this.#received(message),
      reopened: (socket) => this.#rejoin(socket),
      note: (text) => this.#note(text),
    });
    this.#peers = new Peers({
      send: (signal) => this.#send(signal),
      heard: (userId, text) => this.#film.hear(JSON.parse(text) as SyncMessage, userId === this.#room?.hostId),
      note: (text) => this.#note(text),
    });
  }

  /** Opens a room. From the second connection on its id is appended to an address that has one. */
  async create(roomId: string): Promise<void> {
    this.#line.url += `?roomId=${roomId}`;
    await this.#enter(roomId, "CREATE_ROOM");
  }

  /** Joins a room, as from a link: one that does not exist is created. */
  async join(roomId: string): Promise<void> {
    this.#line.url = `${this.#server}?roomId=${roomId}`;
    try {
      await this.#enter(roomId, "JOIN_ROOM");
    } catch (error) {
      if ((error as Error).message !== "Room not found") {
        throw error;
      }
      await this.#seat("CREATE_ROOM");
    }
  }

  /** The Leave button. */
  leave(): void {
    this.#send({ type: "LEAVE_ROOM" });
    this.#send({ type: "LEAVE_ROOM" });
    this.#peers.closeAll();
    this.#line.socket?.close(1000);
  }

  /** Tells the others over data channels only. For the host. */
  setControlMode(mode: ControlMode): void {
    this.#film.mode = mode;
    this.say({ type: "CONTROL_MODE_CHANGE", mode });
  }

  /** Plays, pauses or seeks. In HOST_ONLY, only a host's action is sent. */
  act(action: "PLAY" | "PAUSE" | "SEEK", time: number): void {
    const message = this.#film.act(action, time);
    if (this.#isHost || this.#film.mode === "FREE_FOR_ALL") {
      this.say(message);
    }
  }

  /** Goes to another page. For the host. */
  navigate(url: string): void {
    this.say(this.#film.navigate(url));
  }

  /** Sends a SyncMessage to everybody whose newest channel is open, and returns to whom. */
  say(message: Partial<SyncMessage>): string[] {
    return this.#peers.say(JSON.stringify({ userId: this.#userId, timestamp: Date.now(), ...message }));
  }

  /** Every SyncMessage that came over data channels. */
  get heard(): SyncMessage[] {
    return this.#film.heard;
  }

  look(): View {
    return {
      userId: this.#userId,
      status: this.#line.status,
      seatings: this.#seatings,
      isHost: this.#isHost,
      hostId: this.#room?.hostId ?? "",
      controlMode: this.#film.mode,
      users: this.#room?.users ?? [],
      peers: this.#peers.states(),
      film: this.#film.view,
    };
  }

  async #enter(roomId: string, type: "CREATE_ROOM" | "JOIN_ROOM"): Promise<void> {
    this.#roomId = roomId;
    await new Promise<void>((resolve, reject) => {
      const socket = this.#line.open(() => resolve());
      socket.addEventListener("close", ({ code }) => reject(new Error(`closed with ${code} before it was open`)));
    });
    await this.#fetchCredentials();
    await this.#seat(type);
  }

  async #rejoin(socket: WebSocket): Promise<void> {
    this.#peers.closeAll();
    await this.#fetchCredentials();
    for (const delayMs of [...rejoinAfterMs, undefined]) {
      try {
        await this.#seat("JOIN_ROOM", socket);
        return;
      } catch (error) {
        this.#note(`is not seated: ${(error as Error).message}`);
      }
      if (delayMs === undefined) {
        return;
      }
      await sleep(delayMs);
      if (socket.readyState !== WebSocket.OPEN) {
        return; // its handler deals with its end
      }
      this.#peers.closeAll();
    }
  }

  /**
   * Asks for a seat and waits for the reply. An ERROR in that time fails it, whatever it is about.
   */
  async #seat(type: "CREATE_ROOM" | "JOIN_ROOM", socket = this.#line.socket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error("no reply")), seatedWithinMs);
    const ask: Ask = { seated: resolve, failed: (why) => reject(new Error(why)) };
    this.#ask = ask;
    socket?.send(JSON.stringify(this.#message({ type, userName: this.#userName })));
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      if (this.#ask === ask) {
        this.#ask = undefined;
      }
    }
  }

  /** Has no timeout: on a connection that died unnoticed it hangs, and the rejoin hangs with it. */
  async #fetchCredentials(): Promise<void> {
    try {
      const url = new URL(this.#server.replace(/^ws/, "http"));
      const response = await fetch(`${url.origin}/turn-credentials?userId=${this.#userId}`);
      this.#peers.iceServers = ((await response.json()) as { iceServers: RTCIceServer[] }).iceServers;
    } catch (error) {
      this.#note(`has no credentials: ${String(error)}`);
    }
  }

  #received(message: Message): void {
    switch (message.type) {
      case "PONG":
        this.#line.ponged();
        break;
      case "ERROR":
        this.#ask?.failed(message.error);
        break;
      case "ROOM_CREATED":
      case "ROOM_JOINED":
        this.#joined(message);
        break;
      case "USER_JOINED":
        this.#update(message.roomState);
        this.#offerToAll();
        break;
      case "USER_LEFT":
        this.#update(message.roomState);
        setTimeout(() => this.#peers.close(message.leftUserId), closeAfterMs);
        this.#isHost ||= message.newHostId === this.#userId;
        break;
      case "ROOM_RENAMED":
      case "USER_RENAMED":
        this.#update(message.roomState);
        break;
      case "WEBRTC_OFFER":
        void this.#peers.answer(message.userId, message.offer);
        break;
      case "WEBRTC_ANSWER":
        void this.#peers.answered(message.userId, message.answer);
        break;
      case "WEBRTC_ICE_CANDIDATE":
        void this.#peers.candidate(message.userId, message.candidate);
        break;
    }
  }

  #joined({ type, roomId, roomState }: Message): void {
    if (roomId !== this.#roomId || !roomState.users.some(({ id }) => id === this.#userId)) {
      return;
    }
    this.#room = roomState;
    this.#film.mode = roomState.controlMode;
    this.#isHost = roomState.hostId === this.#userId;
    this.#line.status = "seated";
    this.#seatings++;
    this.#note(`is seated${this.#isHost ? " as host" : ""}`);
    this.#ask?.seated();
    if (type === "ROOM_JOINED") {
      this.#offerToAll();
    }
  }

  /** What later states give; mode, videoState and so on are taken from the first only. */
  #update({ id, name, hostId, users, createdAt, lastActivity }: Room): void {
    if (this.#room !== undefined) {
      this.#room = { ...this.#room, id, name, hostId, users, createdAt, lastActivity };
    }
  }

  /** Offers to all whom it is responsible for, connected already or not. */
  #offerToAll(): void {
    const { users, hostId } = this.#room ?? { users: [], hostId: "" };
    for (const { id, isConnected } of users) {
      const isMine = this.#isHost || (id !== hostId && this.#userId < id);
      if (id !== this.#userId && isConnected && isMine) {
        void this.#peers.offer(id);
      }
    }
  }

  #send(fields: { type: string }): void {
    this.#line.send(this.#message(fields));
  }

  #message<T extends object>(fields: T): T {
    return { ...fields, roomId: this.#roomId, userId: this.#userId, timestamp: Date.now() };
  }

  #note(text: string): void {
    console.log(`${Date.now() % 1_000_000} ${this.#userId.slice(-4)} ${text}`);
  }
}

Object.assign(window, { LegacyClient });
