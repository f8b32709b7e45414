// The example extension in two browsers, on a page that belongs to neither: the tests drive it
// through its popup, in a tab, and through the page's own film.
//
// Its service worker is killed by ServiceWorker.stopAllWorkers, sent over the popup's own debugging
// session. The worker ends immediately, without an event, although playwright listens to it;
// playwright's attached debugger only keeps it from being stopped for idleness. (Target.closeTarget
// in a browser-wide session kills it as well; chrome.runtime.reload() would leave the extension
// disabled in headless mode.)

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Page } from "playwright-core";

import { openCinema, type Cinema } from "./cinema.ts";
import { isPlaying, lookAtFilm, together, type FilmLook, type Watcher } from "./film.ts";
import { scene, type Person, type PersonOptions, type Scene } from "./scene.ts";
import { shells } from "./server.ts";
import { until } from "./wait.ts";

const source = path.resolve(import.meta.dirname, "../../examples/extension");
let extension = "";
let cinema: Cinema;

before(async () => {
  await promisify(execFile)(process.execPath, [path.join(source, "build.ts")]);
  extension = await mkdtemp(path.join(os.tmpdir(), "usher-e2e-extension-"));
  await cp(path.join(source, "dist"), extension, { recursive: true });
  // A test cannot click on the icon beside the address, which grants the extension the page in view
  // (activeTab). So the test grants it this site instead.
  const manifest = JSON.parse(await readFile(path.join(extension, "manifest.json"), "utf8")) as object;
  await writeFile(path.join(extension, "manifest.json"), JSON.stringify({ ...manifest, host_permissions: ["http://127.0.0.1/*"] }));
  cinema = await openCinema();
});

after(async () => {
  await cinema.close();
  await rm(extension, { recursive: true, force: true });
});

for (const shell of shells) {
  test(`the extension keeps a page's film in sync, and its seat when its service worker is killed (${shell})`, (t) =>
    scene(shell, async (set) => {
      const [ann, bob] = await Promise.all([Viewer.open(set, "Ann"), Viewer.open(set, "Bob")]);
      await ann.create();
      await bob.join(await ann.popup.getByLabel("Invite link", { exact: true }).inputValue());
      await Promise.all([ann.reaches("Bob", "direct"), bob.reaches("Ann", "direct")]);
      await ann.watch();
      await bob.watch();
      const both = [ann, bob];

      // The content script finds a film, paused, a moment after it was asked, and learns who may
      // control it a moment later than the popup.
      await until("the room plays", async () => {
        await ann.plays(true);
        return isPlaying(await bob.film());
      });
      await together(both, false);
      await bob.page.evaluate(() => document.querySelector("video")?.pause());
      await together(both, false); // only the host controls, so it is undone
      assert.equal(isPlaying(await ann.film()), true);

      await ann.popup.getByLabel("Everyone").check();
      await until("both know of the mode", async () => (await ann.mode()) === "FREE_FOR_ALL" && (await bob.mode()) === "FREE_FOR_ALL");
      await until("Bob may pause Ann's film", async () => {
        await bob.plays(false);
        return !isPlaying(await ann.film());
      });
      await together(both, true);
      await bob.page.evaluate(() => Object.assign(document.querySelector("video") ?? {}, { currentTime: 5 }));
      await until("Ann's film goes where Bob has sought", async () => Math.abs((await ann.film()).time - 5) < 0.1);
      await bob.page.evaluate(() => document.querySelector("video")?.play());
      await together(both, false);

      for (const killed of [[ann], [bob], both]) {
        const users = await Promise.all(both.map((viewer) => viewer.userId()));
        const ms = await Promise.all(killed.map((viewer) => viewer.killServiceWorker()));
        t.diagnostic(`seated again after ${ms.map((time) => time.toFixed(0)).join(", ")} ms`);
        assert.deepEqual(await Promise.all(both.map((viewer) => viewer.userId())), users);
        await Promise.all([ann.reaches("Bob", "direct"), bob.reaches("Ann", "direct")]);
        assert.match(await bob.person("Ann").innerText(), /Host/);
        await together(both, false);
      }
      await ann.popup.getByLabel("Host only").check();
      await until("both know of the mode", async () => (await ann.mode()) === "HOST_ONLY" && (await bob.mode()) === "HOST_ONLY");
      await ann.page.evaluate(() => document.querySelector("video")?.pause());
      await together(both, true);

      assert.deepEqual(set.frames.lost(), [], "no signaling frame is lost");
      assert.ok(set.frames.entries.length > 0, "there were some");

      await bob.popup.getByRole("button", { name: "Leave" }).click();
      await until("Bob's extension has let go of the film", () => bob.popup.evaluate(async () => !(await chrome.offscreen.hasDocument())));
      await until("Ann is alone", async () => (await ann.popup.locator("#people li").count()) === 1);
      await bob.page.evaluate(() => document.querySelector("video")?.play());
      await until("Bob's film is Bob's own again", async () => isPlaying(await bob.film()));
    }));
}

