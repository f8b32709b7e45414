// The door on the page: passcodes, knocks, and what the host makes of the door.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { scene, type Scene } from "./scene.ts";
import { shells } from "./server.ts";
import { gather, Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

/** Follows an invite link and asks to come in. */
async function comeTo(visitor: Visitor, roomId: string): Promise<void> {
  await visitor.page.goto(`${visitor.person.url}/#${roomId}`);
  await visitor.page.getByRole("textbox", { name: "Your name" }).fill(visitor.name);
  await visitor.page.getByRole("button", { name: "Join the room" }).click();
}

/** Waits until the page's heading is this. */
const reads = (visitor: Visitor, heading: string): Promise<unknown> => visitor.page.getByRole("heading", { level: 1, name: heading }).waitFor();

const complaint = (visitor: Visitor): Promise<string> => visitor.page.getByRole("alert").first().innerText();

async function sayPasscode({ page }: Visitor, passcode: string): Promise<void> {
  await page.getByLabel("Passcode").fill(passcode);
  await page.getByRole("button", { name: "Join the room" }).click();
}

const scenes: readonly { what: string; play: (set: Scene) => Promise<void> }[] = [
  {
    what: "a passcode is set, asked for, and removed",
    async play(set) {
      const [ann, bob, cem] = (await Promise.all(["Ann", "Bob", "Cem"].map((name) => Visitor.arrive(set, name)))) as [Visitor, Visitor, Visitor];
      const roomId = await ann.create();
      await ann.page.getByRole("textbox", { name: "Passcode for newcomers" }).fill("abc");
      await ann.page.getByRole("button", { name: "Set a passcode" }).click();
      await ann.page.getByText("At least 4 characters").waitFor();
      await ann.page.getByRole("textbox", { name: "Passcode for newcomers" }).fill("open sesame");
      await ann.page.getByRole("button", { name: "Set a passcode" }).click();
      await ann.page.getByText("Newcomers need the passcode.").waitFor();
      await comeTo(bob, roomId);
      await bob.page.getByLabel("Passcode").waitFor();
      assert.equal(await complaint(bob), "This room needs a passcode.");
      await sayPasscode(bob, "wrong one");
      await until("it is wrong", async () => (await complaint(bob)) === "Wrong passcode.");
      await sayPasscode(bob, "open sesame");
      await bob.seated();
      await ann.sees({ Bob: "direct" });
      await bob.page.reload(); // whoever has a seat needs no passcode
      await bob.seated();
      await ann.page.getByRole("button", { name: "Remove the passcode" }).click();
      await ann.page.getByRole("textbox", { name: "Passcode for newcomers" }).waitFor();
      await cem.join(roomId);
      await ann.sees({ Bob: "direct", Cem: "direct" });
    },
  },
  {
    what: "a passcode is asked for of whoever comes by the room's code",
    async play(set) {
      const [ann, bob] = (await Promise.all(["Ann", "Bob"].map((name) => Visitor.arrive(set, name)))) as [Visitor, Visitor];
      const roomId = await ann.create();
      await ann.page.getByRole("textbox", { name: "Passcode for newcomers" }).fill("open sesame");
      await ann.page.getByRole("button", { name: "Set a passcode" }).click();
      await ann.page.getByText("Newcomers need the passcode.").waitFor();
      await bob.page.goto(bob.person.url);
      await bob.page.getByRole("textbox", { name: "Your name" }).fill("Bob");
      await bob.page.getByRole("textbox", { name: "Invite link or room code" }).fill(roomId);
      await bob.page.getByRole("button", { name: "Join", exact: true }).click();
      await sayPasscode(bob, "open sesame");
      await bob.seated();
    },
  },
  {
    what: "people knock, and are let in or turned away",
    async play(set) {
      const names = ["Ann", "Bob", "Cem", "Dan"];
      const [ann, bob, cem, dan] = (await Promise.all(names.map((name) => Visitor.arrive(set, name)))) as [Visitor, Visitor, Visitor, Visitor];
      const roomId = await gather([ann, dan]);
      await ann.page.getByRole("radio", { name: "Knock" }).check();
      await ann.page.getByText("Newcomers wait until somebody lets them in.").waitFor();
      await comeTo(bob, roomId);
      await reads(bob, "Waiting to be let in");
      await bob.page.getByText("The host knows that you are here.").waitFor();
      await comeTo(cem, roomId);
      await cem.page.getByText("1 person is ahead of you.").waitFor();
      const list = ann.page.getByRole("list", { name: "At the door" });
      await until("ann sees both", async () => (await list.getByRole("listitem").allInnerTexts()).length === 2);
      assert.equal(await dan.page.getByText("At the door").count(), 0, "a guest sees nobody at the door");
      await bob.page.reload();
      await reads(bob, "Waiting to be let in"); // in the same place
      await ann.page.getByRole("button", { name: "Let Bob in" }).click();
      await bob.seated();
      await ann.sees({ Bob: "direct", Dan: "direct" });
      await ann.page.getByRole("button", { name: "Turn Cem away" }).click();
      await until("cem is told", async () => (await complaint(cem)) === "You were not let in.");
      await until("ann sees nobody at the door", async () => (await list.count()) === 0);
    },
  },
  {
    what: "whoever does not want to wait goes, and a locked door sends everybody away",
    async play(set) {
      const [ann, bob, cem] = (await Promise.all(["Ann", "Bob", "Cem"].map((name) => Visitor.arrive(set, name)))) as [Visitor, Visitor, Visitor];
      const roomId = await ann.create();
      await ann.page.getByRole("radio", { name: "Knock" }).check();
      await ann.page.getByText("Newcomers wait until somebody lets them in.").waitFor();
      await comeTo(bob, roomId);
      await reads(bob, "Waiting to be let in");
      await ann.page.getByRole("button", { name: "Let Bob in" }).waitFor();
      await bob.page.getByRole("button", { name: "Stop waiting" }).click();
      await bob.page.getByRole("button", { name: "Join the room" }).waitFor();
      await until("ann sees nobody", async () => (await ann.page.getByRole("list", { name: "At the door" }).count()) === 0);
      await comeTo(cem, roomId);
      await reads(cem, "Waiting to be let in");
      await ann.page.getByRole("radio", { name: "Locked" }).check();
      await until("cem is told", async () => (await complaint(cem)) === "This room is locked.");
    },
  },
];

describe("the door", { concurrency: 2 }, () => {
  for (const shell of shells) {
    for (const { what, play } of scenes) {
      test(`${shell}: ${what}`, () => scene(shell, play));
    }
  }
});
