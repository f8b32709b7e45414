// One stay in one room: the client, the mesh, the messages, and the texts for the viewer.

import {
  PeerMesh,
  RoomClient,
  RoomError,
  roleOf,
  tabStore,
  webOwnerStore,
  type Ban,
  type ControlMode,
  type Entry,
  type MarkedSync,
  type Role,
  type Seated,
  type ServerMessage,
} from "@usher/client";

import { Journal } from "./journal.ts";
import { keptMode, keepMode, rememberName } from "./memory.ts";
import { Names } from "./party.ts";

const noticeMs = 7000;
/** How often the diagram may be redrawn, ms. */
const drawMs = 60;
/**
 * How long a room that the viewer keeps stays at most when it is empty: 30 days, the server's
 * default bound.
 */
const keepMs = 30 * 24 * 3_600_000;

const doorWords: Readonly<Record<Entry, string>> = {
  OPEN: "The door is open.",
  KNOCK: "Newcomers have to knock now.",
  LOCKED: "The door is locked now.",
};

const hostOnlyWords = "Only the host controls playback";

const roleWords: Readonly<Record<Role, string>> = {
  HOST: "You are the host now.",
  COHOST: "You are a cohost now: you control the film, too.",
  GUEST: "You are a guest now.",
  VIEWER: "You are a viewer now: others control the film.",
};

/** What a room is to be like, for as long as it exists. */
export interface Wishes {
  /** It stays when everybody has left, for as long as the server keeps one. */
  isKept: boolean;
  /** Its people do not see each other's network addresses. */
  isRelayed: boolean;
}

/** The WebSocket address of the page's server. */
function socketAddress(): string {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}

/** A listener for changes. */
class Changes {
  readonly #listeners = new Set<() => void>();

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  tell(): void {
    for (const listener of [...this.#listeners]) {
      listener();
    }
  }
}

export class Session {
  readonly client = new RoomClient({ url: socketAddress(), store: tabStore(), owners: webOwnerStore(() => localStorage) });
  readonly mesh: PeerMesh;
  readonly names = new Names();
  readonly journal: Journal;
  /** Room, people, status and notice. */
  readonly changes = new Changes();
  readonly journalChanges = new Changes();
  notice = "";
  /** The viewer waits to be let in, maybe without a connection at the moment. */
  isKnocking = false;
  /** The banned people, as of the last request for them. */
  bans: readonly Ban[] = [];
  /**
   * The token with which the viewer would be host was refused, and the viewer does not know yet.
   */
  #isNoOwner = false;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  #drawTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const { client } = this;
    this.journal = new Journal(
      this.names,
      () => client.userId,
      () => this.#draw(),
    );
    client.on("frame", ({ sent, message, atMs }) => this.journal.frame(sent, message, atMs));
    client.on("room", (room) => this.names.learn(room, client.userId));
    this.mesh = new PeerMesh(client, { announcedMode: keptMode() });
    this.mesh.on("direct", ({ message, to }) => {
      const { userId } = client;
      this.journal.direct(userId, to, { ...message, userId, timestamp: Date.now() }, Date.now());
    });
    this.mesh.on("message", ({ message, from, direct }) => direct && this.#hearDirect(message, from));
    client.on("message", (message) => this.#hear(message));
    client.on("knocks", () => this.changes.tell());
    const changed = (): void => this.changes.tell();
    this.mesh.on("room", () => {
      keepMode(this.mesh.announcedMode);
      changed();
    });
    client.on("status", ({ state }) => {
      this.isKnocking = state === "knocking" || (this.isKnocking && (state === "connecting" || state === "waiting"));
      if (state === "ended") {
        this.mesh.close(); // data channels would otherwise outlive the seat
        keepMode(undefined);
      }
      changed();
    });
    this.mesh.on("route", changed);
    this.mesh.on("path", changed);
  }

  /** The room's mode, or the one that its host has sent directly. */
  get controlMode(): ControlMode | undefined {
    return this.mesh.room?.controlMode;
  }

  get isHost(): boolean {
    return this.client.room?.hostId === this.client.userId;
  }

  get role(): Role {
    const { room, userId } = this.client;
    return room === undefined ? "GUEST" : roleOf(room, userId);
  }

  get mayControl(): boolean {
    return this.role === "HOST" || this.role === "COHOST" || (this.role === "GUEST" && this.controlMode === "FREE_FOR_ALL");
  }

  /**
   * Reports whether the viewer may remove somebody with this role: the host may remove all others,
   * a cohost guests and viewers.
   */
  mayRemove(role: Role): boolean {
    return role !== "HOST" && (this.isHost || (this.role === "COHOST" && role !== "COHOST"));
  }

  /** The reason why the viewer may not control the film. */
  get deniedWords(): string {
    return this.role === "VIEWER" ? "The host has made you a viewer: others control playback" : hostOnlyWords;
  }

  get inviteLink(): string {
    return `${location.origin}${location.pathname}#${this.client.room?.id ?? ""}`;
  }

  async create(userName: string, { isKept, isRelayed }: Wishes): Promise<Seated> {
    rememberName(userName);
    const wishes = { ...(isKept ? { keepMs } : {}), ...(isRelayed ? { iceTransportPolicy: "relay" as const } : {}) };
    return this.client.create({ userName, roomName: `${userName}’s room`, ...wishes });
  }

  /**
   * With orCreate, opens the room if it does not exist. The viewer becomes its host, so use it only
   * if the viewer asks for that.
   */
  async join(entrance: { roomId: string; invite: string; orCreate: boolean }, userName: string, passcode: string): Promise<Seated> {
    rememberName(userName);
    const { roomId, invite, orCreate } = entrance;
    return this.client.join({ roomId, invite, orCreate, userName, ...(passcode === "" ? {} : { passcode }) });
  }

  async renameUser(name: string): Promise<void> {
    if (await this.attempt(this.client.renameUser(name))) {
      rememberName(name);
    }
  }

  async remove(userId: string, ban: boolean, reason: string): Promise<void> {
    if ((await this.attempt(this.client.kick(userId, { ban, reason }))) && ban) {
      await this.askForBans();
    }
  }

  async unban(userId: string): Promise<void> {
    await this.attempt(this.client.unban(userId));
    await this.askForBans();
  }

  async askForBans(): Promise<void> {
    const asked = this.client.bans().then((bans) => void (this.bans = bans));
    await this.attempt(asked);
    this.changes.tell();
  }

  /** Waits for a request, and tells the viewer if it was refused. */
  async attempt(request: Promise<void>): Promise<boolean> {
    try {
      await request;
      return true;
    } catch (error) {
      this.say(error instanceof RoomError ? `${error.message}.` : "That did not work.");
      return false;
    }
  }

  /** Shows the viewer a notice for a while. */
  say(notice: string): void {
    clearTimeout(this.#noticeTimer);
    this.notice = notice;
    this.#noticeTimer = setTimeout(() => {
      this.notice = "";
      this.changes.tell();
    }, noticeMs);
    this.changes.tell();
  }

