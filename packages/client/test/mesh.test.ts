// PeerMesh among participants some of whom cannot have a peer connection: in one process, with a
// room and connections of the test's own.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import {
  Emitter,
  newUserId,
  PeerMesh,
  type Outgoing,
  type PeerMeshOptions,
  type RoomState,
  type Seated,
  type ServerMessage,
  type Signaling,
  type SignalingEvents,
  type Status,
} from "@usher/client";
import { roomOf, user } from "./scripted.ts";

/** The room as each participant's client shows it, and the relay between them. */
class Room {
  readonly members = new Map<string, Member>();
  /** All that was relayed: who, to whom, what. */
  readonly relayed: { from: string; to: string; message: Outgoing }[] = [];

  get state(): RoomState {
    return roomOf(
      "room-1",
      [...this.members.keys()].map((id) => user(id)),
      { controlMode: "FREE_FOR_ALL" },
    );
  }

  join(id: string): Member {
    const member = new Member(id, this);
    this.members.set(id, member);
    for (const other of this.members.values()) {
      other.tell("room", this.state);
      if (other !== member) {
        other.tell("message", { type: "USER_JOINED", roomId: "room-1", userId: "system", timestamp: 0, joinedUser: user(id), roomState: this.state });
      }
    }
    return member;
  }

  offers(from: string, to: string): number {
    return this.relayed.filter((frame) => frame.from === from && frame.to === to && frame.message.type === "WEBRTC_OFFER").length;
  }
}

class Member extends Emitter<SignalingEvents> implements Signaling {
  readonly status: Status = { state: "seated" };
  readonly userId: string;
  readonly #room: Room;

  constructor(userId: string, room: Room) {
    super();
    this.userId = userId;
    this.#room = room;
  }

  get room(): RoomState {
    return this.#room.state;
  }

  send(message: Outgoing): boolean {
    const to = message.targetUserId ?? "";
    this.#room.relayed.push({ from: this.userId, to, message });
    const copy = JSON.parse(JSON.stringify({ ...message, userId: this.userId, roomId: "room-1", timestamp: 0 })) as ServerMessage;
    queueMicrotask(() => this.#room.members.get(to)?.tell("message", copy));
    return true;
  }

  serverTime(): number {
    return 1000;
  }

  iceServers(): Promise<[]> {
    return Promise.resolve([]);
  }

  tell<K extends keyof SignalingEvents>(type: K, event: SignalingEvents[K]): void {
    this.emit(type, event);
  }

  /** The connection to the server was lost and is there again. */
  resume(): void {
    this.emit("seated", { type: "ROOM_JOINED", resumed: true, roomState: this.room } as Seated);
    for (const other of this.#room.members.values()) {
      if (other !== this) {
        other.tell("message", {
          type: "USER_RECONNECTED",
          roomId: "room-1",
          userId: "system",
          timestamp: 0,
          reconnectedUserId: this.userId,
          roomState: this.room,
        });
      }
    }
  }
}

/** A connection that never gets anywhere: it makes offers, and candidates for them. */
class StuckConnection extends EventTarget {
  connectionState = "new";
  signalingState = "stable";
  localDescription: RTCSessionDescriptionInit | null = null;

  createDataChannel(): EventTarget {
    queueMicrotask(() => this.dispatchEvent(new Event("negotiationneeded")));
    return Object.assign(new EventTarget(), { readyState: "connecting" });
  }

  setLocalDescription(): Promise<void> {
    this.localDescription = { type: "offer", sdp: "v=0" };
    this.signalingState = "have-local-offer";
    queueMicrotask(() => this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: { toJSON: () => ({ candidate: "candidate:1" }) } })));
    return Promise.resolve();
  }

  addIceCandidate(): Promise<void> {
    return Promise.reject(new DOMException("The remote description was null", "InvalidStateError"));
  }

  restartIce(): void {}

  close(): void {
    this.connectionState = "closed";
  }
}

const stuck: PeerMeshOptions = { createConnection: () => new StuckConnection() as unknown as RTCPeerConnection };
const full: PeerMeshOptions = {
  createConnection: () => {
    throw new DOMException("Cannot create so many PeerConnections", "UnknownError");
  },
};

async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) {
    await Promise.resolve();
  }
}

async function pass(t: TestContext, seconds: number): Promise<void> {
  for (let n = 0; n < seconds; n++) {
    t.mock.timers.tick(1000);
    await settle();
  }
}

/** Node.js has no RTCPeerConnection, so a mesh without options is such a participant. */
const without: Record<string, PeerMeshOptions> = { "a platform that has none": {}, "a platform that makes no more": full };

