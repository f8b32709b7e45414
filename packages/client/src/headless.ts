// @usher/client/headless: everything that needs no page. Its declarations compile without
// TypeScript's DOM library, so that a bot on Node.js compiles with "lib": ["ES2023"].

export type * from "@usher/types";
export { RoomClient } from "./client.js";
export { claimed, tabStore } from "./claim.js";
export { Emitter } from "./emitter.js";
export { RoomError, type ConnectionErrorCode, type ConnectionErrorCodes } from "./error.js";
export type { AnnouncedMode, DirectMessage } from "./legacy.js";
export { nextFilm, positionAt, type Film } from "./film.js";
export { newRoomId, newUserId } from "./id.js";
export { inviteIn, roomIdIn } from "./invite.js";
export type { Knock } from "./knocks.js";
export { webOwnerStore, type OwnerStore } from "./owner.js";
export { PeerMesh } from "./mesh.js";
export type { PeerConnection, PeerMeshEvents, PeerMeshOptions, Route } from "./meshOptions.js";
export type {
  Abortable,
  Auth,
  CreateRequest,
  JoinRequest,
  KickOptions,
  Refused,
  ResumeRequest,
  RoomClientEvents,
  RoomClientOptions,
  SignalOfAbort,
  UrlLike,
} from "./options.js";
export type {
  AtTheDoor,
  FilmMark,
  IceServer,
  MarkedSync,
  MeshMark,
  Outgoing,
  OutgoingSync,
  PeerConfiguration,
  Seated,
  ServerMessage,
  Signaling,
  SignalingEvents,
  Status,
} from "./signaling.js";
export { roleOf } from "./role.js";
export { chromeStore, memoryStore, webStore, type ChromeStorageArea, type SeatStore, type StoredSeat, type WebStorage } from "./store.js";
export type { SyncPort, SyncPortEvents } from "./syncPort.js";
