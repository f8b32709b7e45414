import type { ControlMode, RoomState } from "@usher/types";
import { Emitter } from "./emitter.js";
import { newRoomId, newUserId } from "./id.js";
import type { CreateRequest, JoinRequest, ResumeRequest, RoomClientEvents, RoomClientOptions } from "./options.js";
import { Session } from "./session.js";
import type { IceServer, Outgoing, Seated, Signaling, Status } from "./signaling.js";

/**
 * One participant's seat in one room, over as many connections as it takes. A lost connection comes
 * back by itself: the server holds the seat, and the resume token in the store proves whose it is.
 * No method throws. What they return rejects with a RoomError.
 */
export class RoomClient extends Emitter<RoomClientEvents> implements Signaling {
  readonly #session: Session;

  /** Throws a RoomError with INVALID_URL for an address that is not a WebSocket's. */
  constructor(options: RoomClientOptions) {
    super();
    this.#session = new Session(options, (type, event) => this.emit(type, event));
  }

  get status(): Status {
    return this.#session.status;
  }

  /** The room as the server last described it; the last known one while the connection is lost. */
  get room(): RoomState | undefined {
    return this.#session.room;
  }

  get userId(): string {
    return this.#session.userId;
  }

  /** The server's time, ms since the epoch. */
  serverTime(): number {
    return this.#session.serverTime();
  }

  /** Makes a room, with this participant as its host, or joins it if it exists already. */
  create(request: CreateRequest): Promise<Seated> {
    const { userName, roomId = newRoomId(), userId = newUserId(), roomName, signal } = { ...request };
    const intent = { create: true, orCreate: true, patient: false, roomName };
    return this.#session.seek({ roomId, userId, userName, resumeToken: "" }, intent, signal);
  }

  /** Takes a seat in a room that exists. */
  join(request: JoinRequest): Promise<Seated> {
    const { userName, roomId, userId = newUserId(), orCreate = false, signal } = { ...request };
    const intent = { create: false, orCreate, patient: false };
    return this.#session.seek({ roomId, userId, userName, resumeToken: "" }, intent, signal);
  }

  /**
   * Returns to the seat in the store, after a reload or a restart of the service worker; undefined if
   * there is none, or none in the room that is asked for. It does not give up while the server cannot
   * be reached. If the seat has ended, or the room, it takes a new one.
   */
  resume(request?: ResumeRequest): Promise<Seated | undefined> {
    const { roomId, signal } = { ...request };
    return this.#session.resume(roomId, signal);
  }

  /**
   * Ends the seat for good, and whatever is pending with ABORTED. While the connection is lost the
   * server does not hear of it, and holds the seat until its grace is over.
   */
  leave(): Promise<void> {
    return this.#session.leave();
  }

  /** Goes without leaving: the seat is held, and resume() returns to it. Ends whatever is pending with ABORTED. */
  close(): void {
    this.#session.abandon(undefined);
  }

  /** Host only. 1 to 30 characters. */
  renameRoom(newRoomName: string): Promise<void> {
    return this.#session.ask({ type: "RENAME_ROOM", newRoomName });
  }

  /** 1 to 20 characters. */
  renameUser(newUserName: string): Promise<void> {
    return this.#session.ask({ type: "RENAME_USER", newUserName });
  }

  /** Host only. The other must be connected. */
  transferHost(targetUserId: string): Promise<void> {
    return this.#session.ask({ type: "TRANSFER_HOST", targetUserId });
  }

  /** Host only. The room has the mode at once, because others who hear of it may use it before this side has the answer; a refusal takes it back. */
  setControlMode(mode: ControlMode): Promise<void> {
    return this.#session.setControlMode(mode);
  }

  /** Sends what is to be relayed. False if nothing was sent: there is no seat now, or the event `refused` says why not. */
  send(message: Outgoing): boolean {
    return this.#session.send(message);
  }

  /** The ICE servers that the server hands out, asked for once an hour at most. None if that fails: peers on one network find each other without. */
  iceServers(): Promise<IceServer[]> {
    return this.#session.iceServers();
  }
}
