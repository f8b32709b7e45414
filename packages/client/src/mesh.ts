import type { ControlMode, RoomState } from "@usher/types";
import { isSound, mayControl, parseSync } from "./control.js";
import type { PeerSignal } from "./delivery.js";
import { Emitter } from "./emitter.js";
import { filmOf, hostsWord, isNews, nextFilm, positionAt, type Film } from "./film.js";
import { HostsMode, LegacyPeers, type DirectMessage } from "./legacy.js";
import { Peer } from "./peer.js";
import type { IceServer, MarkedSync, OutgoingSync, Seated, ServerMessage, Signaling } from "./signaling.js";

/** How messages reach another participant now. */
export type Route = "direct" | "relayed" | "away";

export interface PeerMeshEvents {
  /** A SyncMessage of somebody who may send it, over a data channel or relayed by the server. */
  message: { message: MarkedSync; from: string; direct: boolean };
  route: { userId: string; route: Route };
  /** The film was played, paused, sought or changed, here or elsewhere, or the server has told where it is. */
  film: Film;
  room: RoomState;
  /** A SyncMessage goes out over a data channel, for who wants to watch. */
  direct: { message: DirectMessage; to: string };
}

export interface PeerMeshOptions {
  /** Instead of those that the server hands out. */
  iceServers?: () => Promise<IceServer[]>;
  /** Makes a peer connection; RTCPeerConnection itself by default. If it throws, or does not exist, the server relays everything. */
  createConnection?: (configuration: RTCConfiguration) => RTCPeerConnection;
}

/** How long a message over a data channel may be ahead of the server's word that allows it, ms, and how many are kept. */
const earlyMs = 2000;
const maxEarly = 16;

/**
 * A data channel to each other participant of the room, and the server's relay where one does not open or fails: send() and "message" are the same
 * for both ways. The host offers to everyone; between two others the one with the smaller user id.
 */
export class PeerMesh extends Emitter<PeerMeshEvents> {
  readonly #client: Signaling;
  readonly #options: PeerMeshOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #routes = new Map<string, Route>();
  readonly #subscriptions: (() => void)[];
  /** Who cannot have a peer connection, and has said so. */
  readonly #relayOnly = new Set<string>();
  readonly #legacy = new LegacyPeers();
  readonly #mode = new HostsMode();
  /** The control mode that legacy participants were told last, by this side as host. */
  #toldMode: ControlMode | undefined;
  #film: Film | undefined;
  /** Forbidden as far as is known here. */
  #early: (PeerMeshEvents["message"] & { untilMs: number })[] = [];

