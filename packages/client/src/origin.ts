// What tells the peer connections of a client apart that marks nothing.

import type { PeerSignal } from "./delivery.js";

export function isUnmarkedOffer(signal: PeerSignal): boolean {
  return signal.mesh === undefined && signal.type === "WEBRTC_OFFER";
}

/**
 * Which connection has made a description: the session id in its o= line (RFC 8866, section 5.2).
 */
export function originOf(signal: PeerSignal): string | undefined {
  const sdp = signal.type === "WEBRTC_OFFER" ? signal.offer.sdp : signal.type === "WEBRTC_ANSWER" ? signal.answer.sdp : undefined;
  return /^o=\S+ (\S+)/m.exec(sdp ?? "")?.[1];
}
