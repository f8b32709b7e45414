// What the plots show: the differences between what the server has counted at two times.

import type { Counts, ServerView } from "./api.ts";

/** As many as half an hour has. */
const maxSamples = 900;

export const lines = ["rooms", "people", "messages", "relayed", "joins", "memory", "relay p99", "commit p99"] as const;
export type Line = (typeof lines)[number];

export class History {
  readonly times: number[] = [];
  readonly values: Record<Line, (number | null)[]>;
  #last: ServerView | undefined;

  constructor() {
    this.values = Object.fromEntries(lines.map((line) => [line, []])) as unknown as Record<Line, (number | null)[]>;
  }

  add(view: ServerView): void {
    const last = this.#last;
    if (last !== undefined && (view.now <= last.now || view.startedAt !== last.startedAt)) {
      this.#last = view; // the same, or another life of the server
      return;
    }
    const seconds = last === undefined ? 0 : (view.now - last.now) / 1000;
    const rate = (of: "messages" | "relayed" | "joins"): number | null => (last === undefined ? null : (view.counts[of] - last.counts[of]) / seconds);
    const now: Record<Line, number | null> = {
      "rooms": view.counts.rooms,
      "people": view.counts.people,
      "messages": rate("messages"),
      "relayed": rate("relayed"),
      "joins": rate("joins"),
      "memory": view.memory.liveBytes / (1 << 20),
      "relay p99": quantile("relay", 0.99, view.counts, last?.counts),
      "commit p99": quantile("commit", 0.99, view.counts, last?.counts),
    };
    this.times.push(view.now / 1000);
    for (const line of lines) {
      this.values[line].push(now[line]);
    }
    if (this.times.length > maxSamples) {
      this.times.shift();
      lines.forEach((line) => this.values[line].shift());
    }
    this.#last = view;
  }

  latest(line: Line): number | null {
    return this.values[line].at(-1) ?? null;
  }
}

/**
 * The upper end of the bucket that a share of the durations since the last look does not exceed, in
 * milliseconds; null if there were none.
 */
function quantile(name: string, share: number, counts: Counts, before: Counts | undefined): number | null {
  const now = counts.latencies.find((l) => l.name === name);
  const old = before?.latencies.find((l) => l.name === name);
  if (now === undefined || before === undefined) {
    return null;
  }
  const fresh = now.counts.map((n, i) => n - (old?.counts[i] ?? 0));
  const wanted = fresh.reduce((sum, n) => sum + n, 0) * share;
  let seen = 0;
  for (const [i, n] of fresh.entries()) {
    seen += n;
    if (n > 0 && seen >= wanted) {
      return now.boundsMs[i] ?? now.boundsMs.at(-1) ?? null;
    }
  }
  return null;
}
