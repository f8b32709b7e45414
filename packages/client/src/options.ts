// What a RoomClient takes, and the events that it emits.

import type { DoorSettings } from "@usher/types";
import type { RoomError } from "./error.js";
import type { Knock } from "./knocks.js";
import type { OwnerStore } from "./owner.js";
import type { ServerMessage, SignalingEvents } from "./signaling.js";
import type { SeatStore } from "./store.js";

/**
 * Returns a token (JWT) for the room. Called for each connection, and when a token is about to
 * expire.
 */
export type Auth = (request: { roomId: string }) => Promise<string> | string;

/** How a RoomClient reaches its server and keeps its seat. */
export interface RoomClientOptions {
  /**
   * The server's WebSocket address: wss://example.org/ws. http(s) means ws(s), and in a page a path
   * is enough.
   */
  url: string | UrlLike;
  /** Keeps the seat. In memory by default, which does not survive a reload. */
  store?: SeatStore;
  /**
   * Keeps the owner tokens of rooms that this client has made with `keepMs`, and presents them. By
   * default none is kept: the reply to create() has it.
   */
  owners?: OwnerStore;
  /**
   * The server's --max-frame, 64 KiB by default. A larger message fails here instead of ending the
   * connection.
   */
  maxFrameBytes?: number;
  /**
   * Returns a token (JWT) of your accounts, for a server that has them. Called for each connection,
   * and when the server says that the token expires. The token's user id is the participant's.
   */
  auth?: Auth;
  /**
   * How the token reaches the server: as a subprotocol of the WebSocket (the default), or exchanged
   * for a ticket before, which takes one more request and keeps the token out of the handshake.
   */
  authBy?: "subprotocol" | "ticket";
}

/** A URL, or any other object that has an address in href. */
export interface UrlLike {
  /** The whole address. */
  readonly href: string;
}

/** The events of a RoomClient. */
export interface RoomClientEvents extends SignalingEvents {
  /** A message went over the socket, in either direction. For logs and diagrams. */
  frame: {
    /** Reports that the client sent it; false if it came from the server. */
    sent: boolean;
    message: ServerMessage;
    /** When, of Date.now(). */
    atMs: number;
  };
  /** Those who wait to be let in have changed. For the host and the cohosts. */
  knocks: readonly Knock[];
  /** A message that send() took was refused or could not be delivered. */
  refused: Refused;
}

/** A message that was not delivered. */
export interface Refused {
  /** Says why. */
  error: RoomError;
  /** The message's type, if it is known. */
  messageType?: string | undefined;
  /** Whom the message was for, if it is known. */
  targetUserId?: string | undefined;
}

/** The part of an AbortSignal that the client uses. */
export interface SignalOfAbort {
  /** Reports that the call has been given up. */
  readonly aborted: boolean;
  /** The `cause` of the RoomError with ABORTED. */
  readonly reason?: unknown;
  /** Calls the listener when the call is given up. */
  addEventListener(type: "abort", listener: () => void): void;
  /** Takes the listener off again. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A request that can be given up. */
export interface Abortable {
  /**
   * An AbortSignal. When it is aborted, the request rejects with ABORTED and nothing of it goes on.
   */
  signal?: SignalOfAbort | undefined;
}

/** A request for a seat in a room that may not exist yet. */
export interface CreateRequest extends Abortable {
  /** What the others call this participant; 1 to 20 characters. */
  userName: string;
  /** The room's id. By default a new one, which cannot be guessed. */
  roomId?: string | undefined;
  /** The room's name; 1 to 30 characters. By default the server names it. */
  roomName?: string | undefined;
  /**
   * How long the room stays when it is empty, ms, at most the server's max-keep; what the room has
   * is in the reply. It counts only if this makes the room. By default the room ends with its last
   * seat.
   */
  keepMs?: number | undefined;
  /** The owner token of the room, if it exists. By default the one that `owners` has. */
  ownerToken?: string | undefined;
  /** The participant's id in the room. By default a new one. */
  userId?: string | undefined;
  /** The door of the room, if this makes it. By default it is open. */
  door?: DoorSettings | undefined;
  /** For the door of the room if it exists already. */
  passcode?: string | undefined;
  /**
   * "relay" hides the participants' addresses from each other, for the life of the room: everybody
   * connects through TURN servers only.
   */
  iceTransportPolicy?: "relay" | undefined;
}

/** A request for a seat in a room that exists. */
export interface JoinRequest extends Abortable {
  /** The room's id. roomIdIn() finds it in an invite link. */
  roomId: string;
  /** What the others call this participant; 1 to 20 characters. */
  userName: string;
  /** The participant's id in the room. By default a new one. */
  userId?: string | undefined;
  /** The invite to the room, instead of a token. inviteIn() finds it in an invite link. */
  invite?: string | undefined;
  /** Creates the room if it does not exist. */
  orCreate?: boolean | undefined;
  /**
   * Makes this participant host of the room that it has made. By default the one that `owners` has.
   */
  ownerToken?: string | undefined;
  /** For the room's door: rejects with PASSCODE_REQUIRED or WRONG_PASSCODE otherwise. */
  passcode?: string | undefined;
}

/** A request for the seat in the store. */
/** What a kick does beside ending the seat. */
export interface KickOptions {
  /** The participant cannot join again until unban() or the end of the room. */
  ban?: boolean;
  /** What the participant reads. At most 200 characters. */
  reason?: string;
}

export interface ResumeRequest extends Abortable {
  /** Returns only to a seat in this room, the one that an invite link names for instance. */
  roomId?: string | undefined;
}