for (const [what, options] of Object.entries(without)) {
  for (const isHost of [true, false]) {
    test(`${what} works through the relay, and ${isHost ? "a host" : "a guest"} does not keep offering to it`, async (t) => {
      t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
      const room = new Room();
      // Of two who are no hosts the one with the smaller id offers.
      const host = isHost ? undefined : new PeerMesh(room.join("host"), stuck);
      const ann = room.join("ann");
      const annMesh = new PeerMesh(ann, stuck);
      const bot = room.join("bot");
      const botMesh = new PeerMesh(bot, options);
      t.after(() => [host, annMesh, botMesh].forEach((mesh) => mesh?.close()));
      const heard: string[] = [];
      annMesh.on("message", ({ from, direct }) => heard.push(`ann ${from} ${direct}`));
      botMesh.on("message", ({ from, direct }) => heard.push(`bot ${from} ${direct}`));
      await settle();
      assert.equal(room.offers("ann", "bot"), 1);
      assert.deepEqual([annMesh.route("bot"), botMesh.route("ann")], ["relayed", "relayed"]);
      annMesh.send({ type: "DIRECT_PLAY", time: 1 }, "bot");
      botMesh.send({ type: "DIRECT_PAUSE", time: 2 }, "ann");
      await settle();
      assert.deepEqual(heard, ["bot ann false", "ann bot false"]);

      const frames = room.relayed.length;
      await pass(t, 600);
      assert.deepEqual(
        room.relayed.slice(frames).filter(({ from, to }) => [from, to].includes("bot") && ![from, to].includes("host")),
        [],
      );
      ann.resume();
      await pass(t, 60);
      assert.equal(room.offers("ann", "bot"), 1, "told once is told for good");
      assert.equal(room.offers("bot", "ann"), 0);

      bot.resume();
      await pass(t, 60);
      assert.equal(room.offers("ann", "bot"), 1, "a lost socket changes nothing of that");
    });
  }
}

test("what says so is a candidate that is none, with a mark, and goes only to clients that mark what they send", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const room = new Room();
  const ann = room.join("ann");
  const bot = room.join("bot");
  const mesh = new PeerMesh(bot);
  t.after(() => mesh.close());
  ann.send({ type: "WEBRTC_OFFER", targetUserId: "bot", offer: { type: "offer", sdp: "v=0" } });
  ann.send({ type: "WEBRTC_ICE_CANDIDATE", targetUserId: "bot", candidate: { candidate: "candidate:1" } });
  await settle();
  assert.equal(room.relayed.filter(({ from }) => from === "bot").length, 0);
  ann.send({ type: "WEBRTC_OFFER", targetUserId: "bot", offer: { type: "offer", sdp: "v=0" }, mesh: { session: "s1", seq: 1, ack: 0 } });
  ann.send({ type: "WEBRTC_ICE_CANDIDATE", targetUserId: "bot", candidate: { candidate: "candidate:1" }, mesh: { session: "s1", seq: 2, ack: 0 } });
  await settle();
  const [answer, ...more] = room.relayed.filter(({ from }) => from === "bot").map(({ message }) => message);
  assert.deepEqual(more, []);
  assert.deepEqual(
    { ...answer, mesh: { ...answer?.mesh, session: "" } },
    { type: "WEBRTC_ICE_CANDIDATE", targetUserId: "ann", candidate: {}, mesh: { session: "", to: "s1", seq: 1, ack: 2, relayOnly: true } },
  );
});

test("whoever can connect again is offered to again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const room = new Room();
  const mesh = new PeerMesh(room.join("ann"), stuck);
  const bot = room.join("bot");
  const botMesh = new PeerMesh(bot);
  t.after(() => [mesh, botMesh].forEach((one) => one.close()));
  await settle();
  assert.equal(room.offers("ann", "bot"), 1);
  botMesh.close();
  room.members
    .get("ann")
    ?.tell("message", { type: "USER_JOINED", roomId: "room-1", userId: "system", timestamp: 0, joinedUser: user("bot"), roomState: room.state });
  await settle();
  assert.equal(room.offers("ann", "bot"), 2, "somebody who joined again may be another");
});

test("somebody who left is let go, though the seat is held, and is offered to when back", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const room = new Room();
  const ann = room.join("ann");
  const connections: StuckConnection[] = [];
  const mesh = new PeerMesh(ann, {
    createConnection: () => {
      connections.push(new StuckConnection());
      return connections.at(-1) as unknown as RTCPeerConnection;
    },
  });
  t.after(() => mesh.close());
  room.join("bob");
  await settle();
  assert.deepEqual(
    connections.map(({ connectionState }) => connectionState),
    ["new"],
  );
  ann.tell("message", { type: "USER_LEFT", roomId: "room-1", userId: "system", timestamp: 0, leftUserId: "bob", roomState: room.state });
  await pass(t, 60);
  assert.deepEqual(
    connections.map(({ connectionState }) => connectionState),
    ["closed"],
  );
  ann.tell("message", { type: "USER_JOINED", roomId: "room-1", userId: "system", timestamp: 0, joinedUser: user("bob"), roomState: room.state });
  await settle();
  assert.deepEqual(
    connections.map(({ connectionState }) => connectionState),
    ["closed", "new"],
  );
});

test("what nobody would take is not sent", (t) => {
  const room = new Room();
  const mesh = new PeerMesh(room.join("ann"), stuck);
  room.join(newUserId());
  t.after(() => mesh.close());
  const long = `https://example.org/${"ü".repeat(1100)}`;
  const rows: [rule: string, message: Parameters<PeerMesh["send"]>[0]][] = [
    ["an address of more than 2 048 bytes", { type: "HOST_NAVIGATE", url: long }],
    ["likewise", { type: "UNIFIED_SYNC", action: "PLAY", time: 1, videoUrl: long }],
    ["a time that is none", { type: "DIRECT_SEEK", time: NaN }],
    ["a time before the beginning", { type: "DIRECT_SEEK", time: -1 }],
    ["a bigint", { type: "DIRECT_SEEK", time: 1n as unknown as number }],
    ["a missing field", { type: "HOST_NAVIGATE" } as unknown as Parameters<PeerMesh["send"]>[0]],
  ];
  for (const [rule, message] of rows) {
    assert.equal(mesh.send(message), false, rule);
  }
  assert.equal(mesh.film, undefined);
  assert.deepEqual(
    room.relayed.filter(({ message }) => !message.type.startsWith("WEBRTC")),
    [],
  );
});
