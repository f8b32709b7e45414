// What a room is made with on the page: that it stays while nobody is in it, whose it is then, and
// that it hides addresses.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { together } from "./film.ts";
import { scene, type Scene } from "./scene.ts";
import { shells } from "./server.ts";
import { Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

const title = (visitor: Visitor): Promise<string> => visitor.page.getByRole("heading", { level: 1 }).innerText();

async function reads(visitor: Visitor, heading: string): Promise<void> {
  await until(`${visitor.name} reads: ${heading}`, async () => (await title(visitor)) === heading);
}

async function isTold(visitor: Visitor, words: string): Promise<void> {
  await until(`${visitor.name} is told: ${words}`, async () => (await visitor.notice.textContent())?.includes(words));
}

/** Follows a link as from another program, with a page that knows nothing of the visit before. */
async function comeTo(visitor: Visitor, roomId: string): Promise<void> {
  await visitor.page.goto("about:blank");
  await visitor.page.goto(`${visitor.person.url}/#${roomId}`);
}

const come = async (visitor: Visitor): Promise<void> => {
  await visitor.page.getByRole("textbox", { name: "Your name" }).fill(visitor.name);
  await visitor.page.getByRole("button", { name: "Join the room" }).click();
};

async function stays(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const roomId = await ann.create("Keep this room when everybody has left");
  await ann.chooseMode("Everyone");
  await ann.seek(30);
  await until("the film is at 30 s", async () => (await ann.film()).time > 29);
  await ann.page.getByRole("radio", { name: "Knock" }).check();
  await ann.page.getByText("Newcomers wait until somebody lets them in.").waitFor();
  await ann.leave();
  await until("the server knows that nobody is in it", async () => {
    const summary = (await (await fetch(`${set.server.url}/rooms/${roomId}`)).json()) as { people: number };
    return summary.people === 0;
  });

  await set.server.kill();
  await set.server.restart();
  await comeTo(bob, roomId);
  await reads(bob, "Ann’s room");
  await bob.page.getByText("Nobody is here now. You knock, and wait until somebody lets you in.").waitFor();
  await come(bob);
  await reads(bob, "Waiting to be let in");

  await comeTo(ann, roomId);
  await come(ann);
  await ann.seated(); // her token passes the door
  assert.equal(await ann.isHost(), true);
  await ann.page.getByRole("button", { name: "Let Bob in" }).click();
  await bob.seated();
  await ann.sees({ Bob: "direct" });
  for (const visitor of [ann, bob]) {
    assert.ok(await visitor.page.getByRole("radio", { name: "Everyone" }).isChecked());
    await until("the film is at 30 s", async () => Math.abs((await visitor.film()).time - 30) < 1);
  }
}

async function endsOtherwise(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const roomId = await ann.create();
  await ann.leave();
  await comeTo(bob, roomId);
  await reads(bob, "Nobody is in this room");
}

async function ownerReturns(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const roomId = await ann.create("Keep this room when everybody has left");
  await ann.leave();
  await bob.join(roomId);
  assert.equal(await bob.isHost(), true, "whoever enters first");
  await bob.page.getByRole("radio", { name: "Locked" }).check();
  await bob.page.getByText("Nobody new can come in.").waitFor();

  await comeTo(ann, roomId);
  await come(ann);
  await ann.seated();
  await isTold(bob, "Ann is the host now.");
  assert.equal(await ann.isHost(), true);
  assert.equal(await bob.isHost(), false);
  await ann.sees({ Bob: "direct" });

  // Whoever hands the role over does not get it back by a reload.
  await ann.page.getByRole("button", { name: "Make Bob host" }).click();
  await until("Bob is the host", () => bob.isHost());
  await until("Ann has heard of it", async () => !(await ann.isHost()));
  await ann.page.reload();
  await ann.seated();
  await ann.sees({ Bob: "direct" });
  assert.equal(await bob.isHost(), true);
}

async function ownerIsRefused(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  const kept = await ann.create("Keep this room when everybody has left");
  await ann.leave();
  const roomId = await bob.create("Keep this room when everybody has left");
  await ann.page.evaluate(([from, to]) => localStorage.setItem(`usher.owner.${to}`, localStorage.getItem(`usher.owner.${from}`) ?? ""), [
    kept,
    roomId,
  ] as const);
  await comeTo(ann, roomId);
  await come(ann);
  await ann.seated();
  await isTold(ann, "The room that you made has ended, and this is another one, with a host of its own.");
  assert.equal(await ann.isHost(), false);
  assert.equal(await ann.page.evaluate((id) => localStorage.getItem(`usher.owner.${id}`), roomId), null, "what is of no use is forgotten");
  await ann.leave();
  await comeTo(ann, roomId);
  await come(ann);
  await ann.seated();
  await ann.sees({ Bob: "direct" });
  assert.ok(!((await ann.notice.textContent()) ?? "").includes("has ended"), "it is said once");
}

async function hidesAddresses(set: Scene): Promise<void> {
  const [ann, bob] = await Promise.all([Visitor.arrive(set, "Ann"), Visitor.arrive(set, "Bob")]);
  await ann.page.goto(ann.person.url);
  const words = ann.page.getByText("Then nothing goes straight from browser to browser");
  assert.equal(await words.isVisible(), false);
  await ann.page.getByRole("checkbox", { name: "Hide everybody’s network address from the others" }).check();
  assert.equal(await words.isVisible(), true);
  const roomId = await ann.create("Hide everybody’s network address from the others");
  await bob.join(roomId);
  await ann.sees({ Bob: "relayed" });
  await bob.sees({ Ann: "relayed" });
  for (const { page } of [ann, bob]) {
    await page.getByText("Nobody here sees anybody else’s network address.").waitFor();
    await page.getByText("the room hides addresses, and there is no TURN server").first().waitFor();
  }
  await ann.seek(20);
  await ann.play();
  await together([ann, bob], false);
  assert.deepEqual(
    set.frames.lines.filter((line) => line.includes("candidate:")),
    [],
    "no address is told",
  );
}

const scenes: [what: string, play: (set: Scene) => Promise<void>][] = [
  ["a room that is kept is as it was, also after a restart", stays],
  ["a room that is not kept ends with its last seat", endsOtherwise],
  ["who made the room is host again, whatever the door is", ownerReturns],
  ["who has the token of another room is told, and is a guest", ownerIsRefused],
  ["a room that hides addresses says so, and works", hidesAddresses],
];

describe("two scenes at a time", { concurrency: 2 }, () => {
  for (const shell of shells) {
    for (const [what, play] of scenes) {
      test(`${shell}: ${what}`, () => scene(shell, play));
    }
  }
});