  constructor(client: Signaling, options: PeerMeshOptions = {}) {
    super();
    this.#client = client;
    this.#options = options;
    this.#subscriptions = [
      client.on("room", (room) => this.#follow(room)),
      client.on("seated", (answer) => this.#seated(answer)),
      client.on("message", (message) => this.#read(message)),
      client.on("status", () => this.#tellRoutes()),
    ];
    if (client.room !== undefined && client.status.state === "seated") {
      this.#follow(client.room);
      this.#offerToAll(() => true);
    }
  }

  get userId(): string {
    return this.#client.userId;
  }

  /** The room; its controlMode is what the host says, which the server does not hear of from a legacy host. */
  get room(): RoomState | undefined {
    const { room } = this.#client;
    return room === undefined ? undefined : this.#mode.in(room);
  }

  /** Where the film is; undefined where nobody has played anything yet. */
  get film(): Film | undefined {
    return this.#film;
  }

  /** The server's time, ms since the epoch. */
  serverTime(): number {
    return this.#client.serverTime();
  }

  /** How messages reach a participant now; "away" for one that is not in the room. */
  route(userId: string): Route {
    if (this.#peers.get(userId)?.isOpen === true) {
      return "direct";
    }
    const isConnected = this.room?.users.some((user) => user.id === userId && user.isConnected) ?? false;
    return isConnected && this.#client.status.state === "seated" ? "relayed" : "away";
  }

  /**
   * Sends to one participant, or to all: over the data channel if one is open, otherwise over the server. The server is told in any case, so that
   * it knows where the film is for those who come later. False, and nothing sent, if the room's control mode forbids it, or if the others would
   * not take it: a field is missing, or an address is longer than 2 048 bytes.
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
    for (const id of target === undefined ? this.#peers.keys() : [target]) {
      if (!this.#sendDirect(message, id) && mayRelay && this.route(id) === "relayed") {
        isRelayed = this.#client.send({ ...message, targetUserId: id }) || isRelayed;
      }
    }
    if (!isRelayed && mayRelay && target === undefined && !isRequest) {
      this.#client.send({ ...message, targetUserId: userId }); // to oneself: to the room alone
    }
    return true;
  }

  /** Closes the peer connections. The seat in the room is the client's affair. */
  close(): void {
    for (const unsubscribe of this.#subscriptions) {
      unsubscribe();
    }
    for (const peer of this.#peers.values()) {
      peer.close();
    }
    this.#peers.clear();
  }

  #sendDirect(message: DirectMessage, to: string): boolean {
    const peer = this.#peers.get(to);
    if (peer?.isOpen !== true) {
      return false;
    }
    const { userId, room } = this;
    const words = this.#legacy.wordsFor(to, message, room?.controlMode ?? "HOST_ONLY", this.#film, this.serverTime());
    return words.every((word) => {
      const isSent = peer.sendDirect(JSON.stringify({ ...word, userId, timestamp: Date.now() }));
      if (isSent) {
        this.emit("direct", { message: word, to });
      }
      return isSent;
    });
  }

  /** Tells legacy participants of the control mode, to which only this side's data channels carry it. */
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

  /** One peer for each other participant, and none for who has left. */
  #follow(room: RoomState): void {
    for (const { id } of room.users) {
      if (id !== this.userId && !this.#peers.has(id)) {
        this.#peers.set(id, this.#newPeer(id));
      }
    }
    for (const [id, peer] of this.#peers) {
      if (!room.users.some((user) => user.id === id)) {
        peer.close();
        this.#peers.delete(id);
        this.#legacy.forget(id);
        this.#relayOnly.delete(id);
      }
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
      this.#tellMode(this.#peers.keys());
    }
    this.emit("room", room);
    this.#hearEarly();
  }

  #newPeer(id: string): Peer {
    const changed = (): void => this.#tellRoutes();
    return new Peer({
      id,
      iceServers: this.#options.iceServers ?? (() => this.#client.iceServers()),
      polite: () => !this.#offersTo(id),
      send: (signal) => this.#client.send(signal),
      opened: changed,
      closed: changed,
      declined: () => this.#declined(id),
      received: (data) => this.#hear(parseSync(data, id), id, true),
      createConnection: this.#options.createConnection ?? ((configuration) => new RTCPeerConnection(configuration)),
    });
  }

