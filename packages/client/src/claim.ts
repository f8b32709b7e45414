// A duplicated tab has a copy of sessionStorage, and so of the seat's token. Only one of the two
// may have the seat; which one, the browser's Web Locks say, or a BroadcastChannel in a page
// without TLS, which has no locks.

import { newUserId, randomText } from "./id.js";
import { webStore, type SeatStore, type StoredSeat } from "./store.js";

/**
 * How long the page before this one may take to let go, ms; after a reload there is no other that
 * could have the seat.
 */
const lockPatienceMs = 1000;
const reloadPatienceMs = 9000;
/**
 * How long another page may take to answer, ms, busy or hidden as it may be; after a reload hardly
 * anybody is there.
 */
const replyPatienceMs = 1000;
const reloadReplyPatienceMs = 200;

/**
 * What this page has claimed or is about to, by name. A claim is the page's, whichever client it is
 * for.
 */
const claims = new Map<string, { isOurs: Promise<boolean>; release: () => void }>();

/**
 * Lets only one of several pages with the same store have its seat, by Web Locks or, without TLS,
 * by a BroadcastChannel. While another page has it, load() returns a new one in the same room.
 */
export function claimed(store: SeatStore): SeatStore {
  let name: string | undefined;
  const claim = (seat: StoredSeat, isNew: boolean): Promise<boolean> => {
    const wanted = `usher.seat ${seat.roomId} ${seat.userId}`;
    if (name !== wanted) {
      release();
      name = wanted;
    }
    return isOurs(wanted, isNew);
  };
  const release = (): void => {
    claims.get(name ?? "")?.release();
    name = undefined;
  };
  return {
    load: async () => {
      const seat = await store.load();
      if (seat === undefined || (await claim(seat, false))) {
        return seat;
      }
      name = undefined;
      return { ...seat, userId: newUserId(), resumeToken: "" };
    },
    save: (seat) => {
      void claim(seat, true);
      return store.save(seat);
    },
    clear: () => {
      release();
      return store.clear();
    },
  };
}

/**
 * Keeps the seat of a page in sessionStorage: each tab has its own and finds it again after a
 * reload. A duplicated tab, which has a copy of sessionStorage, takes a seat of its own in the same
 * room.
 */
export function tabStore(key?: string): SeatStore {
  return claimed(webStore(() => sessionStorage, key));
}

/**
 * A new seat is nobody else's, so its claim may take as long as it takes, and holds against whoever
 * asks meanwhile.
 */
function isOurs(name: string, isNew: boolean): Promise<boolean> {
  let claim = claims.get(name);
  if (claim === undefined) {
    const end = new AbortController();
    const release = (): void => {
      end.abort();
      claims.delete(name);
    };
    // If the platform has neither, or denies both, nothing says that there is another page.
    claim = { release, isOurs: claimFor(name, end.signal, isNew).catch(() => true) };
    claims.set(name, claim);
    void claim.isOurs.then((isClaimed) => isClaimed || release());
  }
  return claim.isOurs;
}

async function claimFor(name: string, end: AbortSignal, isNew: boolean): Promise<boolean> {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  return navigator?.locks === undefined ? claimByChannel(name, end, isNew) : claimByLock(navigator.locks, name, end, isNew);
}

/** A lock is held until its page has gone, however that happens. */
function claimByLock(locks: LockManager, name: string, end: AbortSignal, isNew: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const granted = (): Promise<void> | undefined => {
      resolve(true);
      return end.aborted ? undefined : new Promise((release) => end.addEventListener("abort", () => release()));
    };
    const signal = isNew ? undefined : AbortSignal.timeout(wasReloaded() ? reloadPatienceMs : lockPatienceMs);
    const ask = (failed: (error: unknown) => void): void => {
      const options = signal === undefined ? {} : { signal };
      locks.request(name, options, granted).catch((error: unknown) => (signal?.aborted === true ? resolve(false) : failed(error)));
    };
    // Chromium cannot give a lock to a page that is just opening a window, a copy of itself
    // perhaps.
    ask(() => setTimeout(() => ask(reject)));
  });
}

function wasReloaded(): boolean {
  const [entry] = performance.getEntriesByType("navigation") as { type?: string }[];
  return entry?.type === "reload";
}

/**
 * Asks whether another page has it, unless it is new. Of several that ask at once the one with the
 * smallest id gets it.
 */
function claimByChannel(name: string, end: AbortSignal, isNew: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(name);
    // Otherwise it would keep a process of Node.js from ending.
    (channel as { unref?: () => void }).unref?.();
    const id = randomText();
    let isOurs: boolean | undefined;
    const decide = (decision: boolean): void => {
      isOurs ??= decision;
      resolve(isOurs);
    };
    end.addEventListener("abort", () => channel.close());
    channel.addEventListener("message", ({ data }: MessageEvent<{ asker: string; owner?: string }>) => {
      if (data.owner !== undefined) {
        if (data.asker === id) {
          decide(false);
        }
      } else if (isOurs === true || (isOurs === undefined && id < data.asker)) {
        channel.postMessage({ asker: data.asker, owner: id });
      } else {
        decide(false);
      }
    });
    if (isNew) {
      decide(true);
      return;
    }
    channel.postMessage({ asker: id });
    setTimeout(() => decide(true), wasReloaded() ? reloadReplyPatienceMs : replyPatienceMs);
  });
}
