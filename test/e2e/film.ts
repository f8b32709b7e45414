// What can be told of films from outside, and when they are together.

import type { Page } from "playwright-core";

import { until } from "./wait.ts";

/** How far the films of a room may be apart, ms. */
const togetherMs = 150;

/** In how many looks in a row films must be together: one look could be luck. */
const looks = 8;

/** Long enough for a busy machine, and shorter than the 30 s after which a host says by itself where it is: who is apart must not be healed by that. */
const togetherWithinMs = 20_000;

export interface FilmLook {
  /** Of the machine's clock, which all browsers here have in common. */
  atMs: number;
  time: number;
  paused: boolean;
  /** It seeks, or has nothing to show for its time yet. */
  waiting: boolean;
  duration: number;
}

/** Who has a film before them. */
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

/** How far two looks at a film that begins again at its end are apart, in ms, whatever the time between the looks. */
export function apart(a: FilmLook, b: FilmLook): number {
  const lead = (look: FilmLook): number => (look.paused ? look.time : look.time - look.atMs / 1000);
  const gap = Math.abs(lead(a) - lead(b)) % a.duration;
  return Math.min(gap, a.duration - gap) * 1000;
}

/** Waits until all films play (or are paused), are together, and stay so for some looks in a row. */
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
