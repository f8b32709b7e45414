// One peer connection, by the W3C's perfect negotiation (WebRTC 1.0, section 10.7).

import type { IceCandidate, SessionDescription } from "@usher/types";
import { Delivery, type PeerSignal } from "./delivery.js";
import { isUnmarkedOffer, originOf } from "./origin.js";
import { isRelayed, withoutAddresses } from "./relayOnly.js";
import type { IceServer, MeshMark, Outgoing, PeerConfiguration } from "./signaling.js";
import { Watch } from "./watch.js";

export interface PeerOptions {
  id: string;
  iceServers: () => Promise<IceServer[]>;
  /** Whether no address may be shown. */
  relayOnly: () => boolean;
  /** Whether this side gives way when both have made an offer. */
  polite: () => boolean;
  /** False if there is no connection to the server now; the frame is sent again later. */
  send: (signal: Outgoing) => boolean;
  opened: () => void;
  closed: () => void;
  /** The other side has said that it cannot have a connection. */
  declined: () => void;
  received: (data: unknown) => void;
  createConnection: (configuration: PeerConfiguration) => RTCPeerConnection;
}

export class Peer {
  readonly #options: PeerOptions;
  #connection: RTCPeerConnection | undefined;
  readonly #channels = new Set<RTCDataChannel>();
  #delivery = new Delivery();
  /** Of the other side's last description. */
  #remoteOrigin: string | undefined;
  #tasks: Promise<void> = Promise.resolve();
  #makingOffer = false;
  #settingAnswer = false;
  #ignoresOffer = false;
  #isOpen = false;
  #isClosed = false;
  readonly #watch: Watch;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#watch = new Watch(options.polite, () => this.offer());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether a connection has been begun. */
  get isActive(): boolean {
    return this.#connection !== undefined;
  }

