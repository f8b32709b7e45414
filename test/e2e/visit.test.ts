// Ways into a room: links as people pass them on, tabs that had a seat before, and browsers that
// store nothing.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";

import { together } from "./film.ts";
import { scene, type Scene } from "./scene.ts";
import { shells } from "./server.ts";
import { gather, Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

/** What chat programs, mail programs and people put after a link. */
const tails = [".", ")", "]>", '"', ",", "%20", "%E2%80%8B", "%29.", "…", "&gt;", "?utm_source=chat", "%E2%8"];

/**
 * Opens an address as from another program: the page is loaded even if only the fragment differs.
 */
async function follow(page: Page, address: string): Promise<void> {
  await page.goto("about:blank");
  await page.goto(address);
}

const title = (page: Page): Promise<string> => page.getByRole("heading", { level: 1 }).innerText();

async function says(page: Page, heading: string): Promise<void> {
  await until(`the page says: ${heading}`, async () => (await title(page)) === heading);
}

const roomOf = (page: Page): string => new URL(page.url()).hash.slice(1);

async function linksArePassedOn(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const roomId = await ann.create();
  for (const tail of tails) {
    await follow(bob.page, `${bob.person.url}/#${roomId}${tail}`);
    await says(bob.page, "Ann’s room");
    assert.equal(roomOf(bob.page), roomId, `the address is as it should be, without ${tail}`);
  }
  for (const mark of ["%23", "%2523"]) {
    await follow(bob.page, `${bob.person.url}/${mark}${roomId}`);
    await says(bob.page, "Ann’s room");
    assert.equal(bob.page.url(), `${bob.person.url}/#${roomId}`);
  }
  await bob.page.getByRole("textbox", { name: "Your name" }).fill("Bob");
  await bob.page.getByRole("button", { name: "Join the room" }).click();
  await ann.sees({ Bob: "direct" });
  await bob.leave();
  await bob.page.getByRole("textbox", { name: "Invite link or room code" }).fill(`Come to <${bob.person.url}/#${roomId}>.`);
  await bob.page.getByRole("button", { name: "Join", exact: true }).click();
  await bob.seated();
  assert.equal(roomOf(bob.page), roomId);
  assert.equal(await bob.isHost(), false);
}

/**
 * Leaves the room, and follows a link in the same turn of the page, or in the one in which the
 * start appears.
 */
async function leaveFor(page: Page, roomId: string, isEarly: boolean): Promise<void> {
  await page.evaluate(
    ({ hash, now }) => {
      const go = (): void => void (location.hash = hash);
      const button = (text: string): HTMLElement | undefined => [...document.querySelectorAll("button")].find((b) => b.textContent?.trim() === text);
      const start = new MutationObserver(() => {
        if (button("Create a room") !== undefined) {
          start.disconnect();
          go();
        }
      });
      if (!now) {
        start.observe(document.body, { childList: true, subtree: true, characterData: true });
      }
      button("Leave")?.click();
      if (now) {
        go();
      }
    },
    { hash: roomId, now: isEarly },
  );
}

async function linksAreFollowedAtOnce(set: Scene): Promise<void> {
  const [ann, bob, cem] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob"), Visitor.arrive(set, "Cem")]);
  const first = await ann.create();
  const second = await cem.create();
  await bob.join(first);
  await leaveFor(bob.page, second, true);
  await says(bob.page, "Cem’s room");
  await bob.page.getByRole("button", { name: "Join the room" }).click();
  await bob.seated();
  await leaveFor(bob.page, second, false);
  await says(bob.page, "Cem’s room");
  assert.equal(roomOf(bob.page), second);
}

async function linksAreBroken(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const roomId = await ann.create();
  const name = bob.page.getByRole("textbox", { name: "Your name" });
  for (const cut of ["#abc", "#.", `#${roomId.slice(0, 10)}…`, `#${roomId}${roomId}${roomId}`]) {
    await follow(bob.page, `${bob.person.url}/${cut}`);
    await says(bob.page, "This link is broken");
    await name.fill("Bob");
    await name.press("Enter");
    assert.equal(await bob.page.getByRole("button", { name: /Create|Open/ }).count(), 0, cut);
  }
  await follow(bob.page, `${bob.person.url}/#${roomId.slice(0, 20)}`);
  await says(bob.page, "Nobody is in this room");
  await bob.page.getByRole("link", { name: "Open a room of your own" }).click();
  await says(bob.page, "Open a room");
  await bob.page.getByRole("textbox", { name: "Invite link or room code" }).fill(roomId.slice(0, 20));
  await name.fill("Bob");
  await bob.page.getByRole("button", { name: "Join", exact: true }).click();
  await bob.page
    .locator("form", { has: bob.page.getByRole("button", { name: "Join", exact: true }) })
    .getByText("Room not found.")
    .waitFor();

  // The room ends between the look at the link and the click.
  await follow(bob.page, `${bob.person.url}/#${roomId}`);
  await says(bob.page, "Ann’s room");
  await ann.leave();
  await name.fill("Bob");
  await bob.page.getByRole("button", { name: "Join the room" }).click();
  await says(bob.page, "Nobody is in this room");
  assert.notEqual(await bob.status(), "seated", "nobody becomes host by a click on Join");
  await bob.page.getByRole("button", { name: "Open the room again" }).click();
  await bob.seated();
  assert.equal(roomOf(bob.page), roomId);
}

async function tabHasAnotherSeat(set: Scene): Promise<void> {
  const [ann, bob, cem] = (await Promise.all(["Ann", "Bob", "Cem"].map((name) => Visitor.arrive(set, name)))) as [Visitor, Visitor, Visitor];
  await gather([ann, bob]);
  const invited = await cem.create();
  for (const way of [`${invited}.`, invited]) {
    await follow(bob.page, `${bob.person.url}/#${way}`);
    await says(bob.page, "Cem’s room");
  }
  await bob.page.getByRole("button", { name: "Join the room" }).click();
  await cem.sees({ Bob: "direct" });
  await bob.page.reload();
  await cem.sees({ Bob: "direct" });
  assert.equal(roomOf(bob.page), invited);

  // In the room, by a click on a link that only changes the fragment.
  const room = roomOf(ann.page);
  await bob.page.evaluate(() => (location.hash = "#abc"));
  await until("Bob is told", async () => (await bob.notice.textContent())?.includes("That link is broken"));
  assert.equal(roomOf(bob.page), invited);
  await bob.page.evaluate((id) => (location.hash = `#${id}).`), room);
  await says(bob.page, "Ann’s room");
  await cem.sees({});
  await bob.page.getByRole("button", { name: "Join the room" }).click();
  await until("Bob is in Ann's room", async () => (await bob.status()) === "seated" && roomOf(bob.page) === room);
}

async function tabIsDuplicated(set: Scene): Promise<void> {
  const [ann, bob] = (await Promise.all(["Ann", "Bob"].map((name) => Visitor.arrive(set, name)))) as [Visitor, Visitor];
  await gather([ann, bob]);
  const userId = await bob.userId();
  const opened = bob.page.waitForEvent("popup");
  // With a copy of this tab's sessionStorage.
  await bob.page.evaluate(() => void window.open(location.href));
  const copy = await opened;
  const idOfCopy = (): Promise<string | null> => copy.locator("main").getAttribute("data-user");
  await until("the copy is seated", async () => (await copy.locator("main").getAttribute("data-status")) === "seated");
  assert.notEqual(await idOfCopy(), userId);
  await ann.sees({ Bob: "direct", "Bob (2)": "direct" });
  assert.ok(await ann.page.getByRole("button", { name: "Make Bob (2) host" }).isVisible());
  const second = await idOfCopy();
  for (const [page, id] of [
    [copy, second],
    [bob.page, userId],
  ] as const) {
    await page.reload();
    await until("it is seated again", async () => (await page.locator("main").getAttribute("data-status")) === "seated");
    assert.equal(await page.locator("main").getAttribute("data-user"), id, "each has its own seat after a reload");
  }
  assert.equal(await bob.status(), "seated");
  assert.equal(await copy.locator("main").getAttribute("data-status"), "seated");
}

async function siteDataIsBlocked(set: Scene): Promise<void> {
  // Chromium gets a script that runs before the page's own; Firefox gets a setting. A browser that
  // refuses cookies refuses these, too.
  const preferences = { "network.cookie.cookieBehavior": 2 };
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann", { engine: "firefox", preferences }), Visitor.arrive(set, "Bob")]);
  await bob.page.addInitScript(() => {
    const denied = {
      get: () => {
        throw new DOMException("Access is denied for this document.", "SecurityError");
      },
    };
    Object.defineProperties(window, { localStorage: denied, sessionStorage: denied });
  });
  const roomId = await gather([ann, bob]);
  for (const { page } of [ann, bob]) {
    assert.equal(await page.evaluate(isRefused), true);
  }
  await ann.play();
  await bob.page.reload();
  await says(bob.page, "Ann’s room");
  await bob.join(roomId);
  await until("Bob's film plays", async () => !(await bob.film()).paused);
}

async function hasNoPeerConnections(set: Scene): Promise<void> {
  const preferences = { "media.peerconnection.enabled": false };
  const [ann, bob, cem] = await Promise.all([
    Visitor.arrive(set, "Ann", { engine: "firefox", preferences }),
    Visitor.arrive(set, "Bob"),
    Visitor.arrive(set, "Cem"),
  ]);
  const roomId = await ann.create();
  assert.equal(await ann.page.evaluate(() => typeof RTCPeerConnection), "undefined");
  await bob.join(roomId);
  await cem.join(roomId);
  await ann.sees({ Bob: "relayed", Cem: "relayed" });
  await bob.sees({ Ann: "relayed", Cem: "direct" });
  await ann.seek(30);
  await ann.play();
  await together([ann, bob, cem], false);
  await bob.page.reload();
  await bob.sees({ Ann: "relayed", Cem: "direct" });
  await ann.pause();
  await together([ann, bob, cem], true);
}

/** Runs in the page. */
function isRefused(): boolean {
  try {
    return sessionStorage.length < 0;
  } catch {
    return true;
  }
}

/** Scenes with Firefox are played by `npm run firefox`. */
const withFirefox: [what: string, play: (set: Scene) => Promise<void>][] = [
  ["the page works with site data blocked", siteDataIsBlocked],
  ["a browser without peer connections is relayed to", hasNoPeerConnections],
];

const scenes: [what: string, play: (set: Scene) => Promise<void>][] = [
  ["an invite opens its room whatever is put after it", linksArePassedOn],
  ["a link is followed although the room before is just being left", linksAreFollowedAtOnce],
  ["a broken link says so, and makes nobody host", linksAreBroken],
  ["an invite goes before the seat that the tab had", tabHasAnotherSeat],
  ["a duplicated tab gets a seat of its own", tabIsDuplicated],
  ...(process.env["USHER_WITH_FIREFOX"] === "1" ? withFirefox : []),
];

describe("two scenes at a time", { concurrency: 2 }, () => {
  for (const [n, [what, play]] of scenes.entries()) {
    // By turns: what the page does here does not depend on the shell.
    const shell = shells[n % shells.length] ?? "native";
    test(`${shell}: ${what}`, () =>
      scene(shell, async (set) => {
        await play(set);
        assert.deepEqual(
          set.lines.filter((line) => line.includes("uncaught:")),
          [],
        );
      }));
  }
});
