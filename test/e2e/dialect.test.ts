// The page and the legacy client in one room: each obeys the other, whichever of them is host.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { apart, filmsOf, isPlaying, together } from "./film.ts";
import { LegacyMember } from "./legacy/member.ts";
import { scene, type Scene } from "./scene.ts";
import { shells } from "./server.ts";
import { Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

/**
 * Far less than the film advances in between, and more than a busy machine needs to deliver a
 * message.
 */
const nearSeconds = 3;

/** Waits until the legacy client shows this film. */
function follows(leo: LegacyMember, state: "PLAYING" | "PAUSED", time: number): Promise<unknown> {
  let last = "";
  return until(
    () => `${leo.name} has the film ${state} at ${time}: ${last}`,
    async () => {
      const { film } = await leo.look();
      last = JSON.stringify(film);
      return film.state === state && Math.abs(film.time - time) < nearSeconds;
    },
  );
}

/**
 * The legacy client does not say at what time its position was true, so each page takes the time of
 * arrival: positions are only as close as that.
 */
const heardWithinMs = 1000;

async function shows(visitors: Visitor[], paused: boolean, time: number): Promise<void> {
  if (paused) {
    await together(visitors, true);
  } else {
    await until(`all films play from ${time} on`, async () => {
      const films = await filmsOf(visitors);
      // Not where somebody played before.
      const isThere = films.every((film) => Math.abs(film.time - time) < nearSeconds + 10);
      return isThere && films.every((film) => isPlaying(film) && apart(films[0] ?? film, film) < heardWithinMs);
    });
  }
  for (const visitor of visitors) {
    const film = await visitor.film();
    assert.ok(Math.abs(film.time - time) < nearSeconds + (paused ? 0 : 10), `${visitor.name}: ${film.time}`);
  }
}

async function hasMode(visitors: Visitor[], label: "Host only" | "Everyone"): Promise<void> {
  for (const visitor of visitors) {
    await until(`${visitor.name} sees ${label}`, () => visitor.page.getByRole("radio", { name: label }).isChecked());
  }
}

/**
 * Waits until the newest channels of the legacy client are open on its side, too: anything that it
 * sends before that is lost.
 */
async function reaches(leo: LegacyMember, count: number): Promise<void> {
  const open = async (): Promise<number> => Object.values((await leo.look()).peers).filter((state) => state === "connected open").length;
  await until(`${leo.name} reaches ${count}`, async () => (await open()) === count);
}

const modeOf = async (leo: LegacyMember): Promise<string> => (await leo.look()).controlMode;

async function pageHosts(set: Scene): Promise<void> {
  const [ann, bob, leo] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob"), LegacyMember.arrive(set, "Leo")]);
  const roomId = await ann.create();
  await leo.join(roomId);
  await ann.sees({ Leo: "direct" });
  await bob.join(roomId);
  await ann.sees({ Bob: "direct", Leo: "direct" });
  await bob.sees({ Ann: "direct", Leo: "direct" });
  await reaches(leo, 2);

  await ann.seek(20);
  await ann.play();
  await follows(leo, "PLAYING", 20);
  await together([ann, bob], false);
  const heard = await leo.heard();
  assert.ok(
    heard.some(({ type, url }) => type === "HOST_NAVIGATE" && /^http.*leader\.mp4/.test(String(url))),
    "it is told where the film is",
  );
  assert.ok(
    heard.every(({ type }) => type !== "UNIFIED_SYNC"),
    "it would not obey that",
  );
  await ann.seek(40);
  await follows(leo, "PLAYING", 40);
  await ann.pause();
  await follows(leo, "PAUSED", 40);
  await leo.say({ type: "UNIFIED_SYNC", action: "PLAY", time: 5, videoUrl: "" }); // in vain
  await ann.seek(10);
  await follows(leo, "PAUSED", 10);
  await shows([ann, bob], true, 10);

  await ann.chooseMode("Everyone");
  await until("Leo knows", async () => (await modeOf(leo)) === "FREE_FOR_ALL");
  await leo.act("PLAY", 30);
  await shows([ann, bob], false, 30);
  await bob.seek(50);
  await follows(leo, "PLAYING", 50);
  await ann.pause();
  await follows(leo, "PAUSED", 50);

  await ann.chooseMode("Host only");
  await until("Leo knows", async () => (await modeOf(leo)) === "HOST_ONLY");
  await ann.page.reload();
  await ann.seated();
  await ann.sees({ Bob: "direct", Leo: "direct" });
  await ann.play();
  await follows(leo, "PLAYING", 50);
  await together([ann, bob], false);
}

async function legacyHosts(set: Scene): Promise<void> {
  const [leo, ann, bob] = await Promise.all([LegacyMember.arrive(set, "Leo"), Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const roomId = `room-${Date.now()}-legacy`;
  await leo.create(roomId);
  await ann.join(roomId);
  await ann.sees({ Leo: "direct" });
  await bob.join(roomId); // then Leo makes a new connection with Ann
  await ann.sees({ Bob: "direct", Leo: "direct" });
  await bob.sees({ Ann: "direct", Leo: "direct" });
  await reaches(leo, 2);

  await leo.act("PLAY", 20);
  await shows([ann, bob], false, 20);
  await leo.act("PAUSE", 25);
  await shows([ann, bob], true, 25);
  await bob.play();
  await until("Bob is told", async () => (await bob.notice.textContent())?.includes("Only the host controls playback"));

  await leo.setControlMode("FREE_FOR_ALL"); // the server never learns of it
  await hasMode([ann, bob], "Everyone");
  await ann.play();
  await follows(leo, "PLAYING", 25);
  await together([ann, bob], false);
  await bob.seek(50);
  await follows(leo, "PLAYING", 50);
  await leo.act("PAUSE", 55);
  await shows([ann, bob], true, 55);
  assert.ok(!((await ann.notice.textContent()) ?? "").includes("Only the host"), "the server's rule is not the room's");

  await bob.page.reload();
  await bob.seated();
  await bob.sees({ Ann: "direct", Leo: "direct" });
  await hasMode([ann, bob], "Everyone");
  await bob.leave();
  await bob.join(roomId);
  await bob.sees({ Ann: "direct", Leo: "direct" });
  await reaches(leo, 2);
  await leo.act("PAUSE", 45); // the first that Bob hears of the mode
  await hasMode([ann, bob], "Everyone");

  await leo.setControlMode("HOST_ONLY");
  await hasMode([ann, bob], "Host only");
  await ann.page.reload();
  await ann.seated();
  await ann.sees({ Bob: "direct", Leo: "direct" });
  await reaches(leo, 2);
  await leo.act("PLAY", 10);
  await shows([ann, bob], false, 10);

  await leo.navigate("https://films.invalid/watch");
  for (const visitor of [ann, bob]) {
    await visitor.page.getByRole("button", { name: "Load the film from films.invalid" }).waitFor();
  }
}

describe("two scenes at a time", { concurrency: 2 }, () => {
  for (const shell of shells) {
    test(`${shell}: a page is host, and a legacy client follows it`, () => scene(shell, pageHosts));
    test(`${shell}: a legacy client is host, and pages follow it`, () => scene(shell, legacyHosts));
  }
});
