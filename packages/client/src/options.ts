// What a RoomClient is given, and what it tells.

import type { ClientMessage, ResponseMessage } from "@usher/types";
import type { RoomError } from "./error.js";
import type { SignalingEvents } from "./signaling.js";
import type { SeatStore } from "./store.js";

export interface RoomClientOptions {
  /** The server's WebSocket address: wss://example.org/ws. http(s) means ws(s), and in a page a path will do. */
  url: string | URL;
  /** Where the seat is kept. In memory by default, which does not survive a reload. */
  store?: SeatStore;
  /** The server's --max-frame: a larger message fails here instead of ending the connection. 64 KiB by default. */
  maxFrameBytes?: number;
}

export interface RoomClientEvents extends SignalingEvents {
  /** Each message as it goes over the socket, for whoever wants to watch. */
  frame: { sent: boolean; message: ClientMessage | ResponseMessage; atMs: number };
  /** Something that send() was given did not get through. messageType and targetUserId are the message's, if they are known. */
  refused: Refused;
}

export interface Refused {
  error: RoomError;
  messageType?: string | undefined;
  targetUserId?: string | undefined;
}

/** A call that ends with ABORTED when the signal says so. Nothing of it goes on after that. */
export interface Abortable {
  signal?: AbortSignal | undefined;
}

/** What a participant asks for when it takes a seat. userId is made if it is missing. */
export interface CreateRequest extends Abortable {
  userName: string;
  /** 22 random characters if it is missing. */
  roomId?: string;
  roomName?: string;
  userId?: string;
}

export interface JoinRequest extends Abortable {
  roomId: string;
  userName: string;
  userId?: string;
  /** Creates the room if there is none. */
  orCreate?: boolean;
}

export interface ResumeRequest extends Abortable {
  /** Returns only to a seat in this room: the one that an invite link names, say. */
  roomId?: string | undefined;
}
