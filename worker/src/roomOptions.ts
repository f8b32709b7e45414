// What a room needs of the object that it is in.

import type { Alarm } from "./alarm";
import type { Conns } from "./conns";
import type { Seat } from "./ice";
import type { Identity, Refusal } from "./identity";
import type { Store } from "./store";
import type { Surroundings } from "./surroundings";

export interface RoomOptions {
  readonly conns: Conns;
  readonly store: Store;
  readonly alarm: Alarm;
  readonly surroundings: Surroundings;
  /** When the platform last answered a socket's PING, ms; 0 for never. */
  answeredMs(socket: WebSocket): number;
  debug(message: string, fields: Readonly<Record<string, string | number>>): void;
  /** Finds out whom a token identifies. Then it calls what it is given. */
  verify(token: string, done: (verdict: Identity | Refusal) => void): void;
  /** Makes the ICE_SERVERS for a seat: "" if there are none now. Then it calls what it is given. */
  renew(seat: Seat, done: (frame: string) => void): void;
  /** Revokes the credentials that were made for a seat. */
  seatEnded(seat: Seat): void;
}
