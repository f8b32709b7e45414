// Waiting: always for a condition, never for a time.

/** How long a test waits for what should come: long, because a machine may be busy and a failure is the exception. */
export const patienceMs = 15_000;

/** Waits until a probe gives something true, and returns that. Fails with what was waited for, and with the probe's last error. */
export async function until<T>(what: string | (() => string), probe: () => T | Promise<T>, withinMs = patienceMs): Promise<T> {
  let lastError: unknown;
  for (const deadline = performance.now() + withinMs; ; ) {
    try {
      const found = await probe();
      if (found) {
        return found;
      }
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${typeof what === "string" ? what : what()}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
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
