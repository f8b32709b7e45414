interface Sample {
  /** The server's clock minus the local one, ms. */
  offsetMs: number;
  roundTripMs: number;
}

/**
 * How many samples are looked at, some ten minutes of PINGs; older ones may be of a clock that has
 * drifted.
 */
const maxSamples = 30;
/** How far two samples that both are right may contradict each other, ms. */
const toleranceMs = 20;

/**
 * An estimate of the server's clock. A sample's error is at most half of its round trip, so the one
 * with the shortest counts. The local clock is the monotonic one: a wall clock that is set again
 * would move the film.
 */
export class ServerClock {
  #samples: Sample[] = [];

  /**
   * Takes a time that the server told in a reply; sentAtMs and receivedAtMs are of
   * performance.now().
   */
  add(serverMs: number, sentAtMs: number, receivedAtMs: number): void {
    const sample = { offsetMs: serverMs - (sentAtMs + receivedAtMs) / 2, roundTripMs: receivedAtMs - sentAtMs };
    const best = this.#best ?? sample;
    // Only another clock explains what cannot both be right: the server has moved, or was
    // restarted.
    const isAnother = Math.abs(sample.offsetMs - best.offsetMs) > (sample.roundTripMs + best.roundTripMs) / 2 + toleranceMs;
    this.#samples = isAnother ? [sample] : [...this.#samples, sample].slice(-maxSamples);
  }

  /** How wrong now() may be, ms. */
  get errorMs(): number {
    return (this.#best?.roundTripMs ?? Infinity) / 2;
  }

  /**
   * The server's time in ms since the epoch; this machine's as long as the server has told none.
   */
  now(): number {
    const best = this.#best;
    return best === undefined ? Date.now() : performance.now() + best.offsetMs;
  }

  /** Of several that were as quick the last. */
  get #best(): Sample | undefined {
    return this.#samples.reduce<Sample | undefined>(
      (best, sample) => (best === undefined || sample.roundTripMs <= best.roundTripMs ? sample : best),
      undefined,
    );
  }
}
