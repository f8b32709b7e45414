// Rooms in which nobody sees anybody's address, and ICE servers that the server sends by itself: in
// one process, with connections of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter, PeerMesh, type Outgoing, type PeerConfiguration, type ServerMessage, type Signaling, type SignalingEvents, type Status } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { roomOf, user } from "./scripted.ts";

const relay = "candidate:1 1 udp 1 203.0.113.7 9 typ relay raddr 192.0.2.1 rport 5000 generation 0";
const host = "candidate:2 1 udp 2 192.0.2.1 9 typ host generation 0";

/** Addresses for media: ours, and a relay's. */
const media = "c=IN IP4 192.0.2.1\r\nc=IN IP6 2001:db8::1\r\na=rtcp:9 IN IP4 192.0.2.1\r\nc=IN IP4 203.0.113.7\r\n";

/** Ann, who is host and makes the offers. */
class Ann extends Emitter<SignalingEvents> implements Signaling {
  readonly status: Status = { state: "seated" };
  readonly userId = "ann";
  readonly room = roomOf("room-1", [user("ann"), user("bob")], { iceTransportPolicy: "relay" });
  readonly sent: Outgoing[] = [];
  servers = [{ urls: "turn:first.example.org" }];

  serverTime(): number {
    return 0;
  }

  iceServers(): Promise<{ urls: string }[]> {
    return Promise.resolve(this.servers);
  }

  send(message: Outgoing): boolean {
    this.sent.push(message);
    return true;
  }

  hear(message: Partial<ServerMessage>): void {
    this.emit("message", { roomId: "room-1", userId: "bob", timestamp: 0, ...message } as ServerMessage);
  }
}

/** A connection that does nothing by itself, over a relay. */
class Connection extends EventTarget {
  connectionState = "connected";
  signalingState = "stable";
  localDescription: RTCSessionDescriptionInit | null = null;
  readonly configurations: PeerConfiguration[];
  readonly added: unknown[] = [];
  restarts = 0;

  constructor(configuration: PeerConfiguration) {
    super();
    this.configurations = [configuration];
  }

  createDataChannel(): EventTarget {
    setTimeout(() => this.dispatchEvent(new Event("negotiationneeded")));
    return Object.assign(new EventTarget(), { readyState: "connecting" });
  }

  setLocalDescription(): Promise<void> {
    this.localDescription = { type: "offer", sdp: `v=0\r\n${media}a=${host}\r\na=${relay}\r\na=end-of-candidates\r\n` };
    return Promise.resolve();
  }

  setRemoteDescription(description: unknown): Promise<void> {
    this.added.push(description);
    return Promise.resolve();
  }

  addIceCandidate(candidate: unknown): Promise<void> {
    this.added.push(candidate);
    return Promise.resolve();
  }

  setConfiguration(configuration: PeerConfiguration): void {
    this.configurations.push(configuration);
  }

  restartIce(): void {
    this.restarts += 1;
  }

  getStats(): Promise<Map<string, object>> {
    const pair = { id: "p", type: "candidate-pair", state: "succeeded", nominated: true, localCandidateId: "l" };
    return Promise.resolve(
      new Map<string, object>([
        ["p", pair],
        ["l", { id: "l", type: "local-candidate", candidateType: "relay" }],
      ]),
    );
  }

  found(candidate: string): void {
    this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: { toJSON: () => ({ candidate, sdpMid: "0" }) } }));
  }

  close(): void {
    this.connectionState = "closed";
  }
}

test("no address but a TURN server's leaves the client, or is believed", async () => {
  const ann = new Ann();
  let connection: Connection | undefined;
  const mesh = new PeerMesh(ann, { createConnection: (configuration) => (connection = new Connection(configuration)) as never });
  await until("an offer", () => ann.sent.length > 0);
  const made = connection as Connection;
  assert.deepEqual(made.configurations, [{ iceServers: [{ urls: "turn:first.example.org" }], iceTransportPolicy: "relay" }]);
  made.found(host);
  made.found(relay);
  made.found("");
  assert.equal(ann.sent.length, 3);
  const text = JSON.stringify(ann.sent);
  assert.ok(!text.includes("192.0.2.1") && !text.includes("typ host"), text);
  assert.ok(text.includes("c=IN IP4 0.0.0.0\\r\\nc=IN IP6 ::\\r\\na=rtcp:9 IN IP4 0.0.0.0\\r\\nc=IN IP4 203.0.113.7"), text);
  assert.ok(text.includes("203.0.113.7 9 typ relay raddr 0.0.0.0 rport 0 generation 0"), text);

  ann.hear({ type: "WEBRTC_ANSWER", answer: { type: "answer", sdp: `v=0\r\na=${host}\r\n` } } as never);
  ann.hear({ type: "WEBRTC_ICE_CANDIDATE", candidate: { candidate: host } } as never);
  ann.hear({ type: "WEBRTC_ICE_CANDIDATE", candidate: { candidate: relay } } as never);
  await until("both are handled", () => made.added.length === 2);
  assert.ok(!JSON.stringify(made.added).includes("192.0.2.1"));
  mesh.close();
});

test("new ICE servers are for the connections that exist, and what is relayed moves to them", async () => {
  const ann = new Ann();
  let connection: Connection | undefined;
  const mesh = new PeerMesh(ann, { createConnection: (configuration) => (connection = new Connection(configuration)) as never });
  await until("a connection", () => connection !== undefined);
  ann.servers = [{ urls: "turn:second.example.org" }];
  ann.hear({ type: "ICE_SERVERS", iceServers: [{ urls: ["turn:second.example.org"] }], ttl: 600 } as never);
  const made = connection as unknown as Connection;
  await until("the new ones are used", () => made.restarts === 1);
  assert.deepEqual(made.configurations.at(-1), { iceServers: [{ urls: "turn:second.example.org" }], iceTransportPolicy: "relay" });
  mesh.close();
});
