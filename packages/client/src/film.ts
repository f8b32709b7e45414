// Where the film is: a line through (atMs, time), which every participant follows.

import type { RoomState, SyncMessage } from "@usher/types";
import type { MarkedSync, OutgoingSync } from "./signaling.js";

/** The position of the room's film, which everybody follows. positionAt() continues it. */
export interface Film {
  /** Reports that the film plays. */
  playing: boolean;
  /** The position at atMs, in seconds. */
  time: number;
  /** When the film was at `time`, by the server's clock, ms. */
  atMs: number;
  /** When somebody last played, paused, sought or chose another film, by the server's clock, ms. */
  actedAtMs: number;
  /** What is shown, as whoever chose it named it; "" if nobody has named it. */
  url: string;
  /** Reports that the position is the server's, which does not know exactly when somebody acted. */
  isServers: boolean;
}

/**
 * How far ahead of the server's clock a mark may be, ms; more is a wrong clock or a lie, and would
 * hold the film for so long.
 */
const aheadMs = 2000;

/** Returns the position of the film at a time of the server's clock, in seconds. */
export function positionAt(film: Film, serverMs: number): number {
  return film.playing ? film.time + Math.max(0, serverMs - film.atMs) / 1000 : film.time;
}

/**
 * How far two lines through the server's time may be from each other and still be the same film,
 * seconds.
 */
const sameSeconds = 1;

/**
 * The film as the server tells it; undefined if nobody has played anything yet. The server knows
 * when it last heard of the film, not when somebody acted, so anybody's word is newer.
 */
export function filmOf(room: RoomState): Film | undefined {
  const { isPlaying, currentTime, lastUpdated, url } = room.videoState;
  const isUntold = url === "" && !isPlaying && currentTime === 0;
  return isUntold ? undefined : { playing: isPlaying, time: currentTime, atMs: lastUpdated, actedAtMs: 0, url, isServers: true };
}

/**
 * Reports whether the server has heard of an act that was missed here: something later that is not
 * the film that is known already.
 */
export function isNews(told: Film, film: Film, serverMs: number): boolean {
  const isSame = told.playing === film.playing && told.url === film.url && Math.abs(positionAt(told, serverMs) - positionAt(film, serverMs)) < sameSeconds;
  return told.atMs > film.actedAtMs && !isSame;
}

/**
 * When an act is that follows what is known of the film, by the server's clock, ms: later than the
 * last one, whatever this side's estimate of that clock says, and whatever the other's said (a
 * hybrid logical clock). Otherwise a viewer whose clock was set back would press play in vain.
 */
export function actTime(film: Film | undefined, serverMs: number): number {
  return Math.max(serverMs, (film?.actedAtMs ?? 0) + 1);
}

/**
 * Returns the film after a message. Returns the same object if the message changes nothing, because
 * it is older than what is known or about something else.
 */
export function nextFilm(film: Film | undefined, message: MarkedSync, serverMs: number): Film | undefined {
  const change = changeOf(message, film);
  if (change === undefined) {
    return film;
  }
  const atMs = Math.min(message.serverTime ?? serverMs, serverMs + aheadMs);
  const actedAtMs = Math.min(message.actedAt ?? atMs, serverMs + aheadMs);
  if (film !== undefined && (actedAtMs < film.actedAtMs || (actedAtMs === film.actedAtMs && atMs <= film.atMs))) {
    return film;
  }
  const time = change.time ?? (film === undefined ? 0 : positionAt(film, atMs));
  return { playing: change.playing ?? film?.playing ?? false, time, atMs, actedAtMs, url: change.url || film?.url || "", isServers: false };
}

/**
 * What a host says of where the film is. A host that has it from the server makes it its own act,
 * since it does not know whose it was: the others would not believe something older than what they
 * have seen.
 */
export function hostsWord(film: Film, time: number, serverMs: number, hostVideoUrl: string): Extract<OutgoingSync, { type: "HOST_STATE_UPDATE" }> {
  const state = film.playing ? "PLAYING" : "PAUSED";
  const actedAt = film.isServers ? actTime(film, serverMs) : film.actedAtMs;
  return { type: "HOST_STATE_UPDATE", state, time, hostVideoUrl, serverTime: serverMs, actedAt };
}

interface Change {
  playing?: boolean | undefined;
  time?: number | undefined;
  url?: string | undefined;
}

function changeOf(message: SyncMessage, film: Film | undefined): Change | undefined {
  switch (message.type) {
    case "HOST_STATE_UPDATE":
      return { playing: message.state === "PLAYING", time: message.time, url: message.hostVideoUrl };
    case "UNIFIED_SYNC":
      return { playing: message.action === "SEEK" ? film?.playing : message.action === "PLAY", time: message.time, url: message.videoUrl };
    case "DIRECT_PLAY":
      return { playing: true, time: message.time };
    case "DIRECT_PAUSE":
      return { playing: false, time: message.time };
    case "DIRECT_SEEK":
      return { time: message.time };
    case "HOST_NAVIGATE":
      return message.url === film?.url ? undefined : { playing: false, time: 0, url: message.url };
    case "CONTROL_MODE_CHANGE":
    case "CLIENT_REQUEST_PLAY":
    case "CLIENT_REQUEST_PAUSE":
    case "CLIENT_REQUEST_SEEK":
      return undefined; // the last three ask the host, who acts or does not
    default:
      return message satisfies never;
  }
}
