// Package protocol is the wire: the messages that clients and server exchange over a WebSocket as
// JSON text frames, one object a frame, and the bytes of each.
//
// A client sends SignalingMessages (rooms, offers, answers, candidates) and SyncMessages
// (playback). [Decode] turns one received frame into a [Message], a flat union of them. It accepts
// exactly one JSON object (RFC 8259) in valid UTF-8, without duplicate names, of a known type and
// with well-formed fields; anything else is a *[DecodeError] with a stable [Code]. Unknown fields
// are allowed and travel with a relayed message, because a relay forwards the received bytes
// unchanged.
//
// The server answers with ResponseMessages. Every message type of either direction has an Append
// method that encodes it into the caller's slice; none keeps the slice. [SignalingMessages],
// [SyncMessages] and [ResponseMessages] enumerate the unions.
//
// Times are int64 milliseconds since the Unix epoch, but for currentTime, duration and time, which
// are seconds in a video. Ids: a room id is 6 to 50 of A-Z a-z 0-9 _ -, a user id 1 to 64 of A-Z
// a-z 0-9 _ . : -. Both are chosen by clients.
//
// The package links neither fmt nor reflect nor encoding/json, so that it stays small in a Wasm
// module.
package protocol
