import { protocolVersion, type CreateRoomMessage, type DoorSettings, type JoinRoomMessage } from "@usher/types";
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
  /** For the room's door, as long as the client lives: no store keeps it. */
  passcode?: string | undefined;
  /** Of a room that is made. */
  door?: DoorSettings | undefined;
}

/**
 * A client that was seated asks until it has its seat again, and creates the room if that has
 * ended.
 */
export const returning: Intent = { create: false, orCreate: true, patient: true };

/** The message that asks for a seat. */
export function seatRequest(seat: StoredSeat, intent: Intent, ref: string): CreateRoomMessage | JoinRoomMessage {
  const { create, roomName, keepMs, ownerToken, passcode, door } = intent;
  const { roomId, userId, userName, resumeToken, knockToken, invite, iceTransportPolicy } = seat;
  const request = {
    roomId,
    userId,
    userName,
    timestamp: Date.now(),
    ...(create && roomName !== undefined ? { roomName } : {}),
    ...(create && keepMs !== undefined ? { keepMs } : {}),
    ...(ownerToken !== undefined ? { ownerToken } : {}),
    ...(create && iceTransportPolicy !== undefined ? { iceTransportPolicy } : {}),
    ...(resumeToken !== "" ? { resumeToken } : {}),
    ...(knockToken !== undefined ? { knockToken } : {}),
    ...(!create && invite !== undefined ? { invite } : {}),
    ...(passcode !== undefined ? { passcode: canonical(passcode) } : {}),
    ...(create && door !== undefined ? { door: canonicalDoor(door) } : {}),
    protocol: protocolVersion,
    ref,
  };
  return { type: create ? "CREATE_ROOM" : "JOIN_ROOM", ...request };
}

/** A passcode in one form, whatever keyboard it was typed on. */
function canonical(passcode: string): string {
  return passcode.normalize("NFC");
}

/** A door whose passcode is in that form. */
export function canonicalDoor(door: DoorSettings): DoorSettings {
  return typeof door.passcode === "string" ? { ...door, passcode: canonical(door.passcode) } : door;
}

/** The create, join or resume that is under way. There is one at a time. */
export class Seating {
  #current: Deferred<Seated | undefined> | undefined;
  #unlisten: (() => void) | undefined;

  get isUnderWay(): boolean {
    return this.#current !== undefined;
  }

  /**
   * Begins one. isStill() says whether it has not settled meanwhile; abort is called when the
   * signal says so.
   */
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

  resolve(reply: Seated | undefined): void {
    this.#take()?.resolve(reply);
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
