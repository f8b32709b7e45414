// The peer connections to the other participants: who offers to whom, and when.

import type { RoomState } from "@usher/types";
import { isSignal } from "./delivery.js";
import { watchPath } from "./path.js";
import { Peer } from "./peer.js";
import type { IceServer, PeerConfiguration, ServerMessage, Signaling } from "./signaling.js";

export interface PeersOptions {
  client: Signaling;
  iceServers: () => Promise<IceServer[]>;
  createConnection: (configuration: PeerConfiguration) => RTCPeerConnection;
  /** A data channel has opened, or closed. */
  changed: () => void;
  received: (data: unknown, from: string) => void;
}

/**
 * One peer for each other participant. The host offers to everyone; between two others the one with
 * the smaller user id.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  /** Who cannot have a peer connection, and has said so. */
  readonly #relayOnly = new Set<string>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  ids(): string[] {
    return [...this.#peers.keys()];
  }

  isOpen(id: string): boolean {
    return this.#peers.get(id)?.isOpen === true;
  }

  /** Sends over the data channel. False if it is not open. */
  send(id: string, text: string): boolean {
    return this.#peers.get(id)?.sendDirect(text) === true;
  }

  /** Makes a peer for whoever is new, and returns who has left. */
  follow(room: RoomState): string[] {
    for (const { id } of room.users) {
      if (id !== this.#options.client.userId && !this.#peers.has(id)) {
        this.#peers.set(id, this.#newPeer(id));
      }
    }
    const gone = this.ids().filter((id) => !room.users.some((user) => user.id === id));
    for (const id of gone) {
      this.#peers.get(id)?.close();
      this.#peers.delete(id);
      this.#relayOnly.delete(id);
    }
    return gone;
  }

  /** This side has a seat, or has it again. */
  seated(resumed: boolean): void {
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
    // Who is new is offered to by those whose part it is. Who has its seat again but forgot its
    // connections, as after a reload, must say so itself.
    this.offerToAll((id) => resumed || this.#offersTo(id));
  }

  offerToAll(isMine: (id: string) => boolean = () => true): void {
    for (const user of this.#options.client.room?.users ?? []) {
      if (this.#peers.get(user.id)?.isActive === false && user.isConnected && isMine(user.id)) {
        this.#offer(user.id);
      }
    }
  }

  read(message: ServerMessage): void {
    if (isSignal(message)) {
      if (message.type === "WEBRTC_OFFER") {
        this.#relayOnly.delete(message.userId);
      }
      this.#peers.get(message.userId)?.receive(message);
    } else if (message.type === "ICE_SERVERS") {
      for (const peer of this.#peers.values()) {
        void peer.refresh();
      }
    } else if (message.type === "USER_JOINED") {
      // Somebody new, or one of another client that has closed its connections.
      const { id } = message.joinedUser;
      this.#relayOnly.delete(id);
      if (this.#offersTo(id)) {
        this.#offer(id);
      } else {
        this.#peers.get(id)?.reset();
      }
    } else if (message.type === "USER_LEFT") {
      // Its seat may be held still. Its client has closed its connections.
      this.#peers.get(message.leftUserId)?.reset();
    } else if (message.type === "USER_RECONNECTED") {
      const peer = this.#peers.get(message.reconnectedUserId);
      peer?.resend();
      peer?.restartIfLost();
      if (peer?.isActive === false) {
        this.#offer(message.reconnectedUserId); // it was away when this side had none to offer to
      }
    }
  }

  close(): void {
    for (const peer of this.#peers.values()) {
      peer.close();
    }
    this.#peers.clear();
  }

  #newPeer(id: string): Peer {
    const { client, iceServers, createConnection, changed, received } = this.#options;
    return new Peer({
      id,
      iceServers,
      relayOnly: () => client.room?.iceTransportPolicy === "relay",
      polite: () => !this.#offersTo(id),
      send: (signal) => client.send(signal),
      opened: changed,
      closed: changed,
      declined: () => this.#declined(id),
      received: (data) => received(data, id),
      createConnection: (configuration) => {
        const connection = createConnection(configuration);
        watchPath(connection, configuration, (path) => client.send({ ...path, targetUserId: id }));
        return connection;
      },
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
    const { userId, room } = this.#options.client;
    const hostId = room?.hostId;
    return hostId === userId || (hostId !== id && userId < id);
  }
}
