// The seam between the parts: what the mesh needs of a client, whether that is in the same context or at the other end of a port.

import type { ClientMessage, ControlModeChangeMessage, ResponseMessage, RoomCreatedMessage, RoomJoinedMessage, RoomState, SyncMessage } from "@usher/types";
import type { RoomError } from "./error.js";

type Without<M, K extends PropertyKey> = M extends unknown ? Omit<M, K> : never;
type Filled = "roomId" | "userId" | "timestamp";

/** What the mesh adds to the offers, answers and candidates that it sends; the server passes unknown fields on. */
export interface MeshMark {
  /** The sender's side of the peer connection; another one means that the sender has begun anew. */
  session: string;
  /** The session of the receiver that is meant, where it is known. */
  to?: string;
  /** Counts the frames of the session from 1, without gaps. */
  seq: number;
  /** The last frame of the receiver's session that has come. */
  ack: number;
  /** The sender cannot have a peer connection, so the receiver is not to offer one again. */
  relayOnly?: boolean;
}

/** What VideoSync adds to the SyncMessages that it sends. */
export interface FilmMark {
  /** When `time` held, by the server's clock, ms. */
  serverTime?: number;
  /** When somebody last played, paused or sought, by the server's clock, ms. Who acted last wins. */
  actedAt?: number;
}

/** A client's message without what the client fills in. */
export type Outgoing = Without<ClientMessage, Filled> & { targetUserId?: string; mesh?: MeshMark } & FilmMark;
/** A SyncMessage without what the client fills in. The control mode is set by RoomClient.setControlMode. */
export type OutgoingSync = Without<Exclude<SyncMessage, ControlModeChangeMessage>, Filled | "targetUserId"> & FilmMark;
/** A SyncMessage as it came. */
export type MarkedSync = SyncMessage & FilmMark;

/** Everything that comes over the socket: the server's answers, and what others' clients had relayed. */
export type ServerMessage = ResponseMessage | ClientMessage;
/** The answer that gives a seat. */
export type Seated = RoomCreatedMessage | RoomJoinedMessage;

/** The W3C's RTCIceServer. */
export interface IceServer {
  urls: string | string[];
  username?: string;
  credential?: string;
}

/** Where the client is on its way to its seat. */
export type Status =
  | { state: "idle" }
  | { state: "connecting" }
  | { state: "seated" }
  /** The connection was lost; the seat is held, and the client tries again at retryAtMs (of Date.now()). */
  | { state: "waiting"; attempt: number; retryAtMs: number }
  /** It is over, by leaving or, with an error, for good. */
  | { state: "ended"; error?: RoomError };

export interface SignalingEvents {
  status: Status;
  /** The room has changed in any way. */
  room: RoomState;
  /** A seat was given, or given back. */
  seated: Seated;
  /** Every message that comes, after `room` and `seated`. */
  message: ServerMessage;
}

/** What PeerMesh needs of a client. RoomClient is one. */
export interface Signaling {
  readonly status: Status;
  /** "" before there is a seat. */
  readonly userId: string;
  readonly room: RoomState | undefined;
  /** Sends to the server. False where there is no seat now: nothing was sent. */
  send(message: Outgoing): boolean;
  serverTime(): number;
  iceServers(): Promise<IceServer[]>;
  on<K extends keyof SignalingEvents>(type: K, listener: (event: SignalingEvents[K]) => void): () => void;
}
