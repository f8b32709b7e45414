// When to connect again, and when never. docs/protocol.md, "Timing", has the times.

import { closeCodes, type CloseCode } from "@usher/types";

const firstMs = 200;
const baseMs = 250;
const longestMs = 16_000;
/**
 * The wait after a close code that asks for more than the usual: a server that has no place, a rate
 * to recover.
 */
const leastMs: Readonly<Partial<Record<number, number>>> = { 1013: 1000, 4029: 5000 };
const restartSpreadMs = 3000;

/**
 * Reports that no new connection will end differently. A code that the table does not have is the
 * network's, or a proxy's.
 */
export function isFinal(closeCode: number): boolean {
  return Object.hasOwn(closeCodes, closeCode) && !closeCodes[closeCode as CloseCode].retryable;
}

/** Reports whether the server asks for a wait that is not to be cut short. */
export function asksToWait(closeCode: number): boolean {
  return closeCode === 1012 || closeCode in leastMs;
}

/**
 * How long to wait before the next connection, in ms. attempt is how many have failed since the
 * last seat; random is of [0, 1).
 */
export function delayMs(attempt: number, closeCode: number, random: number): number {
  if (attempt === 0 && closeCode === 1012) {
    return restartSpreadMs * random;
  }
  const least = leastMs[closeCode] ?? 0;
  if (attempt === 0 && least === 0) {
    return firstMs * random;
  }
  const doubled = Math.min(longestMs, Math.max(baseMs, least) * 2 ** Math.max(0, least > 0 ? attempt : attempt - 1));
  return least > 0 ? doubled * (1 + random / 2) : doubled * (0.5 + random / 2);
}
