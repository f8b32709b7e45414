import { isRoomId, isUserId } from "./id.js";

/** What a client needs to come back to its seat. */
export interface StoredSeat {
  roomId: string;
  userId: string;
  userName: string;
  /** A secret: whoever presents it gets the seat. "" if the server gave none. */
  resumeToken: string;
}

/**
 * Where a seat is kept, so that a reloaded page or a restarted service worker finds it again. Take one
 * that lives as long as the participant: sessionStorage for a tab, chrome.storage.session for an
 * extension; never one that others can read. One that fails costs the memory of the seat and nothing
 * else: the client takes it for empty.
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

/**
 * Keeps the seat in sessionStorage, say: webStore(() => sessionStorage). Given as a function, because
 * the very name throws in a page whose user has blocked site data.
 */
export function webStore(storage: WebStorage | (() => WebStorage), key = "usher.seat"): SeatStore {
  const area = (): WebStorage => (typeof storage === "function" ? storage() : storage);
  return {
    load: async () => parseSeat(parseJSON(area().getItem(key))),
    save: async (seat) => area().setItem(key, JSON.stringify(seat)),
    clear: async () => area().removeItem(key),
  };
}

/** The methods of chrome.storage.session that are needed. */
export interface ChromeStorageArea {
  get(key: string): Promise<Record<string, unknown>>;
  set(items: Record<string, unknown>): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Keeps the seat in chrome.storage.session, which outlives the service worker. */
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
export function parseSeat(value: unknown): StoredSeat | undefined {
  const seat = value as Partial<Record<keyof StoredSeat, unknown>> | null | undefined;
  const { roomId, userId, userName, resumeToken } = seat ?? {};
  const isSeat = isRoomId(roomId) && isUserId(userId) && typeof userName === "string" && typeof resumeToken === "string";
  return isSeat ? { roomId, userId, userName, resumeToken } : undefined;
}
