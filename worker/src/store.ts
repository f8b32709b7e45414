// What an object keeps of its room in storage: the snapshot, and the alarm. It knows when storage
// refuses writes, and when that is over.

import { Close, reasonOf } from "./close";
import { log } from "./http";

/**
 * What storage has of a room, under storedKey. An object that an alarm makes does not know its own
 * name.
 */
export interface Stored {
  readonly id: string;
  readonly snapshot: Uint8Array;
}

const storedKey = "room";
const probeKey = "probe";

/**
 * The room cannot go on from its memory: it is dropped, its sockets are closed with the code, and
 * it goes on from storage.
 */
export class GivenUp extends Error {
  constructor(readonly code: number) {
    super(reasonOf(code));
  }
}

export class Store {
  readonly #storage: DurableObjectStorage;
  #fails = false;
  /** What storage has refused so far. */
  #unsaved: Stored | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Whether storage is known to refuse writes. */
  get fails(): boolean {
    return this.#fails;
  }

  read(): Stored | undefined {
    try {
      return this.#storage.kv.get<Stored>(storedKey);
    } catch (error) {
      log("error", "a room could not be read", { error: String(error) });
      throw new GivenUp(Close.tryLater);
    }
  }

  /** The platform's output gate holds what is sent after this until it is stored. */
  save(stored: Stored): void {
    this.#write(() => this.#storage.kv.put(storedKey, stored));
  }

  saveLater(stored: Stored): void {
    if (this.#fails) {
      this.#unsaved = stored;
      return;
    }
    this.#storage.put(storedKey, stored, { allowUnconfirmed: true }).catch((error: unknown) => this.#failed(error));
  }

  delete(): void {
    this.#write(() => this.#storage.kv.delete(storedKey));
  }

  /** Without an alarm nothing is left of the room; an object without storage costs nothing. */
  setAlarm(atMs: number): void {
    const done = atMs === 0 ? this.#storage.deleteAll() : this.#storage.setAlarm(atMs);
    done.catch((error: unknown) => this.#failed(error));
  }

  /** Tries whether storage takes writes again, and writes what it has refused. */
  probe(): void {
    if (!this.#fails) {
      return;
    }
    try {
      this.#storage.kv.put(probeKey, Date.now());
      this.#storage.kv.delete(probeKey);
      if (this.#unsaved !== undefined) {
        this.#storage.kv.put(storedKey, this.#unsaved);
        this.#unsaved = undefined;
      }
      this.#fails = false;
    } catch {
      // Still not.
    }
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#failed(error);
      throw new GivenUp(Close.tryLater);
    }
    this.#unsaved = undefined;
  }

  #failed(error: unknown): void {
    if (!this.#fails) {
      log("error", "storage refuses writes", { error: String(error) });
    }
    this.#fails = true;
  }
}