  #declined(id: string): void {
    this.#relayOnly.add(id);
    this.#peers.get(id)?.reset();
  }

  /** Offers a peer connection, unless the other cannot have one. */
  #offer(id: string): void {
    if (!this.#relayOnly.has(id)) {
      this.#peers.get(id)?.offer();
    }
  }

  #offersTo(id: string): boolean {
    const hostId = this.room?.hostId;
    return hostId === this.userId || (hostId !== id && this.userId < id);
  }

  #seated({ resumed, roomState }: Seated): void {
    const film = filmOf(roomState);
    if (film !== undefined && (this.#film === undefined || isNews(film, this.#film, this.serverTime()))) {
      this.#setFilm(film);
    }
    this.#tellFilm(); // a server that was killed may have forgotten, and a host that was reloaded has the server's word
    for (const peer of this.#peers.values()) {
      if (resumed) {
        peer.resend();
        peer.restartIfLost();
      } else {
        peer.reset(); // the others take this side for somebody new
      }
    }
    if (!resumed) {
      this.#relayOnly.clear();
    }
    // Who is new is offered to by those whose part it is. Who has its seat again but forgot its connections, as after a reload, must say so itself.
    this.#offerToAll((id) => resumed || this.#offersTo(id));
  }

  #offerToAll(isMine: (id: string) => boolean): void {
    for (const user of this.room?.users ?? []) {
      const peer = this.#peers.get(user.id);
      if (peer !== undefined && !peer.isActive && user.isConnected && isMine(user.id)) {
        this.#offer(user.id);
      }
    }
  }

  #read(message: ServerMessage): void {
    switch (message.type) {
      case "WEBRTC_OFFER":
      case "WEBRTC_ANSWER":
      case "WEBRTC_ICE_CANDIDATE":
        this.#legacy.learn(message.userId, (message as PeerSignal).mesh !== undefined);
        if (message.type === "WEBRTC_OFFER") {
          this.#relayOnly.delete(message.userId);
        }
        this.#peers.get(message.userId)?.receive(message as PeerSignal);
        break;
      case "USER_JOINED": {
        // Somebody new, or one of another client that has closed its connections.
        const { id } = message.joinedUser;
        this.#relayOnly.delete(id);
        if (this.#offersTo(id)) {
          this.#offer(id);
        } else {
          this.#peers.get(id)?.reset();
        }
        break;
      }
      case "USER_LEFT":
        // Its seat may be held still. Its client has closed its connections.
        this.#peers.get(message.leftUserId)?.reset();
        break;
      case "USER_RECONNECTED": {
        const peer = this.#peers.get(message.reconnectedUserId);
        peer?.resend();
        peer?.restartIfLost();
        if (peer?.isActive === false) {
          this.#offer(message.reconnectedUserId); // it was away when this side had none to offer to
        }
        break;
      }
      default:
        if (isSync(message)) {
          this.#hear(message, message.userId, false);
        }
    }
  }

  /** Takes a SyncMessage, over whichever way; the server has looked at those it relays, and at a data channel it is done here. */
  #hear(message: MarkedSync | undefined, from: string, direct: boolean): void {
    const { room } = this;
    if (message === undefined || room === undefined) {
      return;
    }
    if (!mayControl(room, from, message.type)) {
      // The sender may have heard from the server what is still on its way here: another host, or that everybody controls.
      this.#early = [...this.#early, { message, from, direct, untilMs: performance.now() + earlyMs }].slice(-maxEarly);
      return;
    }
    this.#setFilm(nextFilm(this.#film, message, this.serverTime()));
    this.emit("message", { message, from, direct });
    if (direct && message.type === "CONTROL_MODE_CHANGE" && this.#client.room !== undefined) {
      this.#mode.tell(message.mode, this.#client.room);
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
    for (const userId of new Set([...this.#peers.keys(), ...this.#routes.keys()])) {
      const route = this.route(userId);
      if (this.#routes.get(userId) !== route) {
        const isLegacy = this.#legacy.has(userId) && route === "direct"; // which hears nothing that is relayed
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
      if (!this.#peers.has(userId)) {
        this.#routes.delete(userId);
      }
    }
  }
}

const syncTypes: Readonly<Record<MarkedSync["type"], true>> = {
  HOST_STATE_UPDATE: true,
  UNIFIED_SYNC: true,
  CONTROL_MODE_CHANGE: true,
  HOST_NAVIGATE: true,
  CLIENT_REQUEST_PLAY: true,
  CLIENT_REQUEST_PAUSE: true,
  CLIENT_REQUEST_SEEK: true,
  DIRECT_PLAY: true,
  DIRECT_PAUSE: true,
  DIRECT_SEEK: true,
};

function isSync(message: ServerMessage): message is MarkedSync {
  return Object.hasOwn(syncTypes, message.type);
}
