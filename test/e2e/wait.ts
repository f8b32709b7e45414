// Waiting, always for a condition and never for a time.

/**
 * How long a test waits for something that should come: long, because a machine may be busy and
 * failures are rare.
 */
export const patienceMs = 15_000;

/** Time between two probes, ms. */
const shortestMs = 10;
const longestMs = 150;

/**
 * Waits until a probe returns something true, and returns that. Fails with the description of the
 * wait and the probe's last error.
 */
export async function until<T>(what: string | (() => string), probe: () => T | Promise<T>, withinMs = patienceMs): Promise<T> {
  let lastError: unknown;
  for (const began = performance.now(); ; ) {
    try {
      const found = await probe();
      if (found) {
        return found;
      }
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    const elapsedMs = performance.now() - began;
    if (elapsedMs > withinMs) {
      throw new Error(`not within ${withinMs} ms: ${typeof what === "string" ? what : what()}`, { cause: lastError });
    }
    // A probe costs every page that it looks at, so the longer the wait, the rarer the probes.
    await new Promise((resolve) => setTimeout(resolve, Math.min(longestMs, Math.max(shortestMs, elapsedMs / 10))));
  }
}

/** Gives up on a promise after a time, without ending the work behind it. */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
