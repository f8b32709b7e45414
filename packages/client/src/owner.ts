// The owner token of a room that stays: whoever presents it is host again.

import type { RoomError } from "./error.js";
import { isRoomId } from "./id.js";
import type { Seated } from "./signaling.js";
import type { StoredSeat, WebStorage } from "./store.js";

/**
 * Keeps the owner tokens of rooms that stay, by room id. Choose one that lives as long as the
 * rooms, such as localStorage; never one that others can read. The client treats a store that fails
 * as empty.
 */
export interface OwnerStore {
  /** Returns the room's owner token; undefined if there is none. */
  load(roomId: string): Promise<string | undefined>;
  /** Replaces the room's owner token. */
  save(roomId: string, ownerToken: string): Promise<void>;
  /** Forgets the room's owner token: the room has ended, or another one has its id. */
  clear(roomId: string): Promise<void>;
}

/** Keeps owner tokens in a Web Storage: webOwnerStore(() => localStorage). */
export function webOwnerStore(storage: WebStorage | (() => WebStorage), prefix = "usher.owner."): OwnerStore {
  const area = (): WebStorage => (typeof storage === "function" ? storage() : storage);
  return {
    load: async (roomId) => area().getItem(prefix + roomId) ?? undefined,
    save: async (roomId, ownerToken) => area().setItem(prefix + roomId, ownerToken),
    clear: async (roomId) => area().removeItem(prefix + roomId),
  };
}

/** The owner token of the client's room, if there is one. */
export class Owner {
  /** What is presented; undefined for nothing. */
  token: string | undefined;
  readonly #store: OwnerStore | undefined;

  constructor(store: OwnerStore | undefined) {
    this.#store = store;
  }

  /** Finds the token of a room, and then goes on: at once, unless there is a store. */
  find(roomId: string, known: string | undefined, then: () => void): void {
    this.token = known;
    if (known !== undefined || this.#store === undefined || !isRoomId(roomId)) {
      then();
      return;
    }
    const found = (token?: string): void => {
      this.token = token;
      then();
    };
    this.#store.load(roomId).then(found, () => found());
  }

  /**
   * The token to present: none in the place of a host who has handed the role over, or it would
   * come back with a lost connection or a reload.
   */
  presented(seat: StoredSeat | undefined): string | undefined {
    return seat?.handedOver === true ? undefined : this.token;
  }

  /** Keeps the token of a room that the client has made. */
  heard({ roomId, ownerToken }: Seated): void {
    if (ownerToken !== undefined) {
      this.token = ownerToken;
      this.#store?.save(roomId, ownerToken).catch(() => undefined);
    }
  }

  /** Reports whether the token was the reason for a refusal. It is forgotten then. */
  isRefused(error: RoomError, roomId: string | undefined): boolean {
    if (error.code !== "INVALID_OWNER_TOKEN" || this.token === undefined || roomId === undefined) {
      return false;
    }
    this.token = undefined;
    this.#store?.clear(roomId).catch(() => undefined);
    return true;
  }
}
