// The embedded TURN server between two Chromiums, in a room in which nobody sees anybody's address.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { build } from "esbuild";
import { chromium, type Page } from "playwright-core";

import type * as usher from "@usher/client";
import { executable, switches } from "./browser.ts";
import { Certificate } from "./certificate.ts";
import { Server } from "./server.ts";
import { until } from "./wait.ts";

interface Globals {
  usher: typeof usher;
  client: usher.RoomClient;
  mesh: usher.PeerMesh;
  heard: string[];
  /** All signaling that went over the socket. */
  frames: string[];
  connections: RTCPeerConnection[];
}

/** As the URLs of the TURN server name them. */
const transports = {
  udp: /^turn:.*transport=udp/,
  tcp: /^turn:.*transport=tcp/,
  tls: /^turns:/,
} as const;

let certificate: Certificate;
let server: Server;
let site = "";
const http = createServer();

before(async () => {
  certificate = await Certificate.make();
  server = await Server.start("native", {
    "tls-cert": certificate.file,
    "tls-key": certificate.keyFile,
    "turn-listen": "127.0.0.1:0",
    "turn-tls-listen": "127.0.0.1:0",
    "turn-public-address": "127.0.0.1",
  });
  const { outputFiles } = await build({
    entryPoints: [path.resolve(import.meta.dirname, "../../packages/client/src/index.ts")],
    alias: { "@usher/types": path.resolve(import.meta.dirname, "../../packages/types/src/index.ts") },
    bundle: true,
    format: "iife",
    globalName: "usher",
    write: false,
  });
  const page = `<!doctype html><title>turn</title><script>${outputFiles[0]?.text ?? ""}</script>`;
  http.on("request", (_request, response) => response.setHeader("Content-Type", "text/html").end(page)).listen(0, "127.0.0.1");
  await once(http, "listening");
  site = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
});
after(async () => {
  http.close();
  await server.close();
  await certificate.forget();
});

/** A person in a browser of its own, who reaches the TURN server by one transport only. */
async function person(t: TestContext, name: string, transport: keyof typeof transports, roomId?: string): Promise<{ page: Page; roomId: string }> {
  const browser = await chromium.launch({ executablePath: executable(), headless: true, args: [...switches, ...certificate.switches] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(site);
  const url = `${server.url.replace("http", "ws")}/ws`;
  const joined = await page.evaluate(
    async ({ url, name, ways, roomId }) => {
      const w = window as unknown as Globals;
      w.client = new w.usher.RoomClient({ url });
      [w.heard, w.frames, w.connections] = [[], [], []];
      w.client.on("frame", ({ message }) => w.frames.push(JSON.stringify(message)));
      const ofTransport = (server: usher.IceServer): usher.IceServer => ({
        ...server,
        urls: [server.urls].flat().filter((url) => new RegExp(ways).test(url)),
      });
      const seated = await (roomId === undefined
        ? w.client.create({ userName: name, iceTransportPolicy: "relay" })
        : w.client.join({ userName: name, roomId }));
      w.mesh = new w.usher.PeerMesh(w.client, {
        iceServers: async () => (await w.client.iceServers()).map(ofTransport).filter(({ urls }) => urls.length > 0),
        createConnection: (configuration) => {
          const connection = new RTCPeerConnection(configuration);
          w.connections.push(connection);
          return connection;
        },
      });
      w.mesh.on("message", ({ message, direct }) => w.heard.push(`${message.type} ${String(direct)}`));
      return seated.roomId;
    },
    { url, name, ways: transports[transport].source, roomId },
  );
  return { page, roomId: joined };
}

/**
 * The kinds of the local candidates of the pairs that are in use, with the transport to the TURN
 * server.
 */
function ways(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const found: string[] = [];
    for (const connection of (window as unknown as Globals).connections) {
      const stats = [...(await connection.getStats()).values()] as Record<string, unknown>[];
      for (const pair of stats.filter(({ type, state, nominated }) => type === "candidate-pair" && state === "succeeded" && nominated === true)) {
        const local = stats.find(({ id }) => id === pair["localCandidateId"]);
        found.push(`${String(local?.["candidateType"])} ${String(local?.["relayProtocol"])}`);
      }
    }
    return found;
  });
}

for (const transport of ["udp", "tcp", "tls"] as const) {
  test(`a data channel goes through the embedded TURN server over ${transport}`, async (t) => {
    const ann = await person(t, "Ann", transport);
    const bob = await person(t, "Bob", transport, ann.roomId);
    for (const { page } of [ann, bob]) {
      await until("a pair relays", async () => (await ways(page)).includes(`relay ${transport}`));
    }
    await until("a message comes over the data channel", async () => {
      await ann.page.evaluate(() =>
        (window as unknown as Globals).mesh.send({ type: "HOST_STATE_UPDATE", state: "PLAYING", time: 1, hostVideoUrl: "https://example.org/" }),
      );
      const heard = await bob.page.evaluate(() => (window as unknown as Globals).heard);
      return heard.includes("HOST_STATE_UPDATE true");
    });
    for (const { page } of [ann, bob]) {
      await until("the server says that the two are relayed", () =>
        page.evaluate(() => {
          const { client, mesh } = window as unknown as Globals;
          return client.room?.users.some(({ id }) => mesh.pathReason(id) === "RELAYED") === true;
        }),
      );
      const frames = await page.evaluate(() => (window as unknown as Globals).frames);
      const candidates = frames.filter((frame) => frame.includes("candidate:"));
      assert.ok(candidates.length > 0);
      assert.deepEqual(
        candidates.filter((frame) => !frame.includes("typ relay") || / typ (host|srflx|prflx)/.test(frame)),
        [],
      );
      assert.deepEqual(
        frames.filter((frame) => frame.includes("CANDIDATE_NOT_ALLOWED")),
        [],
      );
    }
    // What the browser itself writes passes, also once it has its candidates: then it says where
    // media goes.
    const sdp = await ann.page.evaluate(async () => {
      const { client, connections } = window as unknown as Globals;
      const other = client.room?.users.find(({ id }) => id !== client.userId);
      // A failed one may be before it.
      const connection = connections.find(({ connectionState }) => connectionState === "connected");
      connection?.addTransceiver("audio");
      const { sdp = "" } = (await connection?.createOffer()) ?? {};
      client.send({ type: "WEBRTC_OFFER", targetUserId: other?.id ?? "", offer: { type: "offer", sdp } });
      return sdp;
    });
    assert.match(sdp, /^c=IN IP4 127\.0\.0\.1/m);
    assert.match(sdp, /^a=rtcp:/m);
    // A kick ends the relaying at once.
    await ann.page.evaluate(async () => {
      const { client } = window as unknown as Globals;
      const other = client.room?.users.find(({ id }) => id !== client.userId);
      await client.kick(other?.id ?? "");
    });
    const frames = await ann.page.evaluate(() => (window as unknown as Globals).frames);
    assert.ok(!frames.some((frame) => frame.includes("CANDIDATE_NOT_ALLOWED")));
    await until("Bob is out", () => bob.page.evaluate(() => (window as unknown as Globals).client.status.state === "ended"));
  });
}
