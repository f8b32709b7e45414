// The harness itself, against usher without any page of its own: raw WebSockets and bare peer
// connections.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";

import { lost, type Entry, type Frame } from "./frames.ts";
import { openChannels } from "./peers.ts";
import { scene, type Person } from "./scene.ts";
import { until } from "./wait.ts";

const roomId = "harness-room-1";

interface Bare {
  socket: WebSocket;
  received: string[];
  connection: RTCPeerConnection;
  channel: RTCDataChannel | undefined;
  heard: string[];
}

interface Relayed {
  type: string;
  offer: RTCSessionDescriptionInit;
  answer: RTCSessionDescriptionInit;
  candidate: RTCIceCandidateInit;
}

declare global {
  interface Window {
    bare: Bare;
  }
}

test("a cut wire is silent, healed it delivers, and a reset ends it", async () => {
  await scene("native", async (set) => {
    const [ann, bob] = await Promise.all([set.person("ann"), set.person("bob")]);
    await Promise.all([connect(ann), connect(bob)]);
    ann.proxy.cut();
    await ping(ann);
    await ping(bob);
    await until("bob's pong", async () => (await received(bob)).includes("PONG"));
    assert.deepEqual(await received(ann), ["ROOM_JOINED"]);
    assert.equal(await ann.page.evaluate(() => window.bare.socket.readyState), 1);
    ann.proxy.heal();
    await until("ann's pong", async () => (await received(ann)).includes("PONG"));
    ann.proxy.reset();
    await until("ann's socket has ended", () => ann.page.evaluate(() => window.bare.socket.readyState === 3));
    // As a legacy client does.
    await until("bob hears of it", async () => (await received(bob)).includes("USER_LEFT"));
    await connect(ann);
  });
});

test("a killed server keeps its room, and its port", async () => {
  await scene("native", async (set) => {
    const ann = await set.person("ann");
    await connect(ann);
    await set.server.kill();
    await until("ann's socket has ended", () => ann.page.evaluate(() => window.bare.socket.readyState === 3));
    await set.server.restart();
    const response = await fetch(`${ann.url}/rooms/${roomId}`);
    assert.partialDeepStrictEqual(await response.json(), { id: roomId });
  });
});

test("data channels are blocked and let through, only one browser's", async () => {
  await scene("native", async (set) => {
    const people = await Promise.all(["ann", "bob"].map((name) => set.person(name, { isWired: true })));
    const [ann, bob] = people as [Person, Person];
    await connect(ann);
    await connect(bob);
    await offer(ann.page);
    await until("both channels are open", async () => (await openChannels(ann.page)) === 1 && (await openChannels(bob.page)) === 1);
    assert.deepEqual(set.frames.lost(), []);
    assert.ok(set.frames.entries.length >= 4, "an offer and an answer, sent and received");
    bob.blockDirect();
    await say(ann.page, "blocked");
    await until("ann's ICE notices", () => ann.page.evaluate(() => window.bare.connection.iceConnectionState === "disconnected"));
    await ping(bob);
    await until("bob's socket still works", async () => (await received(bob)).includes("PONG"));
    assert.deepEqual(await bob.page.evaluate(() => window.bare.heard), []);
    bob.unblockDirect();
    await until("the message gets through", () => bob.page.evaluate(() => window.bare.heard.includes("blocked")));
    await until("ann's ICE has recovered", () => ann.page.evaluate(() => window.bare.connection.iceConnectionState === "connected"));
  });
});

