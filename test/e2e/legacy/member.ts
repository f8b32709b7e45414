// A person with the legacy client: the script of this folder in a browser page.

import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after } from "node:test";
import { build } from "esbuild";
import type { Page } from "playwright-core";

import type { Person, PersonOptions, Scene } from "../scene.ts";
import { until } from "../wait.ts";
import type { LegacyClient } from "./client.ts";
import type { ControlMode, SyncMessage } from "./film.ts";
import type { View } from "./message.ts";

interface LegacyWindow {
  LegacyClient: typeof LegacyClient;
  legacy: LegacyClient;
}

export class LegacyMember {
  readonly person: Person;
  readonly page: Page;

  private constructor(person: Person) {
    this.person = person;
    this.page = person.page;
  }

  /** Opens a page with the client in it, in a browser process that all such pages share. */
  static async arrive(set: Scene, name: string, options: PersonOptions = {}): Promise<LegacyMember> {
    const [person, url] = await Promise.all([set.person(name, { isShared: true, ...options }), site()]);
    await person.page.goto(url);
    await person.page.evaluate(
      ({ server, userName }) => {
        const page = window as unknown as LegacyWindow;
        page.legacy = new page.LegacyClient(server, userName);
      },
      { server: `${person.url.replace(/^http/, "ws")}/ws`, userName: name },
    );
    return new LegacyMember(person);
  }

  get name(): string {
    return this.person.name;
  }

  create(roomId: string): Promise<void> {
    return this.page.evaluate((id) => (window as unknown as LegacyWindow).legacy.create(id), roomId);
  }

  join(roomId: string): Promise<void> {
    return this.page.evaluate((id) => (window as unknown as LegacyWindow).legacy.join(id), roomId);
  }

  leave(): Promise<void> {
    return this.page.evaluate(() => (window as unknown as LegacyWindow).legacy.leave());
  }

  look(): Promise<View> {
    return this.page.evaluate(() => (window as unknown as LegacyWindow).legacy.look());
  }

  setControlMode(mode: ControlMode): Promise<void> {
    return this.page.evaluate((to) => (window as unknown as LegacyWindow).legacy.setControlMode(to), mode);
  }

  /** Plays, pauses or seeks, as the viewer does. */
  act(action: "PLAY" | "PAUSE" | "SEEK", time: number): Promise<void> {
    return this.page.evaluate(([what, at]) => (window as unknown as LegacyWindow).legacy.act(what, at), [action, time] as const);
  }

  navigate(url: string): Promise<void> {
    return this.page.evaluate((to) => (window as unknown as LegacyWindow).legacy.navigate(to), url);
  }

  /** Sends a SyncMessage over the data channels, and returns to whom. */
  say(message: Partial<SyncMessage>): Promise<string[]> {
    return this.page.evaluate((said) => (window as unknown as LegacyWindow).legacy.say(said), message);
  }

  /** Every SyncMessage that came over data channels. */
  heard(): Promise<SyncMessage[]> {
    return this.page.evaluate(() => (window as unknown as LegacyWindow).legacy.heard);
  }
}

/** Waits until the newest data channel of everybody carries messages to everybody else. */
export async function allTalk(members: readonly LegacyMember[], withinMs?: number): Promise<void> {
  const mark = Math.random().toString(36).slice(2);
  const ids = await Promise.all(members.map(async (member) => (await member.look()).userId));
  let missing = "";
  await until(
    () => `messages pass on all channels, but ${missing}`,
    async () => {
      await Promise.all(members.map((member) => member.say({ type: "TEST", mark })));
      const gaps = await Promise.all(
        members.map(async (member, at) => {
          const heard = new Set((await member.heard()).filter((message) => message["mark"] === mark).map(({ userId }) => userId));
          return ids.flatMap((id, from) => (from === at || heard.has(id) ? [] : [`${members[from]?.name} → ${member.name}`]));
        }),
      );
      missing = gaps.flat().join(", ");
      return missing === "";
    },
    withinMs,
  );
}

let opened: Promise<http.Server> | undefined;
after(async () => {
  const server = await opened;
  server?.close();
  server?.closeAllConnections();
});

/**
 * A page with the script, at an address of its own. At the server's address, the browser would keep
 * the page's connection for the client's requests, which it does not do for an extension.
 */
async function site(): Promise<string> {
  opened ??= serve();
  return `http://127.0.0.1:${((await opened).address() as AddressInfo).port}/`;
}

async function serve(): Promise<http.Server> {
  const entry = path.join(import.meta.dirname, "client.ts");
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "iife", target: "chrome120", write: false, logLevel: "warning" });
  const html = `<!doctype html><html lang="en"><title>Legacy client</title><script>${outputFiles[0]?.text}</script>`;
  const server = http.createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
