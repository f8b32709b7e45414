// @usher/client: a client of the usher signaling server.
//
// RoomClient is a seat in a room that survives lost connections, reloads and restarts; PeerMesh opens data channels to the others and falls back to the
// server's relay; VideoSync keeps a <video> where the room's film is. Each needs only the one before it, and a bundler leaves out what is not used.

export type * from "@usher/types";
export { RoomClient } from "./client.js";
export { claimed, tabStore } from "./claim.js";
export { Emitter } from "./emitter.js";
export { RoomError, type ConnectionErrorCode } from "./error.js";
export { nextFilm, positionAt, type Film } from "./film.js";
export { newRoomId, newUserId } from "./id.js";
export { roomIdIn } from "./invite.js";
export { PeerMesh, type PeerMeshEvents, type PeerMeshOptions, type Route } from "./mesh.js";
export type { Abortable, CreateRequest, JoinRequest, Refused, ResumeRequest, RoomClientEvents, RoomClientOptions } from "./options.js";
export type {
  FilmMark,
  IceServer,
  MarkedSync,
  MeshMark,
  Outgoing,
  OutgoingSync,
  Seated,
  ServerMessage,
  Signaling,
  SignalingEvents,
  Status,
} from "./signaling.js";
export { chromeStore, memoryStore, webStore, type ChromeStorageArea, type SeatStore, type StoredSeat, type WebStorage } from "./store.js";
export { VideoSync, type SyncPort, type SyncPortEvents, type VideoSyncOptions } from "./video.js";
