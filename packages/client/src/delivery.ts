// Offers, answers and candidates over sockets that may die with frames in them: each comes once and
// in order, or the session is given up.

import type { WebRTCAnswerMessage, WebRTCIceCandidateMessage, WebRTCOfferMessage } from "@usher/types";
import { randomText } from "./id.js";
import type { MeshMark, Outgoing, ServerMessage } from "./signaling.js";

/** A signaling message of a peer. One of another client than this has no mark. */
export type PeerSignal = (WebRTCOfferMessage | WebRTCAnswerMessage | WebRTCIceCandidateMessage) & { mesh?: MeshMark };

export function isSignal(message: ServerMessage): message is PeerSignal {
  const { type } = message;
  return type === "WEBRTC_OFFER" || type === "WEBRTC_ANSWER" || type === "WEBRTC_ICE_CANDIDATE";
}

/**
 * How many frames wait for an acknowledgement, or for their predecessor: more than one negotiation
 * ever needs.
 */
const maxFrames = 256;

/**
 * One session with one peer: the life of one peer connection. Nothing is sent only for an
 * acknowledgement; it goes with the next frame.
 */
export class Delivery {
  readonly #session = randomText();
  #remoteSession: string | undefined;
  #sent = 0;
  #received = 0;
  #unacknowledged: Outgoing[] = [];
  /** Came before its predecessor, which was lost with a socket and comes again. */
  readonly #early = new Map<number, PeerSignal>();

  /** Marks a frame that goes out for the first time, and keeps it for unacknowledged(). */
  mark(signal: Outgoing, own: Pick<MeshMark, "relayOnly"> = {}): Outgoing {
    this.#sent += 1;
    const marked = { ...signal, mesh: { ...own, session: this.#session, seq: this.#sent, ack: 0 } };
    this.#unacknowledged = [...this.#unacknowledged, marked].slice(-maxFrames);
    return this.#withAck(marked);
  }

  /**
   * What is to be sent again after a socket was lost, this side's or the other's; what has come is
   * known there.
   */
  unacknowledged(): Outgoing[] {
    return this.#unacknowledged.map((signal) => this.#withAck(signal));
  }

  /**
   * The messages to handle now, in order; there may be none. "restarted" if the peer has started
   * over, which ends this session.
   */
  receive(signal: PeerSignal): PeerSignal[] | "restarted" {
    const { mesh } = signal;
    if (mesh === undefined) {
      return [signal];
    }
    if (mesh.to !== undefined && mesh.to !== this.#session) {
      return []; // meant for a session that is no more
    }
    if (mesh.session !== this.#remoteSession) {
      if (mesh.seq !== 1) {
        return []; // it comes again, after the first
      }
      if (this.#remoteSession !== undefined) {
        return "restarted";
      }
      this.#remoteSession = mesh.session;
    }
    this.#unacknowledged = this.#unacknowledged.filter((sent) => sent.mesh !== undefined && sent.mesh.seq > mesh.ack);
    if (mesh.seq > this.#received && this.#early.size < maxFrames) {
      this.#early.set(mesh.seq, signal);
    }
    return this.#inOrder();
  }

  #inOrder(): PeerSignal[] {
    const ready: PeerSignal[] = [];
    for (let next = this.#early.get(this.#received + 1); next !== undefined; next = this.#early.get(this.#received + 1)) {
      this.#received += 1;
      this.#early.delete(this.#received);
      ready.push(next);
    }
    return ready;
  }

  #withAck(signal: Outgoing): Outgoing {
    const mesh = { ...(signal.mesh as MeshMark), ack: this.#received };
    return { ...signal, mesh: this.#remoteSession === undefined ? mesh : { ...mesh, to: this.#remoteSession } };
  }
}