for (const shell of shells) {
  test(`the host keeps the door in the popup (${shell})`, () =>
    scene(shell, async (set) => {
      // A ban holds for the address as well, unless somebody else in the room has it.
      const [ann, bob] = await Promise.all([Viewer.open(set, "Ann", { address: "127.0.0.2" }), Viewer.open(set, "Bob", { address: "127.0.0.3" })]);
      await ann.create();
      const link = await ann.popup.getByLabel("Invite link", { exact: true }).inputValue();
      await ann.popup.getByLabel("Knock").check();
      await until("newcomers knock", async () => (await ann.entry()) === "KNOCK");
      await bob.ask(link);
      await bob.popup.getByText("Waiting to be let in…").waitFor();
      await ann.popup.getByRole("button", { name: "Let Bob in" }).click();
      await Promise.all([ann.reaches("Bob", "direct"), bob.reaches("Ann", "direct")]);
      assert.deepEqual([await bob.popup.getByLabel("Knock").isVisible(), await bob.popup.getByLabel("Role of Ann").count()], [false, 0]);

      await ann.popup.getByLabel("Role of Bob").selectOption("Viewer");
      await until("Bob reads that he is a viewer", async () => /Viewer/.test(await bob.person("Bob").innerText()));
      await ann.popup.getByRole("button", { name: "Remove Bob" }).click();
      await until("Ann is alone", async () => (await ann.popup.locator("#people > li").count()) === 1);
      await bob.popup.getByText("removed").waitFor();

      await ann.popup.getByLabel("Come in").check();
      await until("the door is open", async () => (await ann.entry()) === "OPEN");
      await bob.join(link);
      await ann.popup.getByRole("button", { name: "Ban Bob" }).click();
      await until("Ann is alone again", async () => (await ann.popup.locator("#people > li").count()) === 1);
      await bob.ask(link);
      await bob.popup.getByText("banned").waitFor();
    }));
}

/** A person with the extension: a tab with the film and one with the popup. */
class Viewer implements Watcher {
  readonly name: string;
  readonly page: Page;
  readonly popup: Page;
  readonly #server: string;

  private constructor(name: string, server: string, page: Page, popup: Page) {
    this.name = name;
    this.#server = server;
    this.page = page;
    this.popup = popup;
  }

  static async open(set: Scene, name: string, options: PersonOptions = {}): Promise<Viewer> {
    const person: Person = await set.person(name, { ...options, extensions: [extension], isTapped: true });
    const { context } = person.browser;
    const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
    await person.page.goto(cinema.url);
    const popup = await context.newPage();
    await set.watch(popup, name);
    const address = new URL("popup.html", worker.url());
    await popup.goto(address.href);
    const tab = await popup.evaluate(async (url) => (await chrome.tabs.query({ url }))[0]?.id, cinema.url);
    await popup.goto(`${address.href}?tab=${tab}`);
    return new Viewer(name, person.url, person.page, popup);
  }

  async create(): Promise<void> {
    await this.popup.getByLabel("Your name").fill(this.name);
    // As the server prints it.
    await this.popup.getByLabel("Server").fill(`${this.#server.replace(/^http/, "ws")}/ws`);
    await this.popup.getByRole("button", { name: "Create a room" }).click();
    await this.#seated();
  }

  /** The link contains the inviter's way to the server; each person has a different one. */
  async join(link: string): Promise<void> {
    await this.ask(link);
    await this.#seated();
  }

  /** Asks for a seat. */
  async ask(link: string): Promise<void> {
    await this.popup.getByLabel("Your name").fill(this.name);
    await this.popup.getByLabel("Invite link or code").fill(`<${this.#server}/${new URL(link).hash}>.`);
    await this.popup.getByRole("button", { name: "Join" }).click();
  }

  /** Gives the room the film of the other tab. */
  async watch(): Promise<void> {
    await this.popup.getByRole("button", { name: "Watch the film on this page" }).click();
    await this.popup.getByText("The room is watching this page's film now").waitFor();
  }

  /**
   * The room's control mode as the service worker knows it; the clicked radio button changes
   * earlier.
   */
  async mode(): Promise<string> {
    return (await this.#room()).controlMode ?? "";
  }

  /** What newcomers meet, as the service worker knows it. */
  async entry(): Promise<string> {
    return (await this.#room()).door?.entry ?? "";
  }

  #room(): Promise<{ controlMode?: string; door?: { entry: string } }> {
    return this.popup.evaluate(async () => {
      const { view } = await chrome.storage.session.get<{ view: { room?: { controlMode: string; door?: { entry: string } } } }>("view");
      return view.room ?? {};
    });
  }

  film(): Promise<FilmLook> {
    return lookAtFilm(this.page);
  }

  /** Plays or pauses in the page, unless the film already does. */
  plays(playing: boolean): Promise<void> {
    return this.page.evaluate((wanted) => {
      const video = document.querySelector("video");
      if (video?.paused === wanted) {
        void (wanted ? video.play() : video.pause());
      }
    }, playing);
  }

  person(name: string) {
    return this.popup.locator("#people li", { hasText: name });
  }

  async reaches(name: string, route: string): Promise<void> {
    await until(`${this.name} reaches ${name}: ${route}`, async () => (await this.person(name).getAttribute("data-route")) === route);
  }

  async userId(): Promise<string> {
    return (await this.popup.locator("body").getAttribute("data-user")) ?? "";
  }

  /** Kills it, waits until its successor has the seat, and returns how many ms that took. */
  async killServiceWorker(): Promise<number> {
    await this.popup.evaluate(() => {
      const states: string[] = [];
      Object.assign(window, { states });
      new MutationObserver(() => states.push(document.body.dataset["status"] ?? "")).observe(document.body, { attributes: true });
    });
    const session = await this.popup.context().newCDPSession(this.popup);
    await session.send("ServiceWorker.enable");
    const began = performance.now();
    await session.send("ServiceWorker.stopAllWorkers");
    await until(`${this.name} is seated again`, () =>
      this.popup.evaluate(() => {
        const { states } = window as unknown as { states: string[] };
        return states.includes("connecting") && states.at(-1) === "seated";
      }),
    );
    await session.detach();
    return performance.now() - began;
  }

  async #seated(): Promise<void> {
    await until(`${this.name} is seated`, async () => (await this.popup.locator("body").getAttribute("data-status")) === "seated");
  }
}
