// Every quick start of packages/client/README.md, run unchanged with the packages as they are
// published: pages and the extension in Chromium.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { build, createServer, preview } from "vite";

import { RoomClient } from "@usher/client";
import { root, run } from "../../packages/client/test/packed.ts";
import { executable, switches } from "./browser.ts";
import { Projects } from "./quickStart.ts";
import { Server } from "./server.ts";
import { until } from "./wait.ts";

const maxLines = 32;
let server: Server;
let projects: Projects;

before(async () => {
  [server, projects] = await Promise.all([Server.start("native"), Projects.prepare()]);
});
after(() => Promise.all([server.close(), projects.close()]));

/**
 * Chromium, for which the quick starts' server is this test's, with an unpacked extension if it is
 * given one.
 */
async function browser(t: TestContext, extension?: string): Promise<BrowserContext> {
  const profile = await mkdtemp(path.join(os.tmpdir(), "usher-quickstart-profile-"));
  const extended = extension === undefined ? [] : [`--load-extension=${extension}`, `--disable-extensions-except=${extension}`];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(),
    headless: true,
    args: [...switches, `--host-resolver-rules=MAP localhost:8787 127.0.0.1:${server.port}`, ...extended],
    ignoreDefaultArgs: ["--disable-extensions"],
  });
  t.after(async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  return context;
}

/**
 * Opens a page that creates a room, and then its address, which is the invite link, in another tab.
 */
async function openTwo(context: BrowserContext, url: string): Promise<[Page, Page]> {
  const first = await context.newPage();
  await first.goto(url);
  await until("the address names the room", () => new URL(first.url()).hash.length > 1);
  const second = await context.newPage();
  await second.goto(first.url());
  return [first, second];
}

/** Another person in the room, in this process. */
async function joined(t: TestContext, roomId: string, userName: string): Promise<RoomClient> {
  const client = new RoomClient({ url: `${server.url}/ws` });
  t.after(() => client.close());
  await client.join({ roomId, userName });
  return client;
}

const vite = { configFile: false, logLevel: "warn" } as const;
const addressOf = ({ httpServer }: { httpServer: unknown }): string =>
  `http://127.0.0.1:${((httpServer as { address(): AddressInfo }).address() as AddressInfo).port}/`;

test("each quick start has a test, and is short", async () => {
  assert.deepEqual(projects.names, ["A plain page", "Vite", "React 19", "A bot on Node.js", "An extension (Manifest V3)"]);
  const section = (await readFile(path.join(root, "packages/client/README.md"), "utf8")).split("## Quick starts")[1] ?? "";
  for (const [block] of section.matchAll(/^```\w+\n[\s\S]*?^```$/gm)) {
    assert.ok(block.split("\n").length - 2 <= maxLines, block);
  }
});

test("a plain page", async (t) => {
  const { folder } = await projects.make("A plain page");
  await cp(path.join(root, "web/dist/leader.mp4"), path.join(folder, "film.mp4"));
  const site = await preview({ ...vite, root: path.dirname(folder), build: { outDir: path.basename(folder) }, preview: { host: "127.0.0.1", port: 0 } });
  t.after(() => site.close());
  const pages = await openTwo(await browser(t), addressOf(site));
  for (const page of pages) {
    await until("both are named", async () => (await page.locator("p").innerText()) === "Ann, Ann");
  }
  const [first, second] = pages;
  await until("the first page's play is the second's", async () => {
    await first.evaluate(() => document.querySelector("video")?.play());
    return second.evaluate(() => document.querySelector("video")?.paused === false);
  });
  await second.reload();
  await until("the seat is the same after a reload", async () => (await second.locator("p").innerText()) === "Ann, Ann");
});

