// A person on the demo page, who sees and clicks what a person would.

import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

import { lookAtFilm, type FilmLook, type Watcher } from "./film.ts";
import { openChannels } from "./peers.ts";
import type { Person, PersonOptions, Scene } from "./scene.ts";
import { until } from "./wait.ts";

export class Visitor implements Watcher {
  readonly person: Person;
  readonly page: Page;

  private constructor(person: Person) {
    this.person = person;
    this.page = person.page;
  }

  static async arrive(scene: Scene, name: string, options: PersonOptions = {}): Promise<Visitor> {
    return new Visitor(await scene.person(name, options));
  }

  get name(): string {
    return this.person.name;
  }

  /** Opens a room, with these boxes checked, and returns its id. */
  async create(...wishes: string[]): Promise<string> {
    await this.page.goto(this.person.url);
    for (const name of wishes) {
      await this.page.getByRole("checkbox", { name }).check();
    }
    await this.page.getByRole("textbox", { name: "Your name" }).fill(this.name);
    await this.page.getByRole("button", { name: "Create a room" }).click();
    await this.seated();
    return new URL(this.page.url()).hash.slice(1);
  }

  /** Follows an invite link. */
  async join(roomId: string): Promise<void> {
    await this.page.goto(`${this.person.url}/#${roomId}`);
    await this.page.getByRole("textbox", { name: "Your name" }).fill(this.name);
    await this.page.getByRole("button", { name: "Join the room" }).click();
    await this.seated();
  }

  async leave(): Promise<void> {
    await this.page.getByRole("button", { name: "Leave", exact: true }).click();
    await this.page.getByRole("button", { name: "Create a room" }).waitFor();
  }

  async seated(): Promise<void> {
    await until(`${this.name} is seated`, async () => (await this.status()) === "seated");
  }

  status(): Promise<string | null> {
    return this.page.locator("main").getAttribute("data-status");
  }

  async userId(): Promise<string> {
    return (await this.page.locator("main").getAttribute("data-user")) ?? "";
  }

  /** The others by name, with the route by which messages reach each. */
  people(): Promise<Record<string, string>> {
    return this.page.evaluate(() => {
      const items = [...document.querySelectorAll<HTMLElement>("li[data-user]")];
      return Object.fromEntries(items.map((item) => [item.querySelector(".name")?.textContent ?? "", item.dataset["route"] ?? ""]));
    });
  }

  /** Waits until this page shows exactly these people, each reached by this route. */
  async sees(routes: Record<string, string>): Promise<void> {
    const want = JSON.stringify(Object.entries({ ...routes, [this.name]: "self" }).sort());
    let last = "";
    await until(
      () => `${this.name} sees ${want}, not ${last}`,
      async () => (last = JSON.stringify(Object.entries(await this.people()).sort())) === want,
      30_000,
    );
  }

  /** Waits until this many data channels exist, according to getStats. */
  async hasOpenChannels(count: number): Promise<void> {
    await until(`${this.name} has ${count} open data channels`, async () => (await openChannels(this.page)) === count, 30_000);
  }

  isHost(): Promise<boolean> {
    return this.page.locator("li[data-route=self] .mark.host").isVisible();
  }

  /** The line that tells the visitor what is happening. */
  get notice(): Locator {
    return this.page.getByRole("status").first();
  }

  async play(): Promise<void> {
    await this.page.getByRole("button", { name: "Play", exact: true }).click();
  }

  async pause(): Promise<void> {
    await this.page.getByRole("button", { name: "Pause", exact: true }).click();
  }

  /** Moves the slider, as with a mouse, once there is a film to move; in seconds. */
  async seek(seconds: number): Promise<void> {
    await until(`${this.name}'s film is loaded`, async () => !(await this.film()).waiting);
    await this.page.getByRole("slider", { name: "Position" }).evaluate((slider: HTMLInputElement, value) => {
      slider.value = String(value);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      slider.dispatchEvent(new Event("change", { bubbles: true }));
    }, seconds);
  }

  async chooseMode(label: "Host only" | "Everyone"): Promise<void> {
    await this.page.getByRole("radio", { name: label }).check();
  }

  film(): Promise<FilmLook> {
    return lookAtFilm(this.page);
  }
}

/**
 * The first person opens a room and the others join by its link, until all are connected to all.
 */
export async function gather(visitors: readonly Visitor[]): Promise<string> {
  const [host, ...others] = visitors;
  assert.ok(host !== undefined);
  const roomId = await host.create();
  await Promise.all(others.map((visitor) => visitor.join(roomId)));
  await allDirect(visitors);
  return roomId;
}

/** Waits until each has an open data channel to each, according to the page and to getStats. */
export async function allDirect(visitors: readonly Visitor[]): Promise<void> {
  for (const visitor of visitors) {
    await visitor.sees(Object.fromEntries(visitors.filter((other) => other !== visitor).map((other) => [other.name, "direct"])));
    await visitor.hasOpenChannels(visitors.length - 1);
  }
}
