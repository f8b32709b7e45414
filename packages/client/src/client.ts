import type { Ban, ControlMode, DoorSettings, Role, RoomState } from "@usher/types";
import { Emitter } from "./emitter.js";
import { newRoomId, newUserId } from "./id.js";
import type { Knock } from "./knocks.js";
import type { CreateRequest, JoinRequest, KickOptions, ResumeRequest, RoomClientEvents, RoomClientOptions } from "./options.js";
import { canonicalDoor } from "./seating.js";
import { Session } from "./session.js";
import type { IceServer, Outgoing, Seated, Signaling, Status } from "./signaling.js";

/**
 * One participant's seat in one room, over as many connections as it takes. The client reconnects
 * by itself after a lost connection: the server holds the seat, and the resume token in the store
 * proves whose it is. No method throws; the promises that they return reject with a RoomError.
 */
export class RoomClient extends Emitter<RoomClientEvents> implements Signaling {
  readonly #session: Session;

  /**
   * Does not connect yet. Throws a RoomError with INVALID_URL if the address is not a WebSocket
   * address.
   */
  constructor(options: RoomClientOptions) {
    super();
    this.#session = new Session(options, (type, event) => this.emit(type, event));
  }

  /** How far the client is on its way to its seat. The event `status` reports each change. */
  get status(): Status {
    return this.#session.status;
  }

  /**
   * The room as the server last described it, also while the connection is lost; undefined before
   * there is a seat.
   */
  get room(): RoomState | undefined {
    return this.#session.room;
  }

  /** The participant's id in the room; "" before there is a seat. */
  get userId(): string {
    return this.#session.userId;
  }

  /**
   * Those who wait to be let in; empty for all but the host and the cohosts. The event `knocks`
   * reports each change.
   */
  get knocks(): readonly Knock[] {
    return this.#session.knocks;
  }

  /** The server's time, ms since the epoch; this machine's until the server has answered a ping. */
  serverTime(): number {
    return this.#session.serverTime();
  }

  /** Creates a room, with this participant as its host, or joins it if it exists already. */
  create(request: CreateRequest): Promise<Seated> {
    const { userName, roomId = newRoomId(), userId = newUserId(), iceTransportPolicy, signal, ...asked } = { ...request };
    const intent = { ...asked, create: true, orCreate: true, patient: false };
    return this.#session.seek({ roomId, userId, userName, resumeToken: "", iceTransportPolicy }, intent, signal);
  }

  /**
   * Takes a seat in a room that exists. At a door where people knock it takes until somebody has
   * decided: `status` says so meanwhile, and leave() withdraws the knock.
   */
  join(request: JoinRequest): Promise<Seated> {
    const { userName, roomId, userId = newUserId(), orCreate = false, invite, ownerToken, passcode, signal } = { ...request };
    const intent = { create: false, orCreate, patient: false, ownerToken, passcode };
    return this.#session.seek({ roomId, userId, userName, resumeToken: "", ...(invite ? { invite } : {}) }, intent, signal);
  }

  /**
   * Returns to the seat in the store, after a reload of the page or a restart of the service
   * worker. Resolves to undefined if the store has no seat, or none in the requested room. Keeps
   * trying while the server cannot be reached. If the seat or the room has ended, takes a new seat.
   */
  resume(request?: ResumeRequest): Promise<Seated | undefined> {
    const { roomId, signal } = { ...request };
    return this.#session.resume(roomId, signal);
  }

  /**
   * Gives up the seat, and rejects pending requests with ABORTED. If the connection is lost, the
   * server does not learn of it and holds the seat until its grace is over.
   */
  leave(): Promise<void> {
    return this.#session.leave();
  }

  /**
   * Disconnects without leaving: the server holds the seat for its grace, and resume() returns to
   * it. Rejects pending requests with ABORTED.
   */
  close(): void {
    this.#session.abandon(undefined);
  }

  /** Renames the room. Host only; 1 to 30 characters. */
  renameRoom(newRoomName: string): Promise<void> {
    return this.#session.ask({ type: "RENAME_ROOM", newRoomName });
  }

  /** Renames this participant; 1 to 20 characters. */
  renameUser(newUserName: string): Promise<void> {
    return this.#session.ask({ type: "RENAME_USER", newUserName });
  }

  /** Makes another participant the host. Host only; the other must be connected. */
  transferHost(targetUserId: string): Promise<void> {
    return this.#session.ask({ type: "TRANSFER_HOST", targetUserId });
  }

  /** Gives another participant a role; HOST goes by transferHost(). Host only. */
  setRole(targetUserId: string, role: Exclude<Role, "HOST">): Promise<void> {
    return this.#session.ask({ type: "SET_ROLE", targetUserId, role });
  }

  /**
   * Ends another participant's seat. With `ban` it cannot join again; `reason` (up to 200
   * characters) is shown to it. Host, and cohosts for guests and viewers.
   */
  kick(targetUserId: string, { ban, reason }: KickOptions = {}): Promise<void> {
    return this.#session.ask({ type: "KICK_USER", targetUserId, ...(ban === true ? { ban } : {}), ...(reason ? { reason } : {}) });
  }

  /** Lifts a ban. Host and cohosts. */
  unban(targetUserId: string): Promise<void> {
    return this.#session.ask({ type: "UNBAN_USER", targetUserId });
  }

  /** Says who is banned, in the order in which that happened. Host and cohosts. */
  async bans(): Promise<Ban[]> {
    let bans: Ban[] = [];
    await this.#session.ask({ type: "LIST_BANS" }, { done: (reply) => void (bans = reply?.type === "BANS" ? reply.bans : []) });
    return bans;
  }

  /**
   * Changes the room's door: what is left out stays as it is, and a passcode of null removes it.
   * Host only.
   */
  setDoor(door: DoorSettings): Promise<void> {
    return this.#session.ask({ type: "SET_DOOR", ...canonicalDoor(door) });
  }

  /** Lets somebody in who knocks. Host and cohosts. */
  admit(targetUserId: string): Promise<void> {
    return this.#session.ask({ type: "ADMIT", targetUserId });
  }

  /** Turns somebody away who knocks. Host and cohosts. */
  deny(targetUserId: string): Promise<void> {
    return this.#session.ask({ type: "DENY", targetUserId });
  }

  /**
   * Says who may control the film. Host only. `room` has the new mode immediately, because others
   * may use it before the reply is here; a refusal takes it back.
   */
  setControlMode(mode: ControlMode): Promise<void> {
    return this.#session.setControlMode(mode);
  }

  /**
   * Sends a message for the server to relay. Returns false if nothing was sent: there is no seat
   * now, or the event `refused` says why not. Nothing is queued.
   */
  send(message: Outgoing): boolean {
    return this.#session.send(message);
  }

  /**
   * The ICE servers that the server hands out, requested once an hour at most. An empty list if the
   * request fails: peers in one network find each other without.
   */
  iceServers(): Promise<IceServer[]> {
    return this.#session.iceServers();
  }
}
