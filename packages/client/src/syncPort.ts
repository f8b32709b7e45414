import type { RoomState } from "@usher/types";
import type { Film } from "./film.js";
import type { OutgoingSync } from "./signaling.js";

/** The events of a SyncPort. */
export interface SyncPortEvents {
  /** The film was played, paused, sought or changed, here or elsewhere. */
  film: Film;
  /** The room has changed in any way. */
  room: RoomState;
}

/** What VideoSync needs of a mesh. PeerMesh is one; a content script has one made of a port. */
export interface SyncPort {
  /** This participant's id; "" before there is a seat. */
  readonly userId: string;
  /** The room; undefined before there is a seat. */
  readonly room: RoomState | undefined;
  /** The position of the film; undefined if nobody has played anything yet. */
  readonly film: Film | undefined;
  /** The server's time, ms since the epoch. */
  serverTime(): number;
  /**
   * Returns false if the control mode forbids it. Otherwise `film` has changed by nextFilm() on
   * return.
   */
  send(message: OutgoingSync): boolean;
  /** Calls the listener for each event of the type, until the returned function is called. */
  on<K extends keyof SyncPortEvents>(type: K, listener: (event: SyncPortEvents[K]) => void): () => void;
}
