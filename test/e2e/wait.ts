// Waiting: always for a condition, never for a time.

/** How long a test waits for what should come: long, because a machine may be busy and a failure is the exception. */
export const patienceMs = 15_000;

/** Between two looks, ms. */
const shortestMs = 10;
const longestMs = 150;

/** Waits until a probe gives something true, and returns that. Fails with what was waited for, and with the probe's last error. */
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
    // A look costs all that are looked at, so the longer it takes the less often.
    await new Promise((resolve) => setTimeout(resolve, Math.min(longestMs, Math.max(shortestMs, elapsedMs / 10))));
  }
}

/** Gives up on a promise after a time, without ending what it stands for. */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
