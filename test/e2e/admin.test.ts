// The admin page in a real browser: by mouse and by keyboard, wide and narrow, dark and light.
// USHER_SHOTS names a folder for pictures of it.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import WebSocket from "ws";

import { Browser, type BrowserOptions } from "./browser.ts";
import { Server } from "./server.ts";
import { until } from "./wait.ts";

const token = "an admin token of 32 characters or more";
const shots = process.env["USHER_SHOTS"];

let folder = "";
let server: Server;
const open: { close: () => unknown }[] = [];

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "usher-admin-"));
  await writeFile(path.join(folder, "token"), token);
  server = await Server.start("native", { "admin-token-file": path.join(folder, "token") });
});

after(async () => {
  await Promise.all(open.map((one) => one.close()));
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

interface Person {
  socket: WebSocket;
  heard: { type: string; text?: string; code?: string }[];
}

async function enter(roomId: string, userId: string, roomName?: string): Promise<Person> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/rooms/${roomId}/ws`);
  open.push({ close: () => socket.terminate() });
  const person: Person = { socket, heard: [] };
  socket.on("message", (frame) => person.heard.push(JSON.parse(String(frame)) as Person["heard"][number]));
  await new Promise((resolve) => socket.once("open", resolve));
  const type = roomName === undefined ? "JOIN_ROOM" : "CREATE_ROOM";
  socket.send(JSON.stringify({ type, roomId, userId, userName: userId, roomName, timestamp: 1, protocol: 1 }));
  await hears(person, type === "JOIN_ROOM" ? "ROOM_JOINED" : "ROOM_CREATED");
  return person;
}

const hears = (person: Person, type: string): Promise<unknown> => until(`somebody gets ${type}`, () => person.heard.some((m) => m.type === type));

/** Opens the page, and fails the test if it breaks its own policy. */
async function visit(options: BrowserOptions): Promise<{ page: Page; complaints: string[] }> {
  const browser = await Browser.launch(options);
  open.push(browser);
  const complaints: string[] = [];
  browser.page.on("console", (message) => message.type() === "error" && !/\b40[14]\b/.test(message.text()) && complaints.push(message.text()));
  browser.page.on("pageerror", (error) => complaints.push(String(error)));
  await browser.page.goto(`${server.url}/admin`);
  return { page: browser.page, complaints };
}

async function logIn(page: Page): Promise<void> {
  await page.getByLabel("Admin token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Log out" }).waitFor();
}

async function shoot(page: Page, name: string): Promise<void> {
  if (shots !== undefined) {
    await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  }
}

test("without a token nobody gets in, and the token is kept in the tab only", async () => {
  const { page, complaints } = await visit({});
  await page.getByLabel("Admin token").fill("something else that is long enough, too");
  await page.keyboard.press("Enter");
  await page.getByText("That token is not the server’s.").waitFor();
  await logIn(page);
  assert.deepEqual(await page.evaluate("[localStorage.length, document.cookie, sessionStorage.length]"), [0, "", 1]);
  await page.reload();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Admin token").waitFor();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
  assert.deepEqual(complaints, []);
});

test("an operator finds a room, watches it and acts on it", async () => {
  const ann = await enter("film-night-1", "Ann", "Film night");
  const bob = await enter("film-night-1", "Bob");
  const cem = await enter("film-night-1", "Cem");
  await enter("other-room-1", "Eve", "Another");
  const { page, complaints } = await visit({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  await logIn(page);
  await page.locator(".uplot").first().waitFor();
  await page.getByLabel("Find a room by id or name").fill("FILM");
  await until("one room is found", async () => (await page.locator("tbody button.link").count()) === 1);
  await page.getByRole("button", { name: "Film night" }).click();
  await page.getByRole("heading", { name: "Film night" }).waitFor();

  await page.getByRole("button", { name: "Watch", exact: true }).click();
  await page.getByRole("button", { name: "Stop watching" }).waitFor();
  await until("a message is shown", async () => {
    ann.socket.send(
      JSON.stringify({
        type: "WEBRTC_OFFER",
        roomId: "film-night-1",
        userId: "Ann",
        targetUserId: "Bob",
        offer: { type: "offer", sdp: "v=0 secret" },
        timestamp: 1,
      }),
    );
    return (await page.locator(".signals").innerText()).includes("WEBRTC_OFFER");
  });
  assert.ok(!(await page.content()).includes("secret"), "contents are not shown");

  await page.getByLabel("Show everybody in the room a text").fill("Soon over");
  await page.getByRole("button", { name: "Say it" }).click();
  await Promise.all([ann, bob, cem].map((person) => hears(person, "ANNOUNCEMENT")));
  await page.getByRole("button", { name: "Lock the door" }).click();
  await hears(ann, "DOOR_CHANGED");
  await shoot(page, "desktop-light");

  // By keyboard only.
  const isAsked = async (): Promise<boolean> => (await page.evaluate("document.activeElement.innerText")) === "Yes";
  await page.getByRole("button", { name: "Kick Bob" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("Remove Bob?").waitFor();
  await until("Yes has the focus", isAsked);
  await page.keyboard.press("Escape");
  await page.getByText("Remove Bob?").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Kick Bob" }).focus();
  await page.keyboard.press("Enter");
  await until("Yes has the focus", isAsked);
  await page.keyboard.press("Enter");
  await hears(bob, "KICKED");
  await page.getByRole("button", { name: "Ban Cem" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await hears(cem, "KICKED");
  await page.getByRole("button", { name: "Lift the ban of Cem" }).click();
  await page.getByRole("status").getByText("The ban of Cem is lifted.").waitFor();

  await page.getByRole("button", { name: "Close the room" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await hears(ann, "ERROR");
  assert.equal(ann.heard.at(-1)?.code, "ROOM_CLOSED");
  await page.getByRole("cell", { name: "ROOM_CLOSED" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("it fits a telephone, and the dark", async () => {
  await enter("long-name-1", "Ann-with-a-long-name", "A room whose name is as long as it may be");
  for (const colorScheme of ["dark", "light"] as const) {
    const { page, complaints } = await visit({ viewport: { width: 360, height: 740 }, colorScheme });
    await logIn(page);
    await page.getByRole("button", { name: "A room whose name" }).click();
    await page.locator(".uplot").first().waitFor();
    await page.getByRole("button", { name: "Kick Ann-with-a-long-name" }).waitFor();
    assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the screen");
    await shoot(page, `phone-${colorScheme}`);
    assert.deepEqual(complaints, []);
  }
  const { page } = await visit({ viewport: { width: 1280, height: 900 }, colorScheme: "dark" });
  await logIn(page);
  await page.locator(".uplot").first().waitFor();
  await shoot(page, "desktop-dark");
});