  /** Begins, or starts over, with an offer. */
  offer(): void {
    this.reset();
    this.#run(async () => {
      const connection = await this.#connect();
      if (connection !== undefined) {
        this.#adopt(connection.createDataChannel("usher")); // negotiation is needed from here on
      }
    });
  }

  /** Sends over the data channel. False if it is not open. */
  sendDirect(text: string): boolean {
    if (!this.#isOpen) {
      return false;
    }
    for (const channel of this.#channels) {
      if (channel.readyState === "open") {
        try {
          channel.send(text);
          return true;
        } catch {
          // It is full, or the text is larger than the other side takes.
        }
      }
    }
    return false;
  }

  /** Sends again what may have been lost with a socket, this side's or the other's. */
  resend(): void {
    for (const signal of this.#delivery.unacknowledged()) {
      this.#options.send(signal);
    }
  }

  /** Looks for another way if there is none, with new candidates. */
  restartIfLost(): void {
    const state = this.#connection?.connectionState;
    if (state === "disconnected" || state === "failed") {
      void this.refresh(true);
    }
  }

  /** Takes the present ICE servers. What goes through TURN moves before its credentials expire. */
  async refresh(restarts = false): Promise<void> {
    const connection = this.#connection;
    try {
      const configuration = await this.#configuration();
      if (connection !== undefined && connection === this.#connection) {
        connection.setConfiguration(configuration);
        if (restarts || (await isRelayed(connection))) {
          connection.restartIce();
        }
      }
    } catch {
      // Closed meanwhile, or a connection that cannot change.
    }
  }

  async #configuration(): Promise<PeerConfiguration> {
    return { iceServers: await this.#options.iceServers().catch(() => []), ...(this.#options.relayOnly() ? { iceTransportPolicy: "relay" } : {}) };
  }

  receive(signal: PeerSignal): void {
    if (this.#isOfAnotherConnection(signal)) {
      this.reset();
    }
    this.#remoteOrigin = originOf(signal) ?? this.#remoteOrigin;
    let ready = this.#delivery.receive(signal);
    if (ready === "restarted") {
      this.reset();
      ready = this.#delivery.receive(signal);
    }
    for (const next of ready === "restarted" ? [] : ready) {
      this.#run(() => this.#handle(next));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.reset();
  }

  /** Begins a new session: the connection is gone, and what still comes for it is not heard. */
  reset(): void {
    this.#watch.stop();
    this.#connection?.close();
    this.#connection = undefined;
    this.#channels.clear();
    this.#delivery = new Delivery();
    this.#remoteOrigin = undefined;
    this.#tasks = Promise.resolve();
    this.#makingOffer = this.#settingAnswer = this.#ignoresOffer = false;
    this.#setOpen();
  }

  /** Of a client that marks no sessions, a new connection has another origin (RFC 8829, 5.2.1). */
  #isOfAnotherConnection(signal: PeerSignal): boolean {
    return isUnmarkedOffer(signal) && this.#remoteOrigin !== undefined && originOf(signal) !== this.#remoteOrigin;
  }

  /** Runs a task of this session after those before it. */
  #run(task: () => Promise<void>): void {
    const session = this.#delivery;
    this.#tasks = this.#tasks.then(() => (session === this.#delivery && !this.#isClosed ? task() : undefined)).catch(() => undefined);
  }

  async #connect(): Promise<RTCPeerConnection | undefined> {
    if (this.#connection !== undefined) {
      return this.#connection;
    }
    const session = this.#delivery;
    const configuration = await this.#configuration();
    if (session !== this.#delivery || this.#isClosed) {
      return undefined;
    }
    const connection = this.#options.createConnection(configuration);
    this.#connection = connection;
    const listen = <K extends keyof RTCPeerConnectionEventMap>(type: K, listener: (event: RTCPeerConnectionEventMap[K]) => void): void =>
      connection.addEventListener(type, (event) => {
        if (this.#connection === connection) {
          listener(event);
        }
      });
    listen("negotiationneeded", () => void this.#makeOffer(connection));
    listen("icecandidate", ({ candidate }) => {
      if (candidate !== null) {
        this.#signal({ type: "WEBRTC_ICE_CANDIDATE", targetUserId: this.#options.id, candidate: candidate.toJSON() as IceCandidate });
      }
    });
    listen("datachannel", ({ channel }) => this.#adopt(channel));
    listen("connectionstatechange", () => this.#follow(connection));
    this.#follow(connection);
    return connection;
  }

  #adopt(channel: RTCDataChannel): void {
    this.#channels.add(channel);
    channel.addEventListener("open", () => this.#setOpen());
    channel.addEventListener("close", () => this.#setOpen());
    channel.addEventListener("message", (event) => {
      if (this.#channels.has(channel)) {
        this.#options.received(event.data);
      }
    });
  }

  async #makeOffer(connection: RTCPeerConnection): Promise<void> {
    try {
      this.#makingOffer = true;
      await connection.setLocalDescription();
      this.#describe(connection);
    } catch {
      // Closed meanwhile; the watch starts over if that is due.
    } finally {
      if (this.#connection === connection) {
        this.#makingOffer = false;
      }
    }
  }

  #describe(connection: RTCPeerConnection): void {
    const description = connection.localDescription;
    if (description === null || this.#connection !== connection) {
      return;
    }
    const { type, sdp } = description;
    const init: SessionDescription = { type, sdp };
    const targetUserId = this.#options.id;
    this.#signal(type === "offer" ? { type: "WEBRTC_OFFER", targetUserId, offer: init } : { type: "WEBRTC_ANSWER", targetUserId, answer: init });
  }

  async #handle(received: PeerSignal): Promise<void> {
    const signal = this.#options.relayOnly() ? withoutAddresses(received) : received;
    if (signal === undefined) {
      return;
    }
    if (signal.mesh?.relayOnly === true) {
      this.#options.declined();
      return;
    }
    const connection = await this.#connect().catch(() => this.#decline(signal));
    if (connection === undefined) {
      return;
    }
    if (signal.type === "WEBRTC_ICE_CANDIDATE") {
      await connection.addIceCandidate(signal.candidate).catch((error: unknown) => {
        if (!this.#ignoresOffer) {
          throw error;
        }
      });
      return;
    }
    const description = signal.type === "WEBRTC_OFFER" ? signal.offer : signal.answer;
    const isOffer = description.type === "offer";
    const isReady = !this.#makingOffer && (connection.signalingState === "stable" || this.#settingAnswer);
    // Whoever marks no session takes every offer for a new connection, and has forgotten its own.
    this.#ignoresOffer = isOffer && !isReady && (isUnmarkedOffer(signal) || !this.#options.polite());
    if (this.#ignoresOffer) {
      return;
    }
    this.#settingAnswer = !isOffer;
    try {
      await connection.setRemoteDescription(description);
    } finally {
      this.#settingAnswer = false;
    }
    if (isOffer) {
      await connection.setLocalDescription();
      this.#describe(connection);
    }
  }

  #signal(signal: Outgoing, own: Pick<MeshMark, "relayOnly"> = {}): void {
    const shown = this.#options.relayOnly() ? withoutAddresses(signal) : signal;
    if (shown !== undefined) {
      this.#options.send(this.#delivery.mark(shown, own));
    }
  }

  /**
   * No connection can be made here. An offer is answered by a candidate that is none and says so in
   * its mark; a peer that does not know it ignores it. Clients that mark nothing get no reply.
   */
  #decline({ type, mesh }: PeerSignal): undefined {
    if (type === "WEBRTC_OFFER" && mesh !== undefined) {
      this.#signal({ type: "WEBRTC_ICE_CANDIDATE", targetUserId: this.#options.id, candidate: {} }, { relayOnly: true });
    }
  }

  #follow(connection: RTCPeerConnection): void {
    this.#watch.follow(connection);
    this.#setOpen();
  }

  #setOpen(): void {
    const isUsable = this.#connection?.connectionState !== "failed" && this.#connection?.connectionState !== "disconnected";
    const isOpen = isUsable && [...this.#channels].some((channel) => channel.readyState === "open");
    if (isOpen !== this.#isOpen) {
      this.#isOpen = isOpen;
      (isOpen ? this.#options.opened : this.#options.closed)();
    }
  }
}
