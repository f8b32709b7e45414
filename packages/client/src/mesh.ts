import type { ControlMode, PathReason, RoomState } from "@usher/types";
import { isSound, isSync, mayControl, parseSync } from "./control.js";
import { isSignal } from "./delivery.js";
import { Emitter } from "./emitter.js";
import { filmOf, hostsWord, isNews, nextFilm, positionAt, type Film } from "./film.js";
import { HostsMode, LegacyPeers, modeIn, type AnnouncedMode, type DirectMessage } from "./legacy.js";
import { Peers } from "./peers.js";
import type { PeerMeshEvents, PeerMeshOptions, Route } from "./meshOptions.js";
import type { MarkedSync, OutgoingSync, Seated, ServerMessage, Signaling } from "./signaling.js";

/**
 * How long a message over a data channel may be ahead of the server's word that allows it, ms, and
 * how many are kept.
 */
const earlyMs = 2000;
const maxEarly = 16;

/**
 * A data channel to each other participant of the room, and the server's relay if one does not open
 * or fails: send() and the event `message` are the same for both. The host offers to everyone; of
 * two others the one with the smaller user id offers.
 */
export class PeerMesh extends Emitter<PeerMeshEvents> {
  readonly #client: Signaling;
  readonly #peers: Peers;
  readonly #routes = new Map<string, Route>();
  readonly #reasons = new Map<string, PathReason>();
  readonly #subscriptions: (() => void)[];
  readonly #legacy = new LegacyPeers();
  readonly #mode: HostsMode;
  /** The control mode that legacy participants were told last, by this side as host. */
  #toldMode: ControlMode | undefined;
  #film: Film | undefined;
  /** Forbidden as far as is known here. */
  #early: (PeerMeshEvents["message"] & { untilMs: number })[] = [];

