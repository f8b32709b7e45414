import type { Store } from "./store";
import type { Surroundings } from "./surroundings";

/** The room's one alarm, and what it shows of the time in which the object did not run. */
export class Alarm {
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  /** 0 if none is set. */
  atMs = 0;
  /** When the object last ran, as far as that has left its memory. */
  ranMs = 0;

  constructor(store: Store, surroundings: Surroundings) {
    this.#store = store;
    this.#surroundings = surroundings;
  }

  isDue(now: number): boolean {
    return this.atMs !== 0 && now >= this.atMs;
  }

  set(atMs: number): void {
    this.atMs = atMs;
    this.#store.setAlarm(atMs);
  }

  /** For how long the object has not run, if its alarm is late. */
  pause(now: number): number {
    return this.atMs === 0 ? 0 : this.#surroundings.pausedMs(now, Math.max(this.atMs, this.ranMs));
  }

  /**
   * pause for anything but the alarm, which is then due now: an object that is made meanwhile does
   * not count the pause again.
   */
  takePause(now: number): number {
    const pausedMs = this.pause(now);
    if (pausedMs > 0) {
      this.set(now);
    }
    return pausedMs;
  }
}
