// What can be observed of films from outside, and when they are together.

import type { Page } from "playwright-core";

import { until } from "./wait.ts";

/** How far the films of a room may be apart, ms. */
const togetherMs = 150;

/** The number of checks in a row in which films must be together: one check could pass by luck. */
const looks = 8;

/**
 * Long enough for a busy machine, and shorter than the 30 s after which a host reports its position
 * unasked: that report must not be what brings films together.
 */
const togetherWithinMs = 28_000;

export interface FilmLook {
  /** By the machine's clock, which all browsers here share. */
  atMs: number;
  time: number;
  paused: boolean;
  /** It is seeking, or has no frame for its time yet. */
  waiting: boolean;
  duration: number;
}

/** The person who watches the film. */
export interface Watcher {
  readonly name: string;
  film(): Promise<FilmLook>;
}

/** Looks at the first film of a page. */
export function lookAtFilm(page: Page): Promise<FilmLook> {
  return page.evaluate(() => {
    const video = document.querySelector("video");
    if (video === null) {
      throw new Error("the page has no film");
    }
    const { currentTime: time, paused, duration, seeking, readyState } = video;
    const waiting = seeking || readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    return { atMs: performance.timeOrigin + performance.now(), time, paused, waiting, duration };
  });
}

export function isPlaying(film: FilmLook): boolean {
  return !film.paused && !film.waiting;
}

export function filmsOf(watchers: readonly Watcher[]): Promise<FilmLook[]> {
  return Promise.all(watchers.map((watcher) => watcher.film()));
}

/**
 * The difference in ms between two observations of a film that loops, whatever the time between
 * them.
 */
export function apart(a: FilmLook, b: FilmLook): number {
  const lead = (look: FilmLook): number => (look.paused ? look.time : look.time - look.atMs / 1000);
  const gap = Math.abs(lead(a) - lead(b)) % a.duration;
  return Math.min(gap, a.duration - gap) * 1000;
}

/**
 * Waits until all films play (or are paused), are together, and stay so for several checks in a
 * row.
 */
export async function together(watchers: readonly Watcher[], paused: boolean): Promise<void> {
  let inARow = 0;
  let last = "";
  await until(
    () => `the films of ${watchers.map((watcher) => watcher.name).join(", ")} are together and ${paused ? "paused" : "play"}: ${last}`,
    async () => {
      const films = await filmsOf(watchers);
      const first = films[0] as FilmLook;
      const gaps = films.map((film) => Math.round(apart(first, film)));
      const widest = Math.max(...films.flatMap((film) => films.map((other) => apart(film, other))));
      last = JSON.stringify({ paused: films.map((film) => film.paused), waiting: films.map((film) => film.waiting), gaps });
      inARow = films.every((film) => film.paused === paused && !film.waiting) && widest <= togetherMs ? inARow + 1 : 0;
      return inARow >= looks;
    },
    togetherWithinMs,
  );
}
