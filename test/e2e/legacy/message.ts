// What the legacy client reads from the server, and shows to a test.

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

/** A message of any type; the type determines its fields. */
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
  /** The number of join replies it has received. */
  seatings: number;
  /** If this is true it acts as host, whatever roomState says. */
  isHost: boolean;
  hostId: string;
  controlMode: ControlMode;
  users: User[];
  /** The newest peer connections and their channels, by user. */
  peers: Record<string, string>;
  film: FilmView;
}
