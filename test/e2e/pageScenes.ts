// What people do on the page, in whichever browsers the scene's cast uses.

import assert from "node:assert/strict";

import { apart, filmsOf, together } from "./film.ts";
import type { Scene } from "./scene.ts";
import type { Settings, Shell } from "./server.ts";
import { allDirect, gather, Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

/** In the order in which they arrive. */
const names = ["Ann", "Bob", "Cem", "Dan", "Eva", "Fay"];
const cutMs = 20_000;

export type Play = (set: Scene, shell: Shell) => Promise<void>;

export interface PageScene {
  what: string;
  play: Play;
  /** The server's, as each shell is told. */
  settings?: Settings;
}

/** Plays a scene, and checks that all of its signaling arrived and that no page failed. */
export async function perform(set: Scene, shell: Shell, play: Play): Promise<void> {
  await play(set, shell);
  assert.ok(set.frames.entries.length > 0, "there was signaling");
  await until(
    () => `every signaling frame arrives: ${JSON.stringify(set.frames.lost())}`,
    () => set.frames.lost().length === 0,
  );
  assert.deepEqual(
    set.lines.filter((line) => line.includes("uncaught:")),
    [],
  );
}

/** This many people, with the browsers of the scene's cast. */
export function arrive(set: Scene, count: number, isWired = false): Promise<Visitor[]> {
  const { cast } = set;
  return Promise.all(names.slice(0, count).map((name, i) => Visitor.arrive(set, name, { isWired, engine: cast[i % cast.length] ?? "chromium" })));
}

/**
 * Scenes that may run beside others. The longest waits come first, so that the others run
 * meanwhile.
 */
export const pageScenes: PageScene[] = [];

const each = (what: string, play: Play, settings?: PageScene["settings"]): number =>
  pageScenes.push({ what, play, ...(settings === undefined ? {} : { settings }) });

each("the network of one is cut for 20 s", async (set) => {
  const [ann, bob, cem] = (await arrive(set, 3, true)) as [Visitor, Visitor, Visitor];
  const visitors = [ann, bob, cem];
  await gather(visitors);
  await ann.play();
  await together(visitors, false);
  const cutAtMs = performance.now();
  bob.person.cutNetwork();
  await ann.sees({ Bob: "relayed", Cem: "direct" }); // the server has not noticed yet
  await ann.seek(30);
  await together([ann, cem], false);
  await until("20 s are over", () => performance.now() - cutAtMs > cutMs, cutMs + 5000);
  bob.person.healNetwork();
  await allDirect(visitors);
  await together(visitors, false);
});

each("two people meet, by an invite link and by its code, and part", async (set) => {
  const [ann, bob] = (await arrive(set, 2)) as [Visitor, Visitor];
  const roomId = await gather([ann, bob]);
  assert.equal(await ann.isHost(), true);
  assert.equal(await bob.isHost(), false);
  await ann.page.getByRole("button", { name: "Invite", exact: true }).click();
  const dialog = ann.page.getByRole("dialog", { name: "Invite" });
  assert.equal(await dialog.getByRole("textbox", { name: "Invite link" }).inputValue(), `${ann.person.url}/#${roomId}`);
  assert.ok(await dialog.getByRole("img", { name: "QR code of the invite link" }).isVisible());
  await ann.page.keyboard.press("Escape");
  await bob.leave();
  await ann.sees({});
  await bob.page.getByRole("textbox", { name: "Invite link or room code" }).fill(roomId);
  await bob.page.getByRole("button", { name: "Join", exact: true }).click();
  await bob.seated();
  await allDirect([ann, bob]);
  await ann.page.getByRole("button", { name: "Make Bob host" }).click();
  await until("bob is the host", async () => (await bob.isHost()) && !(await ann.isHost()));
});

each("play, pause and seek are everybody's at once", async (set) => {
  const visitors = await arrive(set, 3);
  const [ann] = visitors as [Visitor];
  await gather(visitors);
  await ann.play();
  await together(visitors, false);
  await ann.seek(40);
  await until("the film is at 40 s", async () => (await ann.film()).time > 39);
  const sought = await ann.film();
  await together(visitors, false);
  assert.ok(apart(sought, await ann.film()) < 1000, "the others came to ann, not ann to them");
  await ann.pause();
  await together(visitors, true);
  await ann.seek(5);
  const areAt = async (time: number): Promise<boolean> => (await filmsOf(visitors)).every((film) => Math.abs(film.time - time) < 0.2);
  await until("all are at 5 s", () => areAt(5));
  await ann.play();
  await together(visitors, false);
});

each("only the host controls, until the host lets everybody", async (set) => {
  const [ann, bob] = (await arrive(set, 2)) as [Visitor, Visitor];
  await bob.page.addInitScript(keepChannels);
  await gather([ann, bob]);
  await bob.play();
  await until("bob is told", async () => (await bob.notice.textContent())?.includes("Only the host controls playback"));
  // A page that breaks the rule, over the data channel and over the server.
  const lie = { type: "UNIFIED_SYNC", userId: await bob.userId(), timestamp: Date.now(), action: "PLAY", time: 30, videoUrl: "clip:leader" };
  assert.ok((await bob.page.evaluate(sayDirectly, JSON.stringify(lie))) > 0);
  await bob.page.evaluate(sayToServer, JSON.stringify({ ...lie, targetUserId: await ann.userId() }));
  await until("the server refuses", () => set.frames.lines.some((line) => line.includes(`"code":"CONTROL_DENIED"`)));
  await ann.seek(10); // the last word, after the lies on both ways
  await together([ann, bob], true);
  assert.ok(Math.abs((await ann.film()).time - 10) < 0.2);
  await ann.chooseMode("Everyone");
  await until("bob may", async () => await bob.page.getByRole("radio", { name: "Everyone" }).isChecked());
  await bob.play();
  await together([ann, bob], false);
  await bob.pause();
  await together([ann, bob], true);
});

each("who hears late that everybody controls does not miss what was done with it", async (set) => {
  const visitors = (await arrive(set, 3)) as [Visitor, Visitor, Visitor];
  const [ann, bob, cem] = visitors;
  await gather(visitors);
  await ann.play();
  await together(visitors, false);
  cem.person.proxy.cut();
  await ann.chooseMode("Everyone");
  await until("bob may", async () => await bob.page.getByRole("radio", { name: "Everyone" }).isChecked());
  await bob.pause();
  await until("ann's film is paused", async () => (await ann.film()).paused);
  assert.equal((await cem.film()).paused, false, "as far as cem knows bob may not");
  cem.person.proxy.heal();
  await together(visitors, true);
});

each("a host who reloads is still host, and the film goes on", async (set) => {
  const [ann, bob] = (await arrive(set, 2)) as [Visitor, Visitor];
  await gather([ann, bob]);
  const userId = await ann.userId();
  await ann.play();
  await ann.seek(20);
  await together([ann, bob], false);
  const before = await bob.film();
  await ann.page.reload();
  await ann.seated();
  assert.equal(await ann.userId(), userId);
  await allDirect([ann, bob]);
  assert.equal(await ann.isHost(), true);
  await together([ann, bob], false);
  assert.ok(apart(before, await bob.film()) < 1000, "nobody was sent back to the beginning");
  await ann.pause();
  await together([ann, bob], true);
});

each("two who reload at once find each other, and so does who was away meanwhile", async (set) => {
  const visitors = (await arrive(set, 3)) as [Visitor, Visitor, Visitor];
  const [ann, bob, cem] = visitors;
  await gather(visitors);
  await Promise.all([ann.page.reload(), bob.page.reload()]);
  await allDirect(visitors);
  cem.person.proxy.cut();
  cem.person.proxy.reset();
  await until("cem has noticed", async () => (await cem.status()) !== "seated");
  await ann.page.reload();
  await ann.sees({ Bob: "direct", Cem: "away" });
  cem.person.proxy.heal();
  await allDirect(visitors);
  assert.equal(await ann.isHost(), true);
});

each("data channels are blocked, the server relays, and back", async (set) => {
  const [ann, bob] = (await arrive(set, 2, true)) as [Visitor, Visitor];
  bob.person.blockDirect();
  const roomId = await ann.create();
  await bob.join(roomId);
  await ann.sees({ Bob: "relayed" });
  await ann.play();
  await together([ann, bob], false);
  await bob.sees({ Ann: "relayed" });
  bob.person.unblockDirect();
  await allDirect([ann, bob]);
  await ann.pause();
  await together([ann, bob], true);
  bob.person.blockDirect();
  await ann.sees({ Bob: "relayed" });
  await ann.play();
  await together([ann, bob], false);
  bob.person.unblockDirect();
  await allDirect([ann, bob]);
});

/** How long a seat is held in the scene below, as each shell is told. */
const shortGrace: Settings = { native: { "seat-grace": "2s" }, worker: { SEAT_GRACE_MS: "2000" } };

async function comesBackTooLate(set: Scene): Promise<void> {
  const visitors = (await arrive(set, 3)) as [Visitor, Visitor, Visitor];
  const [ann, bob, cem] = visitors;
  await gather(visitors);
  await ann.play();
  await together(visitors, false);
  for (const late of [bob, ann]) {
    late.person.proxy.cut();
    late.person.proxy.reset();
    const others = visitors.filter((visitor) => visitor !== late);
    for (const other of others) {
      await other.sees(Object.fromEntries(others.filter((one) => one !== other).map((one) => [one.name, "direct"])));
    }
    late.person.proxy.heal();
    await allDirect(visitors);
    await together(visitors, false);
  }
  assert.equal(await ann.isHost(), false, "the seat had ended, and the role with it");
  assert.ok((await bob.isHost()) || (await cem.isHost()));
}

each("who comes back after the seat has ended takes a new one, and finds everybody", comesBackTooLate, shortGrace);

interface Kept {
  keptChannels: RTCDataChannel[];
  keptSocket: WebSocket | undefined;
}

/** Runs in the page before its own scripts: keeps what a page that breaks the rules would use. */
function keepChannels(): void {
  const kept = window as unknown as Kept;
  kept.keptChannels = [];
  const keep = (channel: RTCDataChannel): number => kept.keptChannels.push(channel);
  const { createDataChannel } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createDataChannel = function (...args): RTCDataChannel {
    const channel = createDataChannel.apply(this, args);
    keep(channel);
    return channel;
  };
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener("datachannel", ({ channel }) => keep(channel));
    }
  };
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data): void {
    kept.keptSocket = this;
    send.call(this, data);
  };
}

/** Runs in the page: returns how many channels took the text. */
function sayDirectly(text: string): number {
  const open = (window as unknown as Kept).keptChannels.filter((channel) => channel.readyState === "open");
  for (const channel of open) {
    channel.send(text);
  }
  return open.length;
}

function sayToServer(text: string): void {
  (window as unknown as Kept).keptSocket?.send(text);
}
