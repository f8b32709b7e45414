import { parseSeat, type SeatStore, type StoredSeat } from "./store.js";

/** How long a store may take, ms. Past that it counts as one that failed. */
const timeoutMs = 10_000;

/** A store whose failures nobody has to handle. What it is asked is done in order. */
export class Keeper {
  readonly #store: SeatStore;
  #tasks: Promise<unknown> = Promise.resolve();

  constructor(store: SeatStore) {
    this.#store = store;
  }

  load(): Promise<StoredSeat | undefined> {
    return this.#run(async () => parseSeat(await this.#store.load()));
  }

  save(seat: StoredSeat): void {
    void this.#run(() => this.#store.save(seat));
  }

  /** Clears the store, if it still has this seat: another client may have put its own there since. */
  forget(seat: StoredSeat | undefined): Promise<void> {
    return this.#run(async () => {
      const kept = seat && (await this.#store.load());
      if (seat === undefined || (kept?.roomId === seat.roomId && kept.userId === seat.userId)) {
        await this.#store.clear();
      }
    });
  }

  #run<T>(task: () => Promise<T>): Promise<T | undefined> {
    const run = async (): Promise<T | undefined> => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      try {
        return await Promise.race([task(), new Promise<undefined>((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
      } catch {
        return undefined;
      } finally {
        clearTimeout(timer);
      }
    };
    const done = this.#tasks.then(run);
    this.#tasks = done;
    return done;
  }
}