  /** Releases everything but the seat. */
  close(): void {
    clearTimeout(this.#noticeTimer);
    this.mesh.close();
    this.client.close();
  }

  #hearDirect(message: MarkedSync, from: string): void {
    this.journal.direct(from, this.client.userId, message, Date.now());
    if (message.type === "CONTROL_MODE_CHANGE") {
      this.#hear(message);
    }
  }

  #hear(message: ServerMessage): void {
    const you = (id: string): boolean => id === this.client.userId;
    switch (message.type) {
      case "ERROR":
        // Then the client asks for a seat without the token.
        this.#isNoOwner ||= message.code === "INVALID_OWNER_TOKEN";
        return;
      case "ROOM_CREATED":
      case "ROOM_JOINED":
        return this.#isNoOwner ? this.#tellNoOwner() : undefined;
      case "USER_JOINED":
        return this.say(`${message.joinedUser.name} has come in.`);
      case "USER_LEFT":
        return this.say(`${this.names.of(message.leftUserId)} has left.${message.newHostId === undefined ? "" : ` ${this.#hostWords(message.newHostId)}`}`);
      case "USER_DISCONNECTED":
        return this.say(`${this.names.of(message.leftUserId)} has lost the connection. The seat is kept.`);
      case "USER_RECONNECTED":
        return this.say(`${this.names.of(message.reconnectedUserId)} is back.`);
      case "HOST_CHANGED":
        return this.say(this.#hostWords(message.newHostId));
      case "ROLE_CHANGED":
        return this.say(you(message.userId) ? roleWords[message.role] : `${this.names.of(message.userId)} is a ${message.role.toLowerCase()} now.`);
      case "ANNOUNCEMENT":
        return this.say(`The server’s operator says: ${message.text}`);
      case "KNOCK":
        return this.say(`${message.userName} is at the door.`);
      case "DOOR_CHANGED":
        return this.isHost ? undefined : this.say(doorWords[message.door.entry]);
      case "CONTROL_MODE_CHANGE":
        return this.say(message.mode === "HOST_ONLY" ? "The host controls the film now." : "Everyone may control the film now.");
      case "UNDELIVERED":
        return message.code === "CONTROL_DENIED" && !this.mayControl ? this.say(this.deniedWords) : undefined;
    }
  }

  #hostWords(hostId: string): string {
    return hostId === this.client.userId ? "You are the host now." : `${this.names.of(hostId)} is the host now.`;
  }

  /**
   * The viewer had made a room with this id, which has ended, and somebody has made another one
   * since.
   */
  #tellNoOwner(): void {
    this.#isNoOwner = false;
    this.say(`The room that you made has ended, and this is another one${this.isHost ? "" : ", with a host of its own"}.`);
  }

  #draw(): void {
    this.#drawTimer ??= setTimeout(() => {
      this.#drawTimer = undefined;
      this.journalChanges.tell();
    }, drawMs);
  }
}
