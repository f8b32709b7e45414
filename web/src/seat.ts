// The seat of this tab: where it is kept over a reload, and that no other tab has it. A duplicated tab gets a copy of what the original keeps.

import { memoryStore, webStore, type SeatStore } from "@usher/client";

/** Where this tab's seat is kept; only in memory if the browser blocks site data, which it says by an exception. */
export function tabStore(): SeatStore {
  try {
    return webStore(sessionStorage);
  } catch {
    return memoryStore();
  }
}

/** The room of the seat that this tab keeps, or "". */
export function keptRoom(): string {
  try {
    const seat: unknown = JSON.parse(sessionStorage.getItem("usher.seat") ?? "null");
    return (seat as { roomId?: string } | null)?.roomId ?? "";
  } catch {
    return "";
  }
}

/** Whether the page was reloaded, so that the tab that had the seat can only be this one. */
export function wasReloaded(): boolean {
  const [entry] = performance.getEntriesByType("navigation");
  return (entry as PerformanceNavigationTiming | undefined)?.type === "reload";
}

/** How long to wait for another tab to let go, ms: the page before this one may still be ending, and surely is after a reload. */
const waitMs = 1000;
const reloadWaitMs = 10_000;
/** How long another tab may take to say that it has the seat, ms. */
const answerMs = 400;

interface ClaimMessage {
  type: "ASK" | "HELD";
  userId: string;
}

/** That this tab, and no other of the same browser, uses a seat. Told by a lock, or on a page without TLS, which has no locks, by asking around. */
export class SeatClaim {
  readonly #isReload: boolean;
  readonly #locks: LockManager | undefined;
  #held = "";
  #release: (() => void) | undefined;

  constructor(isReload: boolean, locks: LockManager | undefined = navigator.locks) {
    this.#isReload = isReload;
    this.#locks = locks;
  }

  /** Takes the seat for this tab until release(). False if another tab has it, which cannot be for one that is new. */
  async take(userId: string, isNew = false): Promise<boolean> {
    if (this.#held === userId) {
      return true;
    }
    this.release();
    const release = this.#locks === undefined ? await this.#ask(userId, isNew) : await this.#lock(this.#locks, userId, isNew);
    if (release === undefined) {
      return false;
    }
    this.#held = userId;
    this.#release = release;
    return true;
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
    this.#held = "";
  }

  #lock(locks: LockManager, userId: string, isNew: boolean): Promise<(() => void) | undefined> {
    const end = new AbortController();
    const { signal } = end;
    if (!isNew) {
      setTimeout(() => end.abort(), this.#isReload ? reloadWaitMs : waitMs);
    }
    return new Promise((resolve) => {
      const hold = (): Promise<void> => new Promise((release) => resolve(release));
      locks.request(`usher.seat.${userId}`, { signal }, hold).catch(() => {
        // A browser that blocks site data refuses locks, too; then no seat was copied either.
        resolve(signal.aborted ? undefined : () => undefined);
      });
    });
  }

  async #ask(userId: string, isNew: boolean): Promise<(() => void) | undefined> {
    const channel = new BroadcastChannel("usher.seats");
    if (!this.#isReload && !isNew) {
      const isHeld = await new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), answerMs);
        channel.onmessage = ({ data }: MessageEvent<ClaimMessage>) => data.type === "HELD" && data.userId === userId && resolve(true);
        channel.postMessage({ type: "ASK", userId } satisfies ClaimMessage);
      });
      if (isHeld) {
        channel.close();
        return undefined;
      }
    }
    channel.onmessage = ({ data }: MessageEvent<ClaimMessage>) => {
      if (data.type === "ASK" && data.userId === userId) {
        channel.postMessage({ type: "HELD", userId } satisfies ClaimMessage);
      }
    };
    return () => channel.close();
  }
}