test("lost frames are told from those that nobody was there to receive", () => {
  const common = { type: "WEBRTC_OFFER", from: "ann", to: "bob" };
  const frame = (kind: "sent" | "received", atMs: number, session: string, seq: number): Frame => ({ ...common, kind, atMs, session, seq });
  const entries: Entry[] = [
    frame("sent", 1, "s1", 1),
    frame("sent", 2, "s1", 2),
    { kind: "gone", atMs: 3, userId: "bob" },
    frame("sent", 4, "s1", 3),
    frame("sent", 5, "s2", 1),
    frame("sent", 6, "s2", 2),
    frame("sent", 7, "s2", 2),
    frame("received", 8, "s2", 2),
  ];
  const missing = (): string[] => lost(entries).map(({ session, seq }) => `${session} ${seq}`);
  assert.deepEqual(missing(), ["s2 1"]);
  entries.push(frame("sent", 9, "s3", 1));
  assert.deepEqual(missing(), ["s3 1"], "the sender has started over");
});

/**
 * Opens an empty page with the server's origin, and in it a seat and a handler that answers an
 * offer.
 */
async function connect(person: Person): Promise<void> {
  // The policy of /health lets nothing connect. A page made up by playwright would not work: it has
  // no address, and Chromium lets only pages from this machine connect to this machine.
  await (await person.browser.context.newCDPSession(person.page)).send("Page.setBypassCSP", { enabled: true });
  await person.page.goto(`${person.url}/health`);
  await person.page.evaluate(
    async ({ roomId, userId }) => {
      const socket = new WebSocket(`ws://${location.host}/ws?roomId=${roomId}`);
      const connection = new RTCPeerConnection();
      const bare: Bare = { socket, received: [], connection, channel: undefined, heard: [] };
      window.bare = bare;
      let seq = 0;
      const send = (type: string, fields: object): void => socket.send(JSON.stringify({ type, roomId, userId, ...fields }));
      const relay = (type: string, to: string, fields: object): void =>
        send(type, { targetUserId: to, mesh: { session: `${userId}-1`, seq: ++seq }, ...fields });
      const use = (channel: RTCDataChannel): void => {
        bare.channel = channel;
        channel.onmessage = ({ data }) => bare.heard.push(String(data));
      };
      const peer = userId === "ann" ? "bob" : "ann";
      connection.ondatachannel = ({ channel }) => use(channel);
      connection.onicecandidate = ({ candidate }) => candidate !== null && relay("WEBRTC_ICE_CANDIDATE", peer, { candidate });
      connection.onnegotiationneeded = async () => {
        await connection.setLocalDescription();
        relay("WEBRTC_OFFER", peer, { offer: connection.localDescription });
      };
      socket.onmessage = async ({ data }) => {
        const message = JSON.parse(String(data)) as Relayed;
        bare.received.push(message.type);
        if (message.type === "WEBRTC_OFFER") {
          await connection.setRemoteDescription(message.offer);
          await connection.setLocalDescription();
          relay("WEBRTC_ANSWER", peer, { answer: connection.localDescription });
        } else if (message.type === "WEBRTC_ANSWER") {
          await connection.setRemoteDescription(message.answer);
        } else if (message.type === "WEBRTC_ICE_CANDIDATE") {
          await connection.addIceCandidate(message.candidate);
        }
      };
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
      send("CREATE_ROOM", { userName: userId });
    },
    { roomId, userId: person.name },
  );
  await until(`${person.name} is seated`, async () => (await received(person)).length > 0);
  // The reply to the first is ROOM_CREATED.
  await person.page.evaluate(() => (window.bare.received[0] = "ROOM_JOINED"));
}

function ping(person: Person): Promise<void> {
  return person.page.evaluate(() => window.bare.socket.send('{"type":"PING"}'));
}

async function received(person: Person): Promise<string[]> {
  return (await person.page.evaluate(() => window.bare.received)).filter((type) => type !== "USER_JOINED");
}

function offer(page: Page): Promise<void> {
  return page.evaluate(() => {
    const channel = window.bare.connection.createDataChannel("bare");
    channel.onmessage = ({ data }) => window.bare.heard.push(String(data));
    window.bare.channel = channel;
  });
}

function say(page: Page, text: string): Promise<void> {
  return page.evaluate((data) => window.bare.channel?.send(data), text);
}
