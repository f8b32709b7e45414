/** What a client needs to come back to its seat. The token is a secret: who has it has the seat. */
export interface StoredSeat {
  roomId: string;
  userId: string;
  userName: string;
  resumeToken: string;
}

/**
 * Where a seat is kept, so that a reloaded page or a restarted service worker finds it again. Take one whose life is that of the participant:
 * sessionStorage for a tab, chrome.storage.session for an extension; never a store that others can read.
 */
export interface SeatStore {
  load(): Promise<StoredSeat | undefined>;
  save(seat: StoredSeat): Promise<void>;
  clear(): Promise<void>;
}

/** Keeps the seat for as long as the client object lives. */
export function memoryStore(): SeatStore {
  let kept: StoredSeat | undefined;
  return {
    load: () => Promise.resolve(kept),
    save: (seat) => {
      kept = seat;
      return Promise.resolve();
    },
    clear: () => {
      kept = undefined;
      return Promise.resolve();
    },
  };
}

/** The methods of localStorage and sessionStorage that are needed. */
export type WebStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Keeps the seat in sessionStorage, say. */
export function webStore(storage: WebStorage, key = "usher.seat"): SeatStore {
  return {
    load: () => Promise.resolve(parseSeat(parseJSON(storage.getItem(key)))),
    save: (seat) => Promise.resolve(storage.setItem(key, JSON.stringify(seat))),
    clear: () => Promise.resolve(storage.removeItem(key)),
  };
}

/** The methods of chrome.storage.session that are needed. */
export interface ChromeStorageArea {
  get(key: string): Promise<Record<string, unknown>>;
  set(items: Record<string, unknown>): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Keeps the seat in chrome.storage.session, which a service worker's death does not touch. */
export function chromeStore(area: ChromeStorageArea, key = "usher.seat"): SeatStore {
  return {
    load: async () => parseSeat((await area.get(key))[key]),
    save: (seat) => area.set({ [key]: { ...seat } }),
    clear: () => area.remove(key),
  };
}

function parseJSON(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
}

/** What is no seat, of an older version for instance, is none. */
function parseSeat(value: unknown): StoredSeat | undefined {
  const seat = value as Partial<Record<keyof StoredSeat, unknown>> | null | undefined;
  const { roomId, userId, userName, resumeToken } = seat ?? {};
  const isSeat = typeof roomId === "string" && typeof userId === "string" && typeof userName === "string" && typeof resumeToken === "string";
  return isSeat ? { roomId, userId, userName, resumeToken } : undefined;
}
