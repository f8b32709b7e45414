// Those who wait to be let in, as the host and the cohosts are told.

import { roleOf } from "./role.js";
import type { RoomState } from "@usher/types";
import type { ServerMessage } from "./signaling.js";

/** Somebody who waits to be let in. */
export interface Knock {
  /** The participant's id in the room, if it is let in. */
  userId: string;
  /** What the others would call the participant. */
  userName: string;
  /** When the knock ends if nobody answers it, by the server's clock, ms. */
  expiresAt: number;
}

export class Knocks {
  readonly #changed: (knocks: readonly Knock[]) => void;
  #list: readonly Knock[] = [];

  constructor(changed: (knocks: readonly Knock[]) => void) {
    this.#changed = changed;
  }

  /** In the order in which they came. */
  get list(): readonly Knock[] {
    return this.#list;
  }

  hear(message: ServerMessage): void {
    if (message.type === "KNOCK") {
      const { knockerId: userId, userName, expiresAt } = message;
      const others = this.#list.filter((knock) => knock.userId !== userId);
      this.#set([...others, { userId, userName, expiresAt }]);
    } else if (message.type === "KNOCK_ENDED") {
      this.#set(this.#list.filter(({ userId }) => userId !== message.knockerId));
    }
  }

  /** Forgets all of them, because the server tells them again or no more. */
  forget(): void {
    if (this.#list.length > 0) {
      this.#set([]);
    }
  }

  /** Forgets them if the participant no longer hears of them. */
  forgetUnless(room: RoomState | undefined, userId: string): void {
    const role = room === undefined ? "GUEST" : roleOf(room, userId);
    if (role !== "HOST" && role !== "COHOST") {
      this.forget();
    }
  }

  #set(list: readonly Knock[]): void {
    this.#list = list;
    this.#changed(list);
  }
}
