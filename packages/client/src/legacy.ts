// The legacy client: what it obeys, and what it tells of the room that the server never hears.

import type { ControlMode, RoomState, SyncMessage } from "@usher/types";
import { hostsWord, positionAt, type Film } from "./film.js";
import type { OutgoingSync } from "./signaling.js";

/**
 * A SyncMessage for a data channel. The host also announces the control mode there, because a
 * legacy client learns of it nowhere else.
 */
export type DirectMessage = OutgoingSync | { type: "CONTROL_MODE_CHANGE"; mode: ControlMode };

const acts: readonly DirectMessage["type"][] = ["UNIFIED_SYNC", "HOST_STATE_UPDATE", "DIRECT_PLAY", "DIRECT_PAUSE", "DIRECT_SEEK"];

/**
 * Who of the participants has the legacy client, known by signaling without this client's mark, and
 * what each was told last.
 */
export class LegacyPeers {
  readonly #openPages = new Map<string, string>();

  learn(userId: string, isMarked: boolean): void {
    if (isMarked) {
      this.#openPages.delete(userId);
    } else if (!this.has(userId)) {
      this.#openPages.set(userId, "");
    }
  }

  has(userId: string): boolean {
    return this.#openPages.has(userId);
  }

  forget(userId: string): void {
    this.#openPages.delete(userId);
  }

  /**
   * What to send to a participant instead of a message. A legacy client follows HOST_STATE_UPDATE
   * and HOST_NAVIGATE while only the host controls, and UNIFIED_SYNC while everybody does. `film`
   * is what the message has made of it.
   */
  wordsFor(userId: string, message: DirectMessage, mode: ControlMode, film: Film | undefined, serverMs: number): DirectMessage[] {
    if (!this.has(userId) || film === undefined || !acts.includes(message.type)) {
      return [message];
    }
    const time = positionAt(film, serverMs);
    if (mode === "FREE_FOR_ALL") {
      const action = film.playing ? "PLAY" : "PAUSE";
      return message.type === "UNIFIED_SYNC" ? [message] : [{ type: "UNIFIED_SYNC", action, time, videoUrl: film.url, serverTime: serverMs }];
    }
    const word = hostsWord(film, time, serverMs, film.url);
    if (!isWebAddress(film.url) || this.#openPages.get(userId) === film.url) {
      return [word];
    }
    this.#openPages.set(userId, film.url);
    return [{ type: "HOST_NAVIGATE", url: film.url }, word];
  }
}

function isWebAddress(url: string): boolean {
  return /^https?:\/\//.test(url);
}

/**
 * The control mode that a host has announced past the server. It is plain data, to be kept over a
 * reload.
 */
export interface AnnouncedMode {
  /** The mode that holds. */
  mode: ControlMode;
  /** Who has announced it. */
  hostId: string;
  /** The server's mode at that time. */
  serversMode: ControlMode;
}

/**
 * The control mode as a host tells of it without the server. It counts until the server has another
 * one, or the room another host.
 */
export class HostsMode {
  #told: AnnouncedMode | undefined;

  constructor(told?: AnnouncedMode) {
    this.#told = told;
  }

  get told(): AnnouncedMode | undefined {
    return this.#told;
  }

  tell(mode: ControlMode, { hostId, controlMode }: RoomState): void {
    this.#told = mode === controlMode ? undefined : { mode, hostId, serversMode: controlMode };
  }

  /** Takes the room as the server tells it. */
  follow(room: RoomState): void {
    if (room.hostId !== this.#told?.hostId || room.controlMode !== this.#told.serversMode) {
      this.#told = undefined;
    }
  }

  /** The room with the mode that holds. */
  in(room: RoomState): RoomState {
    return this.#told === undefined ? room : { ...room, controlMode: this.#told.mode };
  }
}

/**
 * The mode that a message of the host tells of, if any: a legacy one has a word for each, as
 * wordsFor() does, and announces the mode to nobody who comes later.
 */
export function modeIn(message: SyncMessage, isLegacy: boolean): ControlMode | undefined {
  switch (message.type) {
    case "CONTROL_MODE_CHANGE":
      return message.mode;
    case "UNIFIED_SYNC":
      return isLegacy ? "FREE_FOR_ALL" : undefined;
    case "HOST_STATE_UPDATE":
      return isLegacy ? "HOST_ONLY" : undefined;
    default:
      return undefined;
  }
}
