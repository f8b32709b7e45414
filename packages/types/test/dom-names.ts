// The browser's own types fit the messages, and the messages' fit the browser. It is only compiled,
// with the DOM library.
import type { IceCandidate, SessionDescription, WebRTCIceCandidateMessage, WebRTCOfferMessage } from "@usher/types";

export function offer(description: RTCSessionDescriptionInit, targetUserId: string): WebRTCOfferMessage {
  return { type: "WEBRTC_OFFER", roomId: "room-1", userId: "ann", timestamp: 0, targetUserId, offer: description };
}

export function candidate(event: RTCPeerConnectionIceEvent, targetUserId: string): WebRTCIceCandidateMessage | undefined {
  if (!event.candidate) return undefined;
  return { type: "WEBRTC_ICE_CANDIDATE", roomId: "room-1", userId: "ann", timestamp: 0, targetUserId, candidate: event.candidate.toJSON() };
}

export async function apply(peer: RTCPeerConnection, message: WebRTCOfferMessage | WebRTCIceCandidateMessage): Promise<void> {
  if (message.type === "WEBRTC_OFFER") await peer.setRemoteDescription(message.offer);
  else await peer.addIceCandidate(message.candidate);
}

export const descriptions = (ours: SessionDescription): RTCSessionDescriptionInit => ours;
export const candidates = (ours: IceCandidate, theirs: RTCIceCandidateInit): [RTCIceCandidateInit, IceCandidate] => [ours, theirs];
