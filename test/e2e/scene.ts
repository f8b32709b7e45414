// A scene: a server and people, each with a browser process and a wire of their own; all end when
// the test is over. If the test fails, everything that they wrote is printed.

import { after } from "node:test";
import type { Page } from "playwright-core";

import { Browser, type BrowserOptions, type Engine } from "./browser.ts";
import { FrameLog } from "./frames.ts";
import { keepPeerConnections } from "./peers.ts";
import { Proxy, type Listener } from "./proxy.ts";
import { Server, type Shell } from "./server.ts";
import { Wires } from "./wires.ts";

export interface PersonOptions extends BrowserOptions {
  /**
   * WebRTC goes through a forwarder too, so that it can be cut. All people of a room must be wired,
   * or none.
   */
  isWired?: boolean;
  /** The socket does not belong to a page: its frames are counted at the proxy. */
  isTapped?: boolean;
  /** The loopback address that the server sees; by default all people share one. */
  address?: string;
}

/** A person with a browser. */
export class Person {
  readonly name: string;
  readonly browser: Browser;
  readonly page: Page;
  /** The wire to the server; its url is the server's for this browser. */
  readonly proxy: Proxy;
  readonly #wires: Wires;

  constructor(name: string, browser: Browser, proxy: Proxy, wires: Wires) {
    this.name = name;
    this.browser = browser;
    this.page = browser.page;
    this.proxy = proxy;
    this.#wires = wires;
  }

  /**
   * The address that this browser opens: the server, through the person's own wire. No trailing
   * slash.
   */
  get url(): string {
    return this.proxy.url;
  }

  /**
   * Cuts the browser off from the server and from all other browsers, silently: nothing is closed.
   * Needs isWired.
   */
  cutNetwork(): void {
    this.proxy.cut();
    this.#wires.cut(this.name);
  }

  healNetwork(): void {
    this.#wires.heal(this.name);
    this.proxy.heal();
  }

  /** Drops only the traffic that goes directly to other browsers. Needs isWired. */
  blockDirect(): void {
    this.#wires.cut(this.name);
  }

  unblockDirect(): void {
    this.#wires.heal(this.name);
  }
}

export class Scene {
  readonly server: Server;
  /** Which browsers people have, by turns. */
  cast: readonly Engine[] = ["chromium"];
  /** All pages' frames. */
  readonly frames = new FrameLog();
  /** The pages' console output. */
  readonly lines: string[] = [];
  readonly people: Person[] = [];
  readonly #wires = new Wires();

  readonly #begin: number;
  readonly #isShared: boolean;

  constructor(server: Server, isShared = false) {
    this.server = server;
    this.#isShared = isShared;
    this.#begin = server.output.length;
  }

  /** Opens a browser for a person; names are unique. Its page is still empty. */
  async person(name: string, options: PersonOptions = {}): Promise<Person> {
    // BiDi does not pass on what Firefox says of sockets.
    const isTapped = options.isTapped === true || options.engine === "firefox";
    const heard: Listener | undefined = isTapped ? (kind, text) => this.frames.pass(name, kind, text) : undefined;
    const [proxy, browser] = await Promise.all([Proxy.start(() => this.server.port, heard, options.address), Browser.launch(options)]);
    const person = new Person(name, browser, proxy, this.#wires);
    this.people.push(person);
    await this.watch(person.page, name, options.engine);
    if (options.isWired === true) {
      await this.#wires.attach(person.page, name);
    }
    return person;
  }

  /**
   * Records frames, console and peer connections of another page in a person's browser. Call it
   * before the first navigation.
   */
  async watch(page: Page, name: string, engine: Engine = "chromium"): Promise<void> {
    if (engine === "firefox") {
      this.frames.watchEnds(page, () => this.frames.userOf(name));
    } else {
      this.frames.watch(page, name);
    }
    page.on("console", (message) => this.lines.push(`${name} ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => {
      // Firefox reports failing sockets and peer connections as errors, although no script has
      // thrown one.
      const isFirefoxs = /^(The connection to ws|Firefox can.t establish a connection|WebRTC: ICE failed)/.test(error.message);
      this.lines.push(`${name} ${isFirefoxs ? "error" : "uncaught"}: ${error.stack ?? error.message}`);
    });
    await keepPeerConnections(page);
  }

  /** Ends a person's browser, like closing its window. */
  async leave(person: Person): Promise<void> {
    this.people.splice(this.people.indexOf(person), 1);
    await person.browser.close();
    await person.proxy.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.people.map((person) => person.browser.close()));
    await Promise.all(this.people.map((person) => person.proxy.close()));
    await this.#wires.close();
  }

  /** Everything that was written, for a reader who looks for the cause of a failure. */
  story(): string {
    const output = this.#isShared ? "other scenes are in its output" : this.server.output.slice(this.#begin);
    return [`-- server (${this.server.shell})`, output, "-- frames", ...this.frames.lines, "-- consoles", ...this.lines, ""].join("\n");
  }
}

/** Servers that wait for the next scene of the test file, with the rooms of earlier scenes. */
const idle: Server[] = [];
after(() => Promise.all(idle.splice(0).map((server) => server.close())));

/**
 * Plays a scene on one shell. Settings are passed to the server, as in Server.start; a scene with
 * settings gets a server of its own.
 */
export async function scene(shell: Shell, play: (scene: Scene) => Promise<void>, settings?: Record<string, string>): Promise<void> {
  const at = settings === undefined ? idle.findIndex((server) => server.shell === shell) : -1;
  const server = idle.splice(at, at < 0 ? 0 : 1)[0] ?? (await Server.start(shell, settings));
  const set = new Scene(server);
  let isWell = false;
  try {
    await play(set);
    isWell = settings === undefined;
  } catch (error) {
    console.error(set.story());
    throw error;
  } finally {
    await set.close();
    if (isWell) {
      idle.push(server);
    } else {
      await server.close();
    }
  }
}

/** One server of each shell for all scenes that share. */
const shared = new Map<Shell, Promise<Server>>();
after(() => Promise.all([...shared.values()].map(async (server) => (await server).close())));

/** Plays a scene that only needs a room of its own, not a server, beside others. */
export async function sharedScene(shell: Shell, play: (scene: Scene) => Promise<void>): Promise<void> {
  const starting = shared.get(shell) ?? Server.start(shell);
  shared.set(shell, starting);
  const set = new Scene(await starting, true);
  try {
    await play(set);
  } catch (error) {
    console.error(set.story());
    throw error;
  } finally {
    await set.close();
  }
}
