import type { RoomState } from "@usher/types";
import { Owner, type OwnerStore } from "./owner.js";
import type { Seated } from "./signaling.js";
import { parseSeat, type SeatStore, type StoredSeat } from "./store.js";

/** How long a store may take, ms. Past that it counts as one that failed. */
const timeoutMs = 10_000;

/**
 * The seat, and a store of it whose failures nobody has to handle. What that is asked is done in
 * order.
 */
export class Keeper {
  /** The seat that there is, or that is asked for, whether it is in the store or not. */
  seat: StoredSeat | undefined;
  /** What makes the participant host of the room again. */
  readonly owner: Owner;
  readonly #store: SeatStore;
  #tasks: Promise<unknown> = Promise.resolve();

  constructor(store: SeatStore, owners?: OwnerStore) {
    this.owner = new Owner(owners);
    this.#store = store;
  }

  load(): Promise<StoredSeat | undefined> {
    return this.#run(async () => parseSeat(await this.#store.load()));
  }

  /** Changes the seat, and puts it into the store. */
  change(changes: Partial<StoredSeat>): void {
    const seat = { ...(this.seat as StoredSeat), ...changes };
    this.seat = seat;
    void this.#run(() => this.#store.save(seat));
  }

  /** Keeps the tokens of a reply. Only the one that gives a new seat has the seat's. */
  seated(reply: Seated): void {
    const { iceTransportPolicy } = reply.roomState;
    this.change({ resumeToken: reply.resumeToken ?? this.seat?.resumeToken ?? "", knockToken: undefined, iceTransportPolicy });
    this.owner.heard(reply);
    this.follow(reply.roomState);
  }

  /**
   * Keeps whether the owner has handed the host's role over, which nothing else says after a
   * reload. Returns the room.
   */
  follow(room: RoomState): RoomState {
    const handedOver = this.owner.token !== undefined && room.hostId !== this.seat?.userId;
    if (handedOver !== (this.seat?.handedOver ?? false)) {
      this.change({ handedOver });
    }
    return room;
  }

  /**
   * Clears the store, if it still has this seat: another client may have put its own there since.
   */
  forget(): Promise<void> {
    const { seat } = this;
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
