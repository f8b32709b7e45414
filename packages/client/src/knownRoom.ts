import type { ControlMode, RoomState } from "@usher/types";
import type { Consequences } from "./request.js";
import { roomAfter, type OfRoom } from "./roster.js";

/** The room as the server last described it. */
export class KnownRoom {
  readonly #changed: (room: RoomState) => void;
  #state: RoomState | undefined;

  constructor(changed: (room: RoomState) => void) {
    this.#changed = changed;
  }

  get state(): RoomState | undefined {
    return this.#state;
  }

  /** Takes another room, of which nobody is told yet. */
  begin(room: RoomState | undefined): void {
    this.#state = room;
  }

  hear(message: OfRoom): void {
    this.#set(roomAfter(this.#state, message));
  }

  setMode(controlMode: ControlMode): void {
    if (this.#state !== undefined && this.#state.controlMode !== controlMode) {
      this.#set({ ...this.#state, controlMode });
    }
  }

  /**
   * Sets the mode that is asked for, at once if there is a seat to ask from, and says what the
   * reply changes.
   */
  askForMode(mode: ControlMode, isSeated: boolean): Consequences {
    const before = this.#state?.controlMode ?? mode;
    if (isSeated) {
      this.setMode(mode);
    }
    const undone = (): void => (this.#state?.controlMode === mode ? this.setMode(before) : undefined);
    return { done: () => this.setMode(mode), undone };
  }

  #set(room: RoomState | undefined): void {
    this.#state = room;
    if (room !== undefined) {
      this.#changed(room);
    }
  }
}
