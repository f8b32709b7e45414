// What a peer connection is reported to have tried, with connections that go as the test says.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter, PeerMesh, type IceServer, type Outgoing, type RoomState, type Signaling, type SignalingEvents, type Status } from "@usher/client";
import { watchPath, type PathReport } from "../dist/path.js";
import { roomOf, user } from "./scripted.ts";

const host = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0";
const named = "candidate:1 1 udp 2122260223 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 50000 typ host";
const reflexive = "candidate:2 1 udp 1686052607 2001:db8::7 50000 typ srflx raddr :: rport 0";
const relayed = "candidate:3 1 udp 41885439 198.51.100.9 60000 typ relay raddr 0.0.0.0 rport 0";
const stun: IceServer = { urls: "stun:stun.example.org" };
const turn: IceServer = { urls: ["turn:turn.example.org", "turns:turn.example.org"] };

class Connection extends EventTarget {
  connectionState = "new";
  readonly stats: Record<string, unknown>[] = [];

  getStats(): Promise<Record<string, unknown>[]> {
    return Promise.resolve(this.stats);
  }

  gather(line: string): void {
    this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: { candidate: line } }));
  }

  become(state: string): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

function watched(iceServers: IceServer[], lines: string[]): { connection: Connection; reports: PathReport[] } {
  const connection = new Connection();
  const reports: PathReport[] = [];
  watchPath(connection as unknown as RTCPeerConnection, { iceServers }, (path) => reports.push(path));
  for (const line of [...lines, ""]) {
    connection.gather(line);
  }
  return { connection, reports };
}

const rows: [what: string, servers: IceServer[], lines: string[], report: Partial<PathReport>][] = [
  ["addresses, and no server", [], [host], { hostCandidates: "ADDRESS", family: "IPV4", stun: "NONE", turn: "NONE" }],
  ["only names", [], [named], { hostCandidates: "MDNS", stun: "NONE", turn: "NONE" }],
  ["a STUN server that does not respond", [stun], [named], { hostCandidates: "MDNS", stun: "SILENT", turn: "NONE" }],
  ["an address from STUN", [stun], [named, reflexive], { hostCandidates: "MDNS", family: "IPV6", stun: "ANSWERED", turn: "NONE" }],
  ["both families", [stun], [host, reflexive], { hostCandidates: "ADDRESS", family: "BOTH", stun: "ANSWERED", turn: "NONE" }],
  ["a TURN server that gives nothing", [turn], [host, reflexive], { hostCandidates: "ADDRESS", family: "BOTH", stun: "ANSWERED", turn: "FAILED" }],
  ["a relayed address", [turn], [relayed], { hostCandidates: "NONE", family: "IPV4", stun: "ANSWERED", turn: "ALLOCATED" }],
];

for (const [what, servers, lines, report] of rows) {
  test(`${what}: the report has no address`, (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { connection, reports } = watched(servers, lines);
    connection.become("failed");
    assert.deepEqual(reports, [{ type: "PATH_REPORT", path: "NONE", ...report }]);
    t.mock.timers.tick(60_000);
    assert.equal(reports.length, 1, "once for each connection");
  });
}

test("a connection that takes too long is reported, one that was closed is not", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stuck = watched([], [host]);
  const closed = watched([], [host]);
  closed.connection.connectionState = "closed";
  t.mock.timers.tick(9_999);
  assert.equal(stuck.reports.length, 0);
  t.mock.timers.tick(1);
  assert.deepEqual(
    stuck.reports.map(({ path }) => path),
    ["NONE"],
  );
  assert.equal(closed.reports.length, 0);
});

test("a connection is relayed if either end is a TURN server's", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [mine, theirs, path] of [
    ["host", "prflx", "DIRECT"],
    ["relay", "srflx", "RELAYED"],
    ["srflx", "relay", "RELAYED"],
  ] as const) {
    const { connection, reports } = watched([], [host]);
    connection.stats.push(
      { id: "a", type: "local-candidate", candidateType: mine },
      { id: "b", type: "remote-candidate", candidateType: theirs },
      { id: "c", type: "candidate-pair", state: "succeeded", nominated: true, localCandidateId: "a", remoteCandidateId: "b" },
      { id: "d", type: "candidate-pair", state: "failed", nominated: false, localCandidateId: "a", remoteCandidateId: "b" },
    );
    connection.become("connected");
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      reports.map((report) => report.path),
      [path],
    );
  }
});

/** A client whose room has nobody else, or bob. */
class Client extends Emitter<SignalingEvents> implements Signaling {
  readonly status: Status = { state: "seated" };
  readonly userId = "ann";
  readonly sent: Outgoing[] = [];
  room: RoomState = roomOf("room-1", [user("ann"), user("bob")]);

  send(message: Outgoing): boolean {
    this.sent.push(message);
    return true;
  }

  serverTime(): number {
    return 0;
  }

  iceServers(): Promise<IceServer[]> {
    return Promise.resolve([]);
  }

  tell<K extends keyof SignalingEvents>(type: K, event: SignalingEvents[K]): void {
    this.emit(type, event);
  }
}

test("a mesh reports, and the server's reason is an event that is kept until the participant leaves", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const client = new Client();
  const connection = Object.assign(new Connection(), { createDataChannel: () => new EventTarget(), restartIce: () => undefined, close: () => undefined });
  const mesh = new PeerMesh(client, { createConnection: () => connection as unknown as RTCPeerConnection });
  t.after(() => mesh.close());
  const heard: unknown[] = [];
  mesh.on("path", (event) => heard.push(event));
  await new Promise((resolve) => setImmediate(resolve));
  connection.become("failed");
  assert.deepEqual(client.sent, [{ type: "PATH_REPORT", targetUserId: "bob", path: "NONE", hostCandidates: "NONE", stun: "NONE", turn: "NONE" }]);
  client.tell("message", { type: "PATH", roomId: "room-1", userId: "system", timestamp: 0, otherUserId: "bob", reason: "NO_STUN" });
  assert.deepEqual(heard, [{ userId: "bob", reason: "NO_STUN" }]);
  assert.equal(mesh.pathReason("bob"), "NO_STUN");
  client.room = roomOf("room-1", [user("ann")]);
  client.tell("room", client.room);
  assert.equal(mesh.pathReason("bob"), undefined);
});
