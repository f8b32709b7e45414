// Who is who in the room, for text and for drawing.

import { inviteIn, roomIdIn } from "@usher/client";
import type { RoomState } from "@usher/types";

/**
 * Names by user id, including those of people who have left. Of people with one name, all but the
 * first get a number.
 */
export class Names {
  readonly #known = new Map<string, string>();
  #self = "";

  learn(room: RoomState | undefined, self: string): void {
    this.#self = self;
    const counts = new Map<string, number>();
    for (const { id, name } of room?.users ?? []) {
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      this.#known.set(id, count === 1 ? name : `${name} (${count})`);
    }
  }

  /** The name also of the viewer. */
  called(id: string): string {
    return this.#known.get(id) ?? "somebody";
  }

  /** "you" for the viewer. */
  of(id: string): string {
    return id === this.#self ? "you" : this.called(id);
  }
}

/** "1:05" or "1:02:03". */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number): string => String(n).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** The host of an address, or "" if a film cannot be loaded from the address. */
export function hostOf(address: string): string {
  try {
    const url = new URL(address);
    return url.protocol === "https:" || url.protocol === "http:" ? url.host : "";
  } catch {
    return "";
  }
}

/**
 * The clip's name in the room: an address, so that clients that can only open pages can open it.
 * Its fragment distinguishes it from any other film.
 */
export function clipName(page: string): string {
  return new URL("leader.mp4#usher", page).href;
}

/**
 * Reports whether a film's name means the clip that every server has: whichever server it names,
 * each page shows its own.
 */
export function isClip(source: string): boolean {
  // Earlier pages sent the last form.
  return /^https?:.*\/leader\.mp4#usher$/.test(source) || source === "clip:leader";
}

/** A film's short name: its file name, or the host of its address. */
export function filmTitle(source: string): string {
  if (isClip(source)) {
    return "the usher clip";
  }
  return source.startsWith("file:") ? source.slice("file:".length) : hostOf(source) || "a film";
}

/**
 * What the page's address invites the viewer to. invite is "" if the room is open to whoever knows
 * it.
 */
export type Invitation = { kind: "none" } | { kind: "room"; roomId: string; invite: string } | { kind: "broken" };

export function invitationIn(hash: string): Invitation {
  const roomId = roomIdIn(hash);
  return roomId !== "" ? { kind: "room", roomId, invite: inviteIn(hash) } : { kind: hash === "" || hash === "#" ? "none" : "broken" };
}
