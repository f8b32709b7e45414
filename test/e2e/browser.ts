// Browsers: Debian's Chromium or Firefox, headless, one process and one fresh profile for each
// person.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { chromium, type Browser as Process, type BrowserContext, type Page } from "playwright-core";

import { openFirefox, type FirefoxOptions } from "./firefox.ts";
import { within } from "./wait.ts";

export const switches = [
  // Not emulated either.
  "--disable-gpu",
  // The machine may have no other network, and Chromium offers loopback addresses to peers only
  // with this.
  "--allow-loopback-in-peer-connection",
  // Addresses in candidates stay readable: the .local names that hide them need multicast, which a
  // container may not have.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  // The tests do click, but not in every page that must play.
  "--autoplay-policy=no-user-gesture-required",
  // Timers treat every page as a foreground page, even if the machine is busy.
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];

/**
 * Motion would have each page drawn 60 times a second, which takes most of a machine without a GPU.
 */
const still = { reducedMotion: "reduce" } as const;

export type Engine = "chromium" | "firefox";

export interface BrowserOptions extends FirefoxOptions {
  /**
   * Chromium by default. The options below are for Chromium only, `preferences` for Firefox only.
   */
  engine?: Engine;
  /** Folders of unpacked extensions. */
  extensions?: string[];
  viewport?: { width: number; height: number };
  colorScheme?: "light" | "dark";
  /**
   * A page in one profile that all such people share: enough for somebody whose page is only a
   * script.
   */
  isShared?: boolean;
  /**
   * In a process of its own that can be stopped and continued, like a laptop that is closed and
   * opened. Chromium only.
   */
  canSleep?: boolean;
}

/**
 * Processes that wait for the next scene of the test file: starting one costs more than most of the
 * work done with it.
 */
const idle: Process[] = [];
after(() => Promise.all(idle.splice(0).map(end)));

/**
 * A person's browser: a process that nobody else uses at the same time, with a new profile in it.
 * playwright ends the process when this one ends, however it ends.
 */
export class Browser {
  readonly #context: BrowserContext | undefined;
  /** The only page that it opened with. */
  readonly page: Page;
  readonly #end: () => Promise<void>;
  readonly #signal: Signal | undefined;

  private constructor(context: BrowserContext | undefined, page: Page, end: () => Promise<void>, signal?: Signal) {
    this.#context = context;
    this.page = page;
    this.#end = end;
    this.#signal = signal;
  }

  static async launch(options: BrowserOptions = {}): Promise<Browser> {
    if (options.engine === "firefox") {
      const { page, end } = await openFirefox(options);
      return new Browser(undefined, page, end);
    }
    const { context, end, signal, ...opened } = await open(options);
    const page = opened.page ?? context.pages()[0] ?? (await context.newPage());
    await wakeNetwork(page);
    return new Browser(context, page, end, signal);
  }

  /** Stops all of its processes. Ask nothing of it until it is woken. Needs canSleep. */
  sleep(): void {
    this.#signal?.("SIGSTOP");
  }

  wake(): void {
    this.#signal?.("SIGCONT");
  }

  /** Chromium only. */
  get context(): BrowserContext {
    if (this.#context === undefined) {
      throw new Error("this browser is a Firefox");
    }
    return this.#context;
  }

  close(): Promise<void> {
    this.wake();
    return this.#end();
  }
}

/** A browser that does not end in time is killed by playwright when this process ends. */
async function end(process: Process): Promise<void> {
  await within("the browser ends", 10_000, process.close()).catch(() => undefined);
}

type Signal = (signal: "SIGSTOP" | "SIGCONT") => void;

interface Opened {
  context: BrowserContext;
  page?: Page;
  end: () => Promise<void>;
  signal?: Signal;
}

function open(options: BrowserOptions): Promise<Opened> {
  if (options.extensions !== undefined) {
    return withExtensions(options.extensions);
  }
  if (options.canSleep === true) {
    return inOwnProcess();
  }
  return options.isShared === true ? inSharedProfile() : inIdleProcess(options);
}

async function inOwnProcess(): Promise<Opened> {
  const server = await chromium.launchServer({ executablePath: executable(), headless: true, args: switches });
  const context = await (await chromium.connect(server.wsEndpoint())).newContext(still);
  const { pid } = server.process();
  return {
    context,
    end: () => within("the browser ends", 10_000, server.close()).catch(() => server.kill()),
    // The whole group: playwright starts one.
    signal: (signal) => process.kill(-(pid ?? 0), signal),
  };
}

/** A profile costs five times the processor time of a page in one that exists. */
let shared: Promise<BrowserContext> | undefined;
after(async () => {
  const process = (await shared)?.browser();
  if (process) {
    await end(process);
  }
});

async function inSharedProfile(): Promise<Opened> {
  shared ??= chromium.launch({ executablePath: executable(), headless: true, args: switches }).then((process) => process.newContext(still));
  const context = await shared;
  const page = await context.newPage();
  return { context, page, end: () => within("the page closes", 10_000, page.close()).catch(() => undefined) };
}

async function inIdleProcess(options: BrowserOptions): Promise<Opened> {
  const process = idle.pop() ?? (await chromium.launch({ executablePath: executable(), headless: true, args: switches }));
  const { viewport = { width: 1100, height: 800 }, colorScheme = "light" } = options;
  const context = await process.newContext({ viewport, colorScheme, ...still });
  const close = async (): Promise<void> => {
    try {
      await within("the profile closes", 10_000, context.close());
      idle.push(process);
    } catch {
      await end(process); // it cannot be used again
    }
  };
  return { context, end: close };
}

/** Extensions belong to a profile on disk and to its whole process. */
async function withExtensions(extensions: string[]): Promise<Opened> {
  const profile = await mkdtemp(path.join(os.tmpdir(), "usher-e2e-profile-"));
  const folders = extensions.join(",");
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(),
    headless: true,
    ...still,
    args: [...switches, `--load-extension=${folders}`, `--disable-extensions-except=${folders}`],
    ignoreDefaultArgs: ["--disable-extensions"],
  });
  const close = async (): Promise<void> => {
    await within("the browser closes", 10_000, context.close()).catch(() => undefined);
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  return { context, end: close };
}

let found: string | undefined;

/** The output of the script `chromium` beside this file. */
export function executable(): string {
  found ??= execFileSync(path.join(import.meta.dirname, "chromium"), { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  return found;
}

/**
 * About one fresh profile in twelve never gathers a candidate on its first RTCPeerConnection, but
 * works from the second on. So the first one is thrown away.
 */
async function wakeNetwork(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const connection = new RTCPeerConnection({ iceCandidatePoolSize: 1 });
    connection.createDataChannel("throw-away");
    const candidate = new Promise<void>((resolve) => connection.addEventListener("icecandidate", () => resolve()));
    await connection.setLocalDescription();
    // A profile that will gather does so within about 50 ms.
    await Promise.race([candidate, new Promise((resolve) => setTimeout(resolve, 1000))]);
    connection.close();
  });
}
