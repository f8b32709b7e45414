// @usher/client: a client of the usher signaling server.
//
// RoomClient is a seat in a room that survives lost connections, reloads and restarts; PeerMesh
// opens data channels to the others and falls back to the server's relay; VideoSync keeps a <video>
// at the position of the room's film. Each needs only the one before it, and a bundler leaves out
// what is not used.

export * from "./headless.js";
export { VideoSync, type VideoSyncOptions } from "./video.js";
