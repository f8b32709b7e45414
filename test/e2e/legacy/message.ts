// What the legacy client reads of the server, and shows to a test.

import type { ControlMode, FilmView } from "./film.ts";

export interface User {
  id: string;
  name: string;
  isHost: boolean;
  isConnected: boolean;
}

export interface Room {
  id: string;
  name: string;
  hostId: string;
  users: User[];
  controlMode: ControlMode;
  createdAt: number;
  lastActivity: number;
}

/** A message of any type; which fields it has, its type says. */
export interface Message {
  type: string;
  roomId: string;
  userId: string;
  error: string;
  roomState: Room;
  leftUserId: string;
  newHostId?: string;
  offer: RTCSessionDescriptionInit;
  answer: RTCSessionDescriptionInit;
  candidate: RTCIceCandidateInit;
}

/** What a test may see. */
export interface View {
  userId: string;
  status: "idle" | "connecting" | "seated" | "gave up" | "ended";
  /** How many join replies it has had. */
  seatings: number;
  /** What it does as host it does if this is true, whatever roomState says. */
  isHost: boolean;
  hostId: string;
  controlMode: ControlMode;
  users: User[];
  /** The newest peer connections and their channels, by user. */
  peers: Record<string, string>;
  film: FilmView;
}