  /** Follows the client, which may be seated already or not. */
  constructor(client: Signaling, options: PeerMeshOptions = {}) {
    super();
    this.#client = client;
    this.#mode = new HostsMode(options.announcedMode);
    this.#peers = new Peers({
      client,
      iceServers: options.iceServers ?? (() => client.iceServers()),
      createConnection: options.createConnection ?? ((configuration) => new RTCPeerConnection(configuration)),
      changed: () => this.#tellRoutes(),
      received: (data, from) => this.#hear(parseSync(data, from), from, true),
    });
    this.#subscriptions = [
      client.on("room", (room) => this.#follow(room)),
      client.on("seated", (reply) => this.#seated(reply)),
      client.on("message", (message) => this.#read(message)),
      client.on("status", () => this.#tellRoutes()),
    ];
    if (client.room !== undefined && client.status.state === "seated") {
      this.#follow(client.room);
      this.#peers.offerToAll();
    }
  }

  /** This participant's id; "" before there is a seat. */
  get userId(): string {
    return this.#client.userId;
  }

  /**
   * The client's room, with the control mode that the host announced, which a legacy host does not
   * report to the server.
   */
  get room(): RoomState | undefined {
    const { room } = this.#client;
    return room === undefined ? undefined : this.#mode.in(room);
  }

  /**
   * The control mode that the host announced past the server, as a legacy host does; undefined if
   * the server's holds. The host does not say it again, so keep it over a reload.
   */
  get announcedMode(): AnnouncedMode | undefined {
    return this.#mode.told;
  }

  /** The position of the film; undefined if nobody has played anything yet. */
  get film(): Film | undefined {
    return this.#film;
  }

  /** The server's time, ms since the epoch. */
  serverTime(): number {
    return this.#client.serverTime();
  }

  /** How messages reach a participant now; `away` if it is not in the room. */
  route(userId: string): Route {
    if (this.#peers.isOpen(userId)) {
      return "direct";
    }
    const isConnected = this.room?.users.some((user) => user.id === userId && user.isConnected) ?? false;
    return isConnected && this.#client.status.state === "seated" ? "relayed" : "away";
  }

  /** Why there is no direct path to a participant; undefined if that is not known (yet). */
  pathReason(userId: string): PathReason | undefined {
    return this.#reasons.get(userId);
  }

  /**
   * Sends to one participant, or to all: over the data channel if one is open, otherwise through
   * the server. The server learns of the film in any case, for those who join later. Returns false,
   * and sends nothing, if the room's control mode forbids it or if the others would not accept it:
   * a field is missing, or an address is longer than 2 048 bytes.
   */
  send(message: OutgoingSync, to?: string): boolean {
    const { room, userId } = this;
    if (room === undefined || !mayControl(room, userId, message.type) || !isSound(message)) {
      return false;
    }
    const isRequest = message.type.startsWith("CLIENT_REQUEST_");
    const target = to ?? (isRequest && room.controlMode === "HOST_ONLY" ? room.hostId : undefined);
    this.#setFilm(nextFilm(this.#film, { ...message, userId, timestamp: Date.now() }, this.serverTime()));
    const mayRelay = this.#client.room !== undefined && mayControl(this.#client.room, userId, message.type);
    let isRelayed = false;
    for (const id of target === undefined ? this.#peers.ids() : [target]) {
      if (!this.#sendDirect(message, id) && mayRelay && this.route(id) === "relayed") {
        isRelayed = this.#client.send({ ...message, targetUserId: id }) || isRelayed;
      }
    }
    if (!isRelayed && mayRelay && target === undefined && !isRequest) {
      this.#client.send({ ...message, targetUserId: userId }); // to oneself: only to the room
    }
    return true;
  }

  /** Closes the peer connections. The client keeps the seat in the room. */
  close(): void {
    for (const unsubscribe of this.#subscriptions) {
      unsubscribe();
    }
    this.#peers.close();
  }

  #sendDirect(message: DirectMessage, to: string): boolean {
    if (!this.#peers.isOpen(to)) {
      return false;
    }
    const { userId, room } = this;
    const words = this.#legacy.wordsFor(to, message, room?.controlMode ?? "HOST_ONLY", this.#film, this.serverTime());
    return words.every((word) => {
      const isSent = this.#peers.send(to, JSON.stringify({ ...word, userId, timestamp: Date.now() }));
      if (isSent) {
        this.emit("direct", { message: word, to });
      }
      return isSent;
    });
  }

  /**
   * Tells legacy participants of the control mode, to which only this side's data channels carry
   * it.
   */
  #tellMode(to: Iterable<string>): void {
    const { room, userId } = this;
    this.#toldMode = room?.hostId === userId ? room.controlMode : undefined;
    if (this.#toldMode === undefined) {
      return;
    }
    for (const id of to) {
      if (this.#legacy.has(id)) {
        this.#sendDirect({ type: "CONTROL_MODE_CHANGE", mode: this.#toldMode }, id);
      }
    }
  }

  #follow(room: RoomState): void {
    for (const id of this.#peers.follow(room)) {
      this.#legacy.forget(id);
      this.#reasons.delete(id);
    }
    this.#mode.follow(room);
    this.#tellRoutes();
    this.#roomChanged();
  }

  #roomChanged(): void {
    const { room } = this;
    if (room === undefined) {
      return;
    }
    if (this.#toldMode !== (room.hostId === this.userId ? room.controlMode : undefined)) {
      this.#tellMode(this.#peers.ids());
    }
    this.emit("room", room);
    this.#hearEarly();
  }

  #seated({ resumed, roomState }: Seated): void {
    const film = filmOf(roomState);
    if (film !== undefined && (this.#film === undefined || isNews(film, this.#film, this.serverTime()))) {
      this.#setFilm(film);
    }
    // A server that was killed may have forgotten, and a host that was reloaded has the server's
    // word.
    this.#tellFilm();
    this.#peers.seated(resumed);
  }

  #read(message: ServerMessage): void {
    if (isSignal(message)) {
      this.#legacy.learn(message.userId, message.mesh !== undefined);
    }
    if (isSync(message)) {
      this.#hear(message, message.userId, false);
    } else if (message.type === "PATH") {
      this.#reasons.set(message.otherUserId, message.reason);
      this.emit("path", { userId: message.otherUserId, reason: message.reason });
    } else {
      this.#peers.read(message);
    }
  }

  /**
   * Takes a SyncMessage, over whichever way; the server has looked at those it relays, and at a
   * data channel it is done here.
   */
  #hear(message: MarkedSync | undefined, from: string, direct: boolean): void {
    const { room } = this;
    if (message === undefined || room === undefined) {
      return;
    }
    if (!mayControl(room, from, message.type)) {
      // The sender may have heard from the server what is still on its way here: another host, or
      // that everybody controls.
      this.#early = [...this.#early, { message, from, direct, untilMs: performance.now() + earlyMs }].slice(-maxEarly);
      return;
    }
    this.#setFilm(nextFilm(this.#film, message, this.serverTime()));
    this.emit("message", { message, from, direct });
    const mode = direct && from === room.hostId ? modeIn(message, this.#legacy.has(from)) : undefined;
    if (mode !== undefined && this.#client.room !== undefined && mode !== room.controlMode) {
      this.#mode.tell(mode, this.#client.room);
      this.#roomChanged();
    }
  }

  #hearEarly(): void {
    const nowMs = performance.now();
    const early = this.#early.filter(({ untilMs }) => untilMs > nowMs);
    this.#early = [];
    for (const { message, from, direct, untilMs } of early) {
      if (this.room !== undefined && mayControl(this.room, from, message.type)) {
        this.#hear(message, from, direct);
      } else {
        this.#early.push({ message, from, direct, untilMs });
      }
    }
  }

  #setFilm(film: Film | undefined): void {
    if (film !== undefined && film !== this.#film) {
      this.#film = film;
      this.emit("film", film);
    }
  }

  /** The host's word on where the film is, to one participant or to all. */
  #tellFilm(to?: string): void {
    const film = this.#film;
    if (film !== undefined && this.room?.hostId === this.userId) {
      const nowMs = this.serverTime();
      this.send(hostsWord(film, positionAt(film, nowMs), nowMs, film.url), to);
    }
  }

  #tellRoutes(): void {
    for (const userId of new Set([...this.#peers.ids(), ...this.#routes.keys()])) {
      const route = this.route(userId);
      if (this.#routes.get(userId) !== route) {
        // A legacy client hears nothing that is relayed.
        const isLegacy = this.#legacy.has(userId) && route === "direct";
        const isBack = route !== "away" && this.#routes.get(userId) !== "relayed";
        this.#routes.set(userId, route);
        this.emit("route", { userId, route });
        if (isLegacy) {
          this.#tellMode([userId]);
        }
        if (isLegacy || isBack) {
          this.#tellFilm(userId); // what was under way on the old one may be lost
        }
      }
      if (!this.#peers.ids().includes(userId)) {
        this.#routes.delete(userId);
      }
    }
  }
}
