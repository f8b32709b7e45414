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
import { Names } from "./party.ts";

const noticeMs = 7000;
/** How often the diagram may be redrawn, ms. */
const drawMs = 60;
/** How long a room that the viewer keeps stays at most when it is empty: 30 days, the server's default bound. */
const keepMs = 30 * 24 * 3_600_000;
const nameKey = "usher.name";

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

/** The WebSocket address of the page's server. */
function socketAddress(): string {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}

/** The room of the seat that this tab keeps, or "". */
export function keptRoom(): string {
  try {
    const seat: unknown = JSON.parse(sessionStorage.getItem("usher.seat") ?? "null");
    return (seat as { roomId?: string } | null)?.roomId ?? "";
  } catch {
    return ""; // the browser blocks site data
  }
}

export function rememberedName(): string {
  try {
    return localStorage.getItem(nameKey) ?? "";
  } catch {
    return ""; // storage is switched off
  }
}

function rememberName(name: string): void {
  try {
    localStorage.setItem(nameKey, name);
  } catch {
    // The page asks for it again next time.
  }
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
    this.mesh = new PeerMesh(client);
    this.mesh.on("direct", ({ message, to }) => {
      const { userId } = client;
      this.journal.direct(userId, to, { ...message, userId, timestamp: Date.now() }, Date.now());
    });
    this.mesh.on("message", ({ message, from, direct }) => direct && this.#hearDirect(message, from));
    client.on("message", (message) => this.#hear(message));
    client.on("knocks", () => this.changes.tell());
    const changed = (): void => this.changes.tell();
    this.mesh.on("room", changed);
    client.on("status", ({ state }) => {
      this.isKnocking = state === "knocking" || (this.isKnocking && (state === "connecting" || state === "waiting"));
      if (state === "ended") {
        this.mesh.close(); // data channels would otherwise outlive the seat
      }
      changed();
    });
    this.mesh.on("route", changed);
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

  /** With isKept, the room stays for as long as the server keeps one. */
  async create(userName: string, isKept: boolean): Promise<Seated> {
    rememberName(userName);
    return this.client.create({ userName, roomName: `${userName}’s room`, ...(isKept ? { keepMs } : {}) });
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
      case "USER_JOINED":
        return this.say(`${message.joinedUser.name} has come in.`);
      case "USER_LEFT":
        return this.say(`${this.names.of(message.leftUserId)} has left.${message.newHostId === this.client.userId ? " You are the host now." : ""}`);
      case "USER_DISCONNECTED":
        return this.say(`${this.names.of(message.leftUserId)} has lost the connection. The seat is kept.`);
      case "USER_RECONNECTED":
        return this.say(`${this.names.of(message.reconnectedUserId)} is back.`);
      case "HOST_CHANGED":
        return this.say(you(message.newHostId) ? "You are the host now." : `${this.names.of(message.newHostId)} is the host now.`);
      case "ROLE_CHANGED":
        return this.say(you(message.userId) ? roleWords[message.role] : `${this.names.of(message.userId)} is a ${message.role.toLowerCase()} now.`);
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

  #draw(): void {
    this.#drawTimer ??= setTimeout(() => {
      this.#drawTimer = undefined;
      this.journalChanges.tell();
    }, drawMs);
  }
}
