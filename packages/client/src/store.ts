import { isRoomId, isUserId } from "./id.js";

/** What a client needs to return to its seat. */
export interface StoredSeat {
  /** The room's id. */
  roomId: string;
  /** The participant's id in the room. */
  userId: string;
  /** What the others call the participant. */
  userName: string;
  /** A secret: whoever presents it gets the seat. "" if the server gave none. */
  resumeToken: string;
  /** That of the room, so that it is the same if the room has to be created again. */
  iceTransportPolicy?: "relay" | undefined;
  /** The invite that the seat was taken with, if it was. */
  invite?: string | undefined;
  /** A secret: the place of somebody who waits to be let in. */
  knockToken?: string | undefined;
  /**
   * Reports that the owner of the room is not its host, and shall not be host again by a mere
   * return.
   */
  handedOver?: boolean | undefined;
}

/**
 * Keeps a seat, so that a reloaded page or a restarted service worker finds it again. Choose one
 * that lives as long as the participant: sessionStorage for a tab, chrome.storage.session for an
 * extension; never one that others can read. The client treats a store that fails as empty.
 */
export interface SeatStore {
  /** Returns the seat; undefined if there is none. */
  load(): Promise<StoredSeat | undefined>;
  /** Replaces the seat. */
  save(seat: StoredSeat): Promise<void>;
  /** Forgets the seat. */
  clear(): Promise<void>;
}

/** Keeps the seat in memory. The default; it does not survive a reload. */
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

/** The methods of localStorage and sessionStorage that webStore() uses. */
export interface WebStorage {
  /** Returns the text; null if there is none. */
  getItem(key: string): string | null;
  /** Replaces the text. */
  setItem(key: string, value: string): void;
  /** Forgets the text. */
  removeItem(key: string): void;
}

/**
 * Keeps the seat in a Web Storage: webStore(() => localStorage). It takes a function, because in a
 * page whose user has blocked site data the name itself throws. For a tab's own seat use
 * tabStore().
 */
export function webStore(storage: WebStorage | (() => WebStorage), key = "usher.seat"): SeatStore {
  const area = (): WebStorage => (typeof storage === "function" ? storage() : storage);
  return {
    load: async () => parseSeat(parseJSON(area().getItem(key))),
    save: async (seat) => area().setItem(key, JSON.stringify(seat)),
    clear: async () => area().removeItem(key),
  };
}

/** The methods of chrome.storage.session that chromeStore() uses. */
export interface ChromeStorageArea {
  /** Returns the item by its key; an empty object if there is none. */
  get(key: string): Promise<Record<string, unknown>>;
  /** Replaces the items. */
  set(items: Record<string, unknown>): Promise<void>;
  /** Forgets the item. */
  remove(key: string): Promise<void>;
}

/**
 * Keeps the seat of an extension: chromeStore(chrome.storage.session), which outlives the service
 * worker.
 */
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
  const { roomId, userId, userName, resumeToken, invite, knockToken, iceTransportPolicy, handedOver } = seat ?? {};
  const isSeat = isRoomId(roomId) && isUserId(userId) && typeof userName === "string" && typeof resumeToken === "string";
  const policy = iceTransportPolicy === "relay" ? { iceTransportPolicy: "relay" as const } : {};
  const tokens = { ...(typeof invite === "string" ? { invite } : {}), ...(typeof knockToken === "string" ? { knockToken } : {}) };
  const further = { ...tokens, ...policy, ...(handedOver === true ? { handedOver } : {}) };
  return isSeat ? { roomId, userId, userName, resumeToken, ...further } : undefined;
}
