// The positions of the lifelines: the viewer, the server, and everybody else who is here or was
// mentioned.

import { everyone, server, type Entry } from "./journal.ts";
import type { Session } from "./session.ts";

export const rowHeight = 36;
/** Space for the seconds, px. */
const gutter = 36;
/**
 * The minimum distance of two lifelines, px; if more people are here than fit, the log scrolls
 * sideways.
 */
const minGap = 60;

export interface Head {
  id: string;
  name: string;
  x: number;
  isHere: boolean;
}

export interface Columns {
  heads: readonly Head[];
  width: number;
  gap: number;
  gutter: number;
  /** The lifelines of all others who are here. */
  others: readonly number[];
  xOf: (id: string) => number;
}

let kept: { key: string; columns: Columns } | undefined;

/** The same object for the same people and width, so that rows need not be redrawn. */
export function arrange(session: Session, entries: readonly Entry[], available: number): Columns {
  const { client, names } = session;
  const here = (client.room?.users ?? []).filter((user) => user.id !== client.userId);
  const ids = new Set([client.userId, server, ...here.map((user) => user.id)]);
  for (const { from, to } of entries) {
    ids.add(from).add(to);
  }
  ids.delete(everyone);
  ids.delete(""); // sent before there was a seat
  const present = new Set([client.userId, server, ...here.filter((user) => user.isConnected).map((user) => user.id)]);
  const labels = [...ids].map((id) => ({ id, name: id === server ? "Server" : id === client.userId ? "You" : names.of(id), isHere: present.has(id) }));
  const key = JSON.stringify([labels, available]);
  if (kept?.key !== key) {
    kept = { key, columns: place(labels, client.userId, available) };
  }
  return kept.columns;
}

function place(labels: readonly Omit<Head, "x">[], self: string, available: number): Columns {
  const gap = Math.max(minGap, (available - gutter) / Math.max(1, labels.length));
  const heads = labels.map((label, i) => ({ ...label, x: Math.round(gutter + gap * (i + 0.5)) }));
  const places = new Map(heads.map(({ id, x }) => [id, x]));
  return {
    heads,
    gap,
    gutter,
    width: Math.max(available, Math.ceil(gutter + gap * labels.length)),
    others: heads.filter(({ id, isHere }) => isHere && id !== self && id !== server).map(({ x }) => x),
    xOf: (id) => places.get(id) ?? heads[0]?.x ?? 0,
  };
}
