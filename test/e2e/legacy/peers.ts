// The legacy client's peer connections, faults included. Runs in the page.

/** What is sent to the server for the connection with one user. */
export type Signal =
  | { type: "WEBRTC_OFFER"; targetUserId: string; offer: RTCSessionDescriptionInit }
  | { type: "WEBRTC_ANSWER"; targetUserId: string; answer: RTCSessionDescriptionInit }
  | { type: "WEBRTC_ICE_CANDIDATE"; targetUserId: string; candidate: RTCIceCandidateInit };

interface Peer {
  connection: RTCPeerConnection;
  channel: RTCDataChannel | undefined;
}

interface Listener {
  send(signal: Signal): void;
  /** A message on any data channel with a user, replaced ones included: their handlers stay. */
  heard(userId: string, text: string): void;
  note(text: string): void;
}

export class Peers {
  iceServers: RTCIceServer[] = [];
  /** The newest connection with each user. A replaced one is forgotten, but not closed. */
  readonly #peers = new Map<string, Peer>();
  readonly #listener: Listener;
  #made = 0;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Offers a new connection, whether or not one exists. */
  async offer(userId: string): Promise<void> {
    const peer = this.#make(userId, "to offer");
    this.#use(userId, peer, peer.connection.createDataChannel("sync", { ordered: true, maxRetransmits: 3 }));
    await this.#sendOffer(userId, peer.connection, {});
  }

  /** Answers with a new connection, even an offer that restarts ICE on the old one. */
  async answer(userId: string, offer: RTCSessionDescriptionInit): Promise<void> {
    const { connection } = this.#make(userId, "to answer");
    await this.#attempt(`answer ${userId}`, async () => {
      await connection.setRemoteDescription(offer);
      const answer = await connection.createAnswer();
      await connection.setLocalDescription(answer);
      this.#listener.send({ type: "WEBRTC_ANSWER", targetUserId: userId, answer });
    });
  }

  async answered(userId: string, answer: RTCSessionDescriptionInit): Promise<void> {
    await this.#attempt(`take the RTC answer of ${userId}`, async () => this.#peers.get(userId)?.connection.setRemoteDescription(answer));
  }

  async candidate(userId: string, candidate: RTCIceCandidateInit): Promise<void> {
    await this.#attempt(`take a candidate of ${userId}`, async () => this.#peers.get(userId)?.connection.addIceCandidate(candidate));
  }

  close(userId: string): void {
    this.#peers.get(userId)?.connection.close();
    if (this.#peers.delete(userId)) {
      this.#listener.note(`closes its connection with ${userId}`);
    }
  }

  closeAll(): void {
    for (const userId of [...this.#peers.keys()]) {
      this.close(userId);
    }
  }

  /** Sends to everybody whose newest channel is open, and returns to whom. */
  say(text: string): string[] {
    const open = [...this.#peers].filter(([, { channel }]) => channel?.readyState === "open");
    for (const [, { channel }] of open) {
      channel?.send(text);
    }
    return open.map(([userId]) => userId);
  }

  /** The state of the newest channel with each user. */
  states(): Record<string, string> {
    return Object.fromEntries(
      [...this.#peers].map(([userId, { connection, channel }]) => [userId, `${connection.connectionState} ${channel?.readyState ?? "none"}`]),
    );
  }

  #make(userId: string, purpose: string): Peer {
    const connection = new RTCPeerConnection({ iceServers: this.iceServers });
    const peer: Peer = { connection, channel: undefined };
    const number = ++this.#made;
    const { note } = this.#listener;
    note(`${this.#peers.has(userId) ? "replaces its" : "makes a"} connection with ${userId} ${purpose}: ${number}`);
    this.#peers.set(userId, peer);
    connection.onicecandidate = ({ candidate }) => {
      if (candidate !== null) {
        this.#listener.send({ type: "WEBRTC_ICE_CANDIDATE", targetUserId: userId, candidate: candidate.toJSON() });
      }
    };
    connection.ondatachannel = ({ channel }) => this.#use(userId, peer, channel);
    connection.onconnectionstatechange = () => {
      note(`connection ${number} with ${userId} is ${connection.connectionState}`);
      if (connection.connectionState === "disconnected") {
        void this.#restart(userId);
      }
    };
    return peer;
  }

  #use(userId: string, peer: Peer, channel: RTCDataChannel): void {
    peer.channel = channel;
    channel.onmessage = ({ data }) => this.#listener.heard(userId, String(data));
    channel.onclose = () => this.#listener.note(`a channel with ${userId} closed`);
  }

  /** Restarts ICE on the newest connection, whichever one became "disconnected". */
  async #restart(userId: string): Promise<void> {
    const peer = this.#peers.get(userId);
    if (peer !== undefined) {
      this.#listener.note(`restarts ICE with ${userId}`);
      await this.#sendOffer(userId, peer.connection, { iceRestart: true });
    }
  }

  async #sendOffer(userId: string, connection: RTCPeerConnection, options: RTCOfferOptions): Promise<void> {
    await this.#attempt(`offer to ${userId}`, async () => {
      const offer = await connection.createOffer(options);
      await connection.setLocalDescription(offer);
      this.#listener.send({ type: "WEBRTC_OFFER", targetUserId: userId, offer });
    });
  }

  async #attempt(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#listener.note(`cannot ${what}: ${String(error)}`);
    }
  }
}
