// Stock Firefox, driven by puppeteer over WebDriver BiDi, behind the part of playwright's Page that
// the scenes use. (playwright's own way to a stock Firefox asks for
// emulation.setMediaFeaturesOverride, which Firefox ESR 153 does not have.)

import { execFileSync } from "node:child_process";
import path from "node:path";
import { after } from "node:test";
import type { Page } from "playwright-core";
import { launch, type Browser as Process, type ElementHandle, type Page as FirefoxPage } from "puppeteer-core";

import { patienceMs, until, within } from "./wait.ts";

const preferences = {
  // The machine may have no other network.
  "media.peerconnection.ice.loopback": true,
  // Addresses in candidates stay readable: the .local names that hide them need multicast, which a
  // container may not have.
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  // The tests do click, but not in every page that must play.
  "media.autoplay.default": 0,
};

export interface FirefoxOptions {
  /**
   * Preferences in addition to those that every Firefox here has. With any, the process is not used
   * again.
   */
  preferences?: Record<string, boolean | number | string>;
}

/** Processes that wait for the next scene of the test file. */
const idle: Process[] = [];
after(() => Promise.all(idle.splice(0).map(end)));

async function end(process: Process): Promise<void> {
  await within("Firefox ends", 10_000, process.close()).catch(() => process.process()?.kill("SIGKILL"));
}

/** Opens a page in a process that nobody else uses at the same time, and in a new profile. */
export async function openFirefox(options: FirefoxOptions = {}): Promise<{ page: Page; end: () => Promise<void> }> {
  const isOwn = options.preferences !== undefined;
  const process = (isOwn ? undefined : idle.pop()) ?? (await start({ ...preferences, ...options.preferences }));
  const context = await process.createBrowserContext();
  const page = await context.newPage();
  // Firefox 140 does not know the command that puppeteer also sends, for the orientation. The size
  // is still set.
  await page.setViewport({ width: 1100, height: 800 }).catch((error: unknown) => {
    if (!String(error).includes("setScreenOrientationOverride")) {
      throw error;
    }
  });
  const close = async (): Promise<void> => {
    try {
      await within("the profile closes", 10_000, context.close());
      if (!isOwn) {
        idle.push(process);
        return;
      }
    } catch {
      // It cannot be used again.
    }
    await end(process);
  };
  return { page: asPage(page), end: close };
}

function start(extraPrefsFirefox: Record<string, unknown>): Promise<Process> {
  return launch({ browser: "firefox", executablePath: executable(), headless: true, extraPrefsFirefox });
}

let found: string | undefined;

