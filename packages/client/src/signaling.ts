// The seam between the parts: what the mesh needs of a client, whether that is in the same context
// or at the other end of a port.

import type { ClientMessage, ControlModeChangeMessage, ResponseMessage, RoomCreatedMessage, RoomJoinedMessage, RoomState, SyncMessage } from "@usher/types";
import type { RoomError } from "./error.js";

type Without<M, K extends PropertyKey> = M extends unknown ? Omit<M, K> : never;
type Filled = "roomId" | "userId" | "timestamp";

/**
 * The field `mesh` that a PeerMesh adds to its offers, answers and candidates. The server forwards
 * unknown fields.
 */
export interface MeshMark {
  /** The sender's peer connection. Another value means that the sender has started again. */
  session: string;
  /** The receiver's session that is meant, if it is known. */
  to?: string;
  /** The frame's number in the session, from 1 without gaps. */
  seq: number;
  /** The last frame of the receiver's session that has arrived. */
  ack: number;
  /** The sender cannot have a peer connection, so the receiver must not offer one again. */
  relayOnly?: boolean;
}

/** The fields that VideoSync adds to the SyncMessages that it sends. */
export interface FilmMark {
  /** When the film was at `time`, by the server's clock, ms. */
  serverTime?: number;
  /** When somebody last played, paused or sought, by the server's clock, ms. The last act wins. */
  actedAt?: number;
}

/** A message to send, without the fields that the client fills in. */
export type Outgoing = Without<ClientMessage, Filled> & { targetUserId?: string; mesh?: MeshMark } & FilmMark;
/**
 * A SyncMessage to send, without the fields that the client fills in. RoomClient.setControlMode()
 * sets the control mode.
 */
export type OutgoingSync = Without<Exclude<SyncMessage, ControlModeChangeMessage>, Filled | "targetUserId"> & FilmMark;
/** A SyncMessage as it arrived. */
export type MarkedSync = SyncMessage & FilmMark;

/** Every message that comes over the socket: the server's, and those of others that it relays. */
export type ServerMessage = ResponseMessage | ClientMessage;
/** The server's reply that gives a seat. */
export type Seated = RoomCreatedMessage | RoomJoinedMessage;

/** A STUN or TURN server: the W3C's RTCIceServer. */
export interface IceServer {
  /** Addresses such as stun:example.org:3478. */
  urls: string | string[];
  /** For TURN. */
  username?: string;
  /** For TURN. */
  credential?: string;
}

/** The configuration of a peer connection: a part of the W3C's RTCConfiguration. */
export interface PeerConfiguration {
  /** May be empty. */
  iceServers: IceServer[];
  /** "relay" in a room whose participants do not see each other's addresses. */
  iceTransportPolicy?: "relay";
}

/**
 * How far the client is on its way to its seat. `knocking`: the host or a cohost has to let the
 * client in. `waiting`: the connection was lost, the server holds the seat, and the client tries
 * again at retryAtMs (of Date.now()). `ended`: the client left or, with an error, will not come
 * back by itself.
 */
export type Status =
  | { state: "idle" }
  | { state: "connecting" }
  | ({ state: "knocking" } & AtTheDoor)
  | { state: "seated" }
  | { state: "waiting"; attempt: number; retryAtMs: number }
  | { state: "ended"; error?: RoomError };

/** A place at the door of a room, before somebody has answered the knock. */
export interface AtTheDoor {
  /** The place among those who knock, from 1. */
  position: number;
  /** When the knock ends if nobody answers it, by the server's clock, ms. */
  expiresAt: number;
}

/** The events of a Signaling. */
export interface SignalingEvents {
  /** The client's status has changed. */
  status: Status;
  /** The room has changed in any way. */
  room: RoomState;
  /** The server gave the seat, or gave it back. */
  seated: Seated;
  /** A message arrived; after `room` and `seated`. */
  message: ServerMessage;
}

/** What PeerMesh needs of a client. RoomClient is one; another is made of a port to one. */
export interface Signaling {
  /** How far the client is on its way to its seat. */
  readonly status: Status;
  /** "" before there is a seat. */
  readonly userId: string;
  /** The room as the server last described it; undefined before there is a seat. */
  readonly room: RoomState | undefined;
  /** Sends to the server. Returns false if there is no seat now: nothing was sent. */
  send(message: Outgoing): boolean;
  /** The server's time, ms since the epoch. */
  serverTime(): number;
  /** The ICE servers for new peer connections. */
  iceServers(): Promise<IceServer[]>;
  /** Calls the listener for each event of the type, until the returned function is called. */
  on<K extends keyof SignalingEvents>(type: K, listener: (event: SignalingEvents[K]) => void): () => void;
}
