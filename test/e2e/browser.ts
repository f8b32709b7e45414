// Browser processes: Debian's Chromium, a fresh profile each, headless.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

import { within } from "./wait.ts";

const switches = [
  // The machine may have no other network, and Chromium offers loopback addresses to peers only with this.
  "--allow-loopback-in-peer-connection",
  // Addresses in candidates stay readable: the .local names that hide them need multicast, which a container may not have.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  // The tests click, but not in every page that is to play.
  "--autoplay-policy=no-user-gesture-required",
  // All pages are in the foreground for their timers, also where the machine is busy.
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];

export interface BrowserOptions {
  /** Folders of unpacked extensions. */
  extensions?: string[];
  viewport?: { width: number; height: number };
  colorScheme?: "light" | "dark";
}

/** One browser process. playwright ends it when this process ends, however it does. */
export class Browser {
  readonly context: BrowserContext;
  /** The one page that it opened with. */
  readonly page: Page;
  readonly #profile: string;

  private constructor(context: BrowserContext, page: Page, profile: string) {
    this.context = context;
    this.page = page;
    this.#profile = profile;
  }

  static async launch(options: BrowserOptions = {}): Promise<Browser> {
    const profile = await mkdtemp(path.join(os.tmpdir(), "usher-e2e-profile-"));
    const extensions = options.extensions?.join(",");
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: executable(),
      headless: true,
      args: extensions === undefined ? switches : [...switches, `--load-extension=${extensions}`, `--disable-extensions-except=${extensions}`],
      ...(extensions === undefined ? {} : { ignoreDefaultArgs: ["--disable-extensions"] }),
      viewport: options.viewport ?? { width: 1100, height: 800 },
      colorScheme: options.colorScheme ?? "light",
    });
    const page = context.pages()[0] ?? (await context.newPage());
    await wakeNetwork(page);
    return new Browser(context, page, profile);
  }

  async close(): Promise<void> {
    await within("the browser closes", 10_000, this.context.close()).catch(() => undefined);
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

let found: string | undefined;

/** What the script `chromium` beside this file prints. */
function executable(): string {
  found ??= execFileSync(path.join(import.meta.dirname, "chromium"), { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  return found;
}

/**
 * About one fresh profile in twelve never gathers a candidate on the first RTCPeerConnection of its life, and is well from the second on.
 * So the first one is thrown away.
 */
async function wakeNetwork(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const connection = new RTCPeerConnection({ iceCandidatePoolSize: 1 });
    connection.createDataChannel("throw-away");
    const candidate = new Promise<void>((resolve) => connection.addEventListener("icecandidate", () => resolve()));
    await connection.setLocalDescription();
    // The profile that will gather does so within some 50 ms.
    await Promise.race([candidate, new Promise((resolve) => setTimeout(resolve, 1000))]);
    connection.close();
  });
}