/** The output of the script `firefox` beside this file. */
function executable(): string {
  found ??= execFileSync(path.join(import.meta.dirname, "firefox"), { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  return found;
}

/** As much of playwright's Page as scenes use; anything else fails by name. */
function asPage(page: FirefoxPage): Page {
  const by = new Finder(page, page);
  const tab = {
    goto: (url: string) => page.goto(url),
    reload: () => page.reload(),
    url: () => page.url(),
    evaluate: page.evaluate.bind(page),
    addInitScript: (script: () => void) => page.evaluateOnNewDocument(script),
    exposeFunction: page.exposeFunction.bind(page),
    keyboard: page.keyboard,
    mainFrame: () => page.mainFrame(),
    on: page.on.bind(page),
    getByRole: by.getByRole.bind(by),
    getByText: by.getByText.bind(by),
    locator: by.locator.bind(by),
  };
  return strict("page", tab) as unknown as Page;
}

/** Fails with the name of a missing member instead of "is not a function". */
function strict<T extends object>(what: string, object: T): T {
  return new Proxy(object, {
    get: (target, name) => {
      if (typeof name === "string" && name !== "then" && !(name in target)) {
        throw new Error(`a ${what} of Firefox has no ${name} here: firefox.ts has what scenes use`);
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Where to look: a page, or what a locator has found. */
type Scope = Pick<FirefoxPage, "$$">;

class Finder {
  readonly #page: FirefoxPage;
  readonly #scope: Scope | Locator;

  constructor(page: FirefoxPage, scope: Scope | Locator) {
    this.#page = page;
    this.#scope = scope;
  }

  /** A name must match completely: Firefox looks it up in its accessibility tree. */
  getByRole(role: string, { name, level }: { name?: string; exact?: boolean; level?: number } = {}): Locator {
    if (name !== undefined && typeof name !== "string") {
      throw new Error(`not by ${String(name)}: Firefox finds whole names only`);
    }
    // Two words for one role; Firefox uses the other.
    const computed = role === "img" ? "image" : role;
    return this.#find(level === undefined ? `aria/${name ?? ""}[role="${computed}"]` : `h${level}`);
  }

  getByText(text: string): Locator {
    return this.#find(`::-p-text(${text})`);
  }

  locator(selector: string): Locator {
    return this.#find(selector);
  }

  #find(selector: string): Locator {
    const scope = this.#scope;
    const search = async (): Promise<ElementHandle[]> => {
      const within = scope instanceof Locator ? await scope.handles() : [scope];
      return (await Promise.all(within.map((each) => each.$$(selector)))).flat() as ElementHandle[];
    };
    return strict("locator", new Locator(this.#page, selector, search));
  }
}

class Locator {
  readonly #page: FirefoxPage;
  readonly #what: string;
  readonly handles: () => Promise<ElementHandle[]>;

  constructor(page: FirefoxPage, what: string, handles: () => Promise<ElementHandle[]>) {
    this.#page = page;
    this.#what = what;
    this.handles = handles;
  }

  getByRole(role: string, options: { name?: string } = {}): Locator {
    return new Finder(this.#page, this).getByRole(role, options);
  }

  /** The first match is what every other verb takes anyway. */
  first(): Locator {
    return this;
  }

  async click(): Promise<void> {
    const handle = await this.#ready();
    await handle.click();
  }

  async fill(text: string): Promise<void> {
    const handle = await this.#ready();
    await handle.evaluate((field, value) => {
      const input = field as HTMLInputElement;
      input.focus();
      input.value = value;
      input.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }, text);
  }

  async press(key: "Enter"): Promise<void> {
    await (await this.#ready()).press(key);
  }

  /**
   * Uses the element's own click(): a radio button that its label draws has no position of its own.
   */
  async check(): Promise<void> {
    await (await this.#ready()).evaluate((box) => (box as HTMLInputElement).click());
  }

  async waitFor(): Promise<void> {
    await until(`Firefox shows ${this.#what}`, () => this.isVisible(), patienceMs);
  }

  async isVisible(): Promise<boolean> {
    const [handle] = await this.handles();
    return (await handle?.isVisible()) ?? false;
  }

  async count(): Promise<number> {
    return (await this.handles()).length;
  }

  isChecked(): Promise<boolean> {
    return this.evaluate((box) => (box as HTMLInputElement).checked);
  }

  inputValue(): Promise<string> {
    return this.evaluate((field) => (field as HTMLInputElement).value);
  }

  textContent(): Promise<string | null> {
    return this.evaluate((element) => element.textContent);
  }

  innerText(): Promise<string> {
    return this.evaluate((element) => (element as HTMLElement).innerText);
  }

  getAttribute(name: string): Promise<string | null> {
    return this.evaluate((element, attribute) => element.getAttribute(attribute), name);
  }

  async evaluate<R, A = undefined>(look: (element: Element, argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    const handle = await this.#found(() => true);
    return handle.evaluate(look as (element: Element, argument: unknown) => R, argument) as Promise<R>;
  }

  /** Waits until it can be used. */
  #ready(): Promise<ElementHandle> {
    return this.#found((handle) => handle.evaluate((element) => element.isConnected && !(element as HTMLButtonElement).disabled));
  }

  #found(isFit: (handle: ElementHandle) => boolean | Promise<boolean>): Promise<ElementHandle> {
    let seen = "";
    return until(
      () => `Firefox finds ${this.#what}, but ${seen}`,
      async () => {
        const [handle] = await this.handles();
        seen = handle === undefined ? "there is none" : "it cannot be used";
        return handle !== undefined && (await isFit(handle)) ? handle : undefined;
      },
    ) as Promise<ElementHandle>;
  }
}
