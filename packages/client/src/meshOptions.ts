// What a PeerMesh takes, and the events that it emits.

import type { PathReason, RoomState } from "@usher/types";
import type { Film } from "./film.js";
import type { AnnouncedMode, DirectMessage } from "./legacy.js";
import type { IceServer, MarkedSync, PeerConfiguration } from "./signaling.js";

/**
 * RTCPeerConnection, if TypeScript knows its name. Without the DOM library it is any object: that
 * of a library for Node.js, say, which has to behave as the W3C's does.
 */
export type PeerConnection = typeof globalThis extends { RTCPeerConnection: { prototype: infer T } } ? T : object;

/**
 * How messages reach another participant now: over a data channel, through the server, or not at
 * all because the participant is not connected.
 */
export type Route = "direct" | "relayed" | "away";

/** The events of a PeerMesh. */
export interface PeerMeshEvents {
  /**
   * A SyncMessage from somebody who may send it came, over a data channel or relayed by the server.
   */
  message: {
    message: MarkedSync;
    /** The sender's user id. */
    from: string;
    /** Reports that it came over a data channel. */
    direct: boolean;
  };
  /** Messages reach a participant by another route from now on. */
  route: {
    /** Whom the route leads to. */
    userId: string;
    route: Route;
  };
  /** The server said why there is no direct path to a participant, or that there is one. */
  path: {
    /** Whom the path leads to. */
    userId: string;
    /** Stable; what each means is in the protocol's document. */
    reason: PathReason;
  };
  /**
   * The film was played, paused, sought or changed, here or elsewhere, or the server reported its
   * position.
   */
  film: Film;
  /** The room has changed in any way. */
  room: RoomState;
  /** A SyncMessage goes out over a data channel. For logs and diagrams. */
  direct: {
    message: DirectMessage;
    /** The receiver's user id. */
    to: string;
  };
}

/** How a PeerMesh makes its peer connections, and what it knows already. */
export interface PeerMeshOptions {
  /** ICE servers to use instead of those that the server hands out. */
  iceServers?: () => Promise<IceServer[]>;
  /**
   * Makes a peer connection, by default a new RTCPeerConnection. If it throws, or the platform has
   * no RTCPeerConnection, the server relays everything.
   */
  createConnection?: (configuration: PeerConfiguration) => PeerConnection;
  /**
   * What `announcedMode` of the mesh was before a reload. It counts while the room has the same
   * host.
   */
  announcedMode?: AnnouncedMode | undefined;
}