test("Vite", async (t) => {
  const { folder } = await projects.make("Vite");
  await writeFile(path.join(folder, "index.html"), `<!doctype html><div id="app"></div><script type="module" src="/src/main.ts"></script>`);
  await run(folder, "tsc", "--strict", "--noEmit", "--target", "es2023", "--module", "esnext", "--moduleResolution", "bundler", "--types", "", "src/main.ts");
  await build({ ...vite, root: folder });
  const site = await preview({ ...vite, root: folder, preview: { host: "127.0.0.1", port: 0 } });
  t.after(() => site.close());
  for (const page of await openTwo(await browser(t), addressOf(site))) {
    await until("both see each other's route", async () => (await page.locator("li").allInnerTexts()).toSorted().join() === "Ann: direct,Ann: you");
  }
});

test("React 19", async (t) => {
  const { folder } = await projects.make("React 19", ["react", "react-dom", "scheduler"]);
  await writeFile(path.join(folder, "index.html"), `<!doctype html><div id="root"></div><script type="module" src="/src/main.jsx"></script>`);
  // Not built: only React's development version mounts everything twice.
  const site = await createServer({ ...vite, root: folder, server: { host: "127.0.0.1", port: 0 } });
  await site.listen();
  t.after(() => site.close());
  const pages = await openTwo(await browser(t), addressOf(site));
  for (const page of pages) {
    await until("two people are in the room", async () => (await page.locator("li").allInnerTexts()).join() === "Ann,Ann");
  }
  const other = await joined(t, new URL(pages[0].url()).hash.slice(1), "Bob");
  assert.equal(other.room?.users.length, 3, "nobody has two seats");
});

test("a bot on Node.js", async (t) => {
  const { folder } = await projects.make("A bot on Node.js");
  const ann = new RoomClient({ url: `${server.url}/ws` });
  t.after(() => ann.close());
  const { roomState } = await ann.create({ userName: "Ann", roomName: "Cinema" });
  const bot = spawn(process.execPath, ["bot.mjs", roomState.id], { cwd: folder, env: { ...process.env, USHER_URL: `${server.url}/ws` } });
  t.after(() => bot.kill("SIGKILL"));
  let said = "";
  bot.stdout.on("data", (data: Buffer) => (said += data.toString()));
  bot.stderr.on("data", (data: Buffer) => (said += data.toString()));
  const says = (line: string): Promise<unknown> =>
    until(
      () => `the bot says ${line}:\n${said}`,
      () => said.includes(line),
    );
  await says("in Cinema with 2 people");
  await joined(t, roomState.id, "Bob");
  await says("Bob joined");
  const { users } = ann.room ?? { users: [] };
  const targetUserId = users.find(({ name }) => name === "Bot")?.id ?? "";
  ann.send({ type: "UNIFIED_SYNC", action: "PAUSE", time: 7, videoUrl: "film.mp4", targetUserId });
  await says("film.mp4 is paused at 7.0 s");
  bot.kill("SIGINT");
  await once(bot, "exit");
  assert.equal(bot.exitCode, 0, said);
  // Without a room it cannot enter, and says why.
  await assert.rejects(run(folder, process.execPath, "bot.mjs"), /The room id is malformed/);
  await until("it left", () => ann.room?.users.length === 2);
});

test("an extension", async (t) => {
  const { folder, commands } = await projects.make("An extension (Manifest V3)");
  assert.equal(commands.length, 1);
  for (const command of commands) {
    const [program = "", ...args] = command.split(" ");
    await run(folder, program, ...args);
  }
  const context = await browser(t, folder);
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
  const badge = (): Promise<string> => worker.evaluate(() => chrome.action.getBadgeText({}));
  await until("the icon has its room", async () => (await badge()) === "1");
  const bob = await joined(t, await worker.evaluate(() => chrome.action.getTitle({})), "Bob");
  await until("the icon counts Bob", async () => (await badge()) === "2");
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const heard: string[] = [];
  bob.on("message", ({ type }) => heard.push(type));
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.stopAllWorkers");
  await until("Bob learns that it is away", () => heard.includes("USER_DISCONNECTED"));
  await session.send("ServiceWorker.startWorker", { scopeURL: new URL("/", worker.url()).href });
  await until("Bob learns that it is back in its seat", () => heard.includes("USER_RECONNECTED"));
  assert.equal(bob.room?.users.length, 2);
});
