// @usher/client in browsers: in a page that is not usher's own, and in usher's page if a browser
// has no WebRTC.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { build } from "esbuild";
import { chromium, type BrowserContext, type Page } from "playwright-core";

import type * as usher from "@usher/client";
import { executable } from "./browser.ts";
import { isPlaying, together } from "./film.ts";
import { scene } from "./scene.ts";
import { mainShell, Server } from "./server.ts";
import { Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

let server: Server;
let script = "";

before(async () => {
  server = await Server.start(mainShell);
  const { outputFiles } = await build({
    entryPoints: [path.resolve(import.meta.dirname, "../../packages/client/src/index.ts")],
    alias: { "@usher/types": path.resolve(import.meta.dirname, "../../packages/types/src/index.ts") },
    bundle: true,
    format: "iife",
    globalName: "usher",
    write: false,
  });
  script = outputFiles[0]?.text ?? "";
});
after(() => server.close());

/** A page from a server other than usher, with the client in it. */
async function site(t: TestContext): Promise<string> {
  const http = createServer((_request, response) =>
    response.setHeader("Content-Type", "text/html").end(`<!doctype html><title>client</title><script>${script}</script>`),
  );
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
}

async function browser(t: TestContext, args: string[] = []): Promise<BrowserContext> {
  const process = await chromium.launch({ executablePath: executable(), headless: true, args: ["--disable-gpu", ...args] });
  t.after(() => process.close());
  return process.newContext();
}

interface Globals {
  usher: typeof usher;
  client: usher.RoomClient;
}

const socketUrl = (): string => `${server.url.replace("http", "ws")}/ws`;

/** Creates a room, and returns the code with which that failed, or "". */
function create(page: Page): Promise<string> {
  return page.evaluate(async (url) => {
    const client = new (window as unknown as Globals).usher.RoomClient({ url });
    const failed = await client.create({ userName: "Ann" }).then(
      () => "",
      (error: usher.RoomError) => error.code,
    );
    client.close();
    return failed;
  }, socketUrl());
}

test("a page that its browser keeps from the local network is told so, and no other is", async (t) => {
  const url = await site(t);
  // The page acts as if it came from the Internet. The permission prompt appears, and nobody
  // answers it.
  const context = await browser(t, [`--ip-address-space-overrides=${new URL(url).host}=public`]);
  const page = await context.newPage();
  await page.goto(url);
  assert.equal(await create(page), "LOCAL_NETWORK_DENIED");
  await context.grantPermissions(["local-network-access"]);
  assert.equal(await create(page), "");
  await server.kill();
  assert.equal(await create(page), "SERVER_UNREACHABLE");
  await server.restart();
});

/** Returns to the seat of the tab, or takes one, and returns its owner. */
function seat(page: Page): Promise<{ userId: string; people: number }> {
  return page.evaluate(async (url) => {
    const { usher } = window as unknown as Globals;
    const client = new usher.RoomClient({ url, store: usher.tabStore() });
    Object.assign(window, { client });
    const reply = (await client.resume()) ?? (await client.create({ userName: "Ann" }));
    return { userId: reply.userId, people: reply.roomState.users.length };
  }, socketUrl());
}

for (const [how, hasLocks] of [
  ["locks", true],
  ["a channel", false],
] as const) {
  test(`a duplicated tab takes a seat of its own, and a reloaded one its own again (${how})`, async (t) => {
    const url = await site(t);
    const context = await browser(t);
    if (!hasLocks) {
      // As without TLS.
      await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
    }
    const original = await context.newPage();
    await original.goto(url);
    const first = await seat(original);
    const [copy] = await Promise.all([context.waitForEvent("page"), original.evaluate(() => void window.open(location.href))]);
    await copy.waitForLoadState();
    const second = await seat(copy);
    assert.notEqual(second.userId, first.userId);
    assert.equal(second.people, 2, "in the same room");
    assert.equal(await original.evaluate(() => (window as unknown as Globals).client.status.state), "seated");
    for (const [page, { userId }] of [
      [original, first],
      [copy, second],
    ] as const) {
      await page.reload();
      assert.deepEqual(await seat(page), { userId, people: 2 });
    }
  });
}

test("a page without RTCPeerConnection watches by the server's relay", () =>
  scene(mainShell, async (set) => {
    const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
    await bob.page.addInitScript(() => Reflect.deleteProperty(window, "RTCPeerConnection"));
    await bob.join(await ann.create());
    await Promise.all([ann.sees({ Bob: "relayed" }), bob.sees({ Ann: "relayed" })]);
    await ann.play();
    await until("Bob's film plays", async () => isPlaying(await bob.film()));
    await together([ann, bob], false);
    await ann.chooseMode("Everyone");
    await until("Bob may pause it", async () => {
      // Pressed once more while the first press is on its way, the button would play again.
      if (isPlaying(await bob.film())) {
        await bob.pause().catch(() => undefined);
      }
      return !isPlaying(await ann.film());
    });
    await together([ann, bob], true);
    assert.equal(await bob.page.evaluate(() => "RTCPeerConnection" in window), false);
    assert.deepEqual(set.frames.lost(), []);
  }));
