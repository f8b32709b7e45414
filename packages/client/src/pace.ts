// How fast an element plays, to come to where the film is.

/**
 * A drift, in seconds, that speed begins to mend, and how close to the end of that counts as there.
 */
const begins = 0.04;
const close = 0.01;
/** How much faster or slower the film may run to catch up; more can be heard. */
const maxSpeed = 0.1;
/** How long a small drift should take, seconds. */
const mendSeconds = 2;
/** How long the rate stays 1 after a correction, and after one that did not work, ms. */
const restMs = 2000;
const failedRestMs = 30_000;
/**
 * When an element has settled after a change of its rate, ms, and the most that a change may cost,
 * seconds.
 */
const settledMs = 500;
const maxLoss = 0.3;

/**
 * Sets the rate of an element as rarely as it can: once to begin a correction, once to end it at
 * exactly 1. A change may itself cost playback time (in WebKit some 70 ms), which is measured and
 * taken into account.
 */
export class Pace {
  readonly #video: Pick<HTMLVideoElement, "playbackRate">;
  /** Of the correction under way: how much faster than 1; 0 for none. */
  #speed = 0;
  #deadlineMs = 0;
  #restUntilMs = 0;
  #lossSeconds = 0;
  #change: { drift: number; atMs: number; film: object } | undefined;

  constructor(video: Pick<HTMLVideoElement, "playbackRate">) {
    this.#video = video;
  }

  /**
   * Takes how far the element is ahead of the film now, in seconds, a few times a second while it
   * plays. True if speed does not mend it, so that a jump must.
   */
  follow(drift: number, film: object, nowMs: number): boolean {
    this.#learn(drift, film, nowMs);
    if (this.#speed === 0) {
      if (Math.abs(drift) > begins && nowMs >= this.#restUntilMs) {
        this.#begin(drift, film, nowMs);
      } else {
        this.#set(1);
      }
      return false;
    }
    // The change back to 1 costs as much again, so the end lies that far ahead of the film.
    const isThere = this.#speed > 0 ? drift >= this.#lossSeconds - close : drift <= this.#lossSeconds + close;
    const isLate = !isThere && nowMs > this.#deadlineMs;
    if (isThere || isLate) {
      this.reset();
      this.#restUntilMs = nowMs + (isLate ? failedRestMs : restMs);
    }
    return isLate;
  }

  /** Back to exactly 1. */
  reset(): void {
    this.#speed = 0;
    this.#change = undefined;
    this.#set(1);
  }

  #begin(drift: number, film: object, nowMs: number): void {
    const speed = Math.min(maxSpeed, Math.abs(drift) / mendSeconds);
    const seconds = (Math.abs(drift) + 2 * Math.max(this.#lossSeconds, maxLoss / 2)) / speed;
    this.#speed = -Math.sign(drift) * speed;
    this.#deadlineMs = nowMs + 2 * seconds * 1000;
    this.#change = { drift, atMs: nowMs, film };
    this.#set(1 + this.#speed);
  }

  /**
   * Compares where the element is after a change with where it would be if the change had cost
   * nothing.
   */
  #learn(drift: number, film: object, nowMs: number): void {
    const change = this.#change;
    if (change === undefined || nowMs - change.atMs < settledMs) {
      return;
    }
    this.#change = undefined;
    if (change.film === film) {
      const loss = change.drift + (this.#speed * (nowMs - change.atMs)) / 1000 - drift;
      this.#lossSeconds = Math.min(maxLoss, Math.max(0, loss));
    }
  }

  #set(rate: number): void {
    if (this.#video.playbackRate !== rate) {
      this.#video.playbackRate = rate;
    }
  }
}
