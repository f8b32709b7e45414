import { protocolVersion, type CreateRoomMessage, type JoinRoomMessage } from "@usher/types";
import { Deferred } from "./deferred.js";
import { failure, type RoomError } from "./error.js";
import type { SignalOfAbort } from "./options.js";
import type { Seated } from "./signaling.js";
import type { StoredSeat } from "./store.js";

/** How a seat is asked for. */
export interface Intent {
  create: boolean;
  orCreate: boolean;
  /** Otherwise a first connection that fails ends the attempt. */
  patient: boolean;
  roomName?: string | undefined;
  keepMs?: number | undefined;
  ownerToken?: string | undefined;
}

/** A client that was seated asks until it has its seat again, and creates the room if that has ended. */
export const returning: Intent = { create: false, orCreate: true, patient: true };

/** The message that asks for a seat. */
export function seatRequest(seat: StoredSeat, { create, roomName, keepMs, ownerToken }: Intent, ref: string): CreateRoomMessage | JoinRoomMessage {
  const { resumeToken, invite: _, ...own } = seat;
  const request = {
    ...own,
    timestamp: Date.now(),
    ...(create && roomName !== undefined ? { roomName } : {}),
    ...(create && keepMs !== undefined ? { keepMs } : {}),
    ...(ownerToken !== undefined ? { ownerToken } : {}),
    ...(resumeToken !== "" ? { resumeToken } : {}),
    protocol: protocolVersion,
    ref,
  };
  return { type: create ? "CREATE_ROOM" : "JOIN_ROOM", ...request };
}

/** The create, join or resume that is under way. There is one at a time. */
export class Seating {
  #current: Deferred<Seated | undefined> | undefined;
  #unlisten: (() => void) | undefined;

  get isUnderWay(): boolean {
    return this.#current !== undefined;
  }

  /** Begins one. isStill() says whether it has not settled meanwhile; abort is called when the signal says so. */
  begin(signal: SignalOfAbort | undefined, abort: (cause: unknown) => void, begun: (isStill: () => boolean) => void): Promise<Seated | undefined> {
    const seating = new Deferred<Seated | undefined>();
    if (signal?.aborted === true) {
      seating.abort(failure("ABORTED", signal.reason));
      return seating.promise;
    }
    this.#current = seating;
    const aborted = (): void => abort(signal?.reason);
    signal?.addEventListener("abort", aborted);
    this.#unlisten = () => signal?.removeEventListener("abort", aborted);
    begun(() => this.#current === seating);
    return seating.promise;
  }

  resolve(answer: Seated | undefined): void {
    this.#take()?.resolve(answer);
  }

  reject(error: RoomError): void {
    const seating = this.#take();
    if (error.code === "ABORTED") {
      seating?.abort(error);
    } else {
      seating?.reject(error);
    }
  }

  #take(): Deferred<Seated | undefined> | undefined {
    const seating = this.#current;
    this.#current = undefined;
    this.#unlisten?.();
    return seating;
  }
}
