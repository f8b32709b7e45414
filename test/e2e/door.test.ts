// What a host does with people on the page (roles, kicks and bans), and what those people see.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { together } from "./film.ts";
import { scene, type Scene } from "./scene.ts";
import { shells } from "./server.ts";
import { gather, Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

/** Opens the menu of what a visitor may do about somebody, unless it is open. */
async function manage(visitor: Visitor, name: string): Promise<void> {
  const details = visitor.page.locator("details", { hasText: `Manage ${name}` });
  if ((await details.getAttribute("open")) === null) {
    await details.locator("summary").click();
  }
}

const role = (visitor: Visitor, name: string): Promise<string> => visitor.page.locator("li.person", { hasText: name }).locator(".marks").innerText();

async function reads(visitor: Visitor, heading: string, words: string): Promise<void> {
  await until(`${visitor.name} reads: ${heading}`, async () => (await visitor.page.getByRole("heading", { level: 1 }).innerText()) === heading);
  assert.ok((await visitor.page.locator("main").innerText()).includes(words), words);
}

/** Joins from the entrance. */
async function comeIn({ page }: Visitor, name: string): Promise<void> {
  await page.getByRole("textbox", { name: "Your name" }).fill(name);
  await page.getByRole("button", { name: "Join the room" }).click();
}

async function rolesAreGiven(visitors: readonly [Visitor, Visitor, Visitor]): Promise<void> {
  const [ann, bob, cem] = visitors;
  await manage(ann, "Bob");
  await ann.page.getByRole("combobox", { name: "Role" }).selectOption("VIEWER");
  await until("Bob is told", async () => (await bob.notice.textContent())?.includes("You are a viewer now"));
  await ann.page.getByText("Manage Bob").click();
  await manage(ann, "Cem");
  await ann.page.getByRole("combobox", { name: "Role" }).selectOption("COHOST");
  await until("Bob sees the cohost", async () => (await role(bob, "Cem")).includes("Cohost"));
  await cem.play();
  await together(visitors, false);
  await ann.page.getByText("Manage Cem").click();
}

async function theHostKeepsTheDoor(set: Scene): Promise<void> {
  const [ann, bob, cem] = await Promise.all(["Ann", "Bob", "Cem"].map((name, n) => Visitor.arrive(set, name, { address: `127.0.0.${n + 2}` })));
  assert.ok(ann !== undefined && bob !== undefined && cem !== undefined);
  await gather([ann, bob, cem]);
  await rolesAreGiven([ann, bob, cem]);

  await manage(ann, "Bob");
  await ann.page.getByRole("textbox", { name: "Reason, shown to Bob" }).fill("Spoilers");
  await ann.page.getByRole("button", { name: "Remove Bob" }).click();
  await reads(bob, "You were removed", "“Spoilers”");
  await ann.sees({ Cem: "direct" });
  await cem.sees({ Ann: "direct" });

  await bob.page.getByRole("button", { name: "Go to the entrance" }).click();
  await comeIn(bob, "Bob");
  await bob.seated();
  await cem.sees({ Ann: "direct", Bob: "direct" });
  await manage(cem, "Bob");
  assert.equal(await cem.page.getByText("Manage Ann").count(), 0);
  await cem.page.getByRole("button", { name: "Ban Bob" }).click();
  await reads(bob, "You are banned", "The host has banned you from the room.");
  await bob.page.getByRole("button", { name: "Try again" }).click();
  await comeIn(bob, "Rob");
  await until("the entrance says so", async () => (await bob.page.getByRole("alert").first().textContent()) === "You are banned from this room.");

  await ann.page.getByText("Banned", { exact: true }).click();
  await ann.page.getByRole("button", { name: "Let Bob in again" }).click();
  await until("nobody is banned", () => ann.page.getByText("Nobody is banned.").isVisible());
  await comeIn(bob, "Bob");
  await ann.sees({ Bob: "direct", Cem: "direct" });
}

describe("one shell after the other", () => {
  for (const shell of shells) {
    test(`${shell}: roles, a kick and a ban from the page`, () => scene(shell, theHostKeepsTheDoor));
  }
});
