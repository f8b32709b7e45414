// Package abi is the boundary between the Wasm module and the shell around it: rooms by handle,
// one call per event, one buffer of effects out. It is plain Go, tested natively; package main of
// worker exports it. docs/cloudflare.md draws the boundary.
//
// Numbers are little endian; times are milliseconds since the epoch as float64, and so are
// connection ids, which must stay below 2^53. A text is its length as uint32 and its bytes.
//
// # Calls
//
// Wake(nowMs, alarmMs, pausedMs, input) makes a room from what its shell has kept; the shell did
// not run for pausedMs until now. The input is three texts, the settings (a line "name value" for
// each that is not the default), the room id and the snapshot (empty for none), then for each
// connection an id, SecretBytes of fresh randomness, and a text, its attachment. The output is the
// handle as uint32 and the effects of Paused and Woken; or 0 and a sentence with the reason why
// there is no room.
//
// Step(handle, event, conn, nowMs, argument, flags, input) steps a room. Input and argument
// depend on the event:
//
//	EventConnected     the address as uint64, and the identity, if there is one
//	EventReceived      the frame, and SecretBytes of fresh randomness behind it
//	EventBinary
//	EventDisconnected  argument is the close code
//	EventAlarm
//	EventAnswered      argument is when the PING was answered
//	EventPaused        argument is for how many milliseconds the shell did not run
//	EventRenewed       the ICE_SERVERS for conn, empty if there are none now
//	EventHashed        a byte, 1 if there is a hash, 16 bytes of salt, 32 of hash, the frame, and
//	                   SecretBytes of fresh randomness; argument is the number of the EffectHash
//	EventVerified      ref, refusal and details as texts, and the identity, unless it is
//	                   refused; argument is the number of the EffectVerify, and unless that is 0,
//	                   the frame as a text is before the identity, and SecretBytes of fresh
//	                   randomness at the end
//	EventArranged      until when the room waits, how long it stays, and its most people (0 for
//	                   the default), as float64; its mode, its name and its entry as texts; a
//	                   byte of flags (1 relay only, 2 listed, 4 passcode); for a passcode 16
//	                   bytes of salt and 32 of hash; and SecretBytes of fresh randomness
//
// An identity is a byte of flags (1 role, 2 may create, 4 invited, 8 once), the role as a byte,
// three times (when the token expires, until when a seat may be taken, when the room of an invite
// was created; 0 for none), the user id and the name as texts, and for once 16 bytes.
//
// The result is the length of the output, or NoSuchRoom if the room has been dropped meanwhile;
// then the shell wakes it and steps it again.
//
// Relay(handle, conn, nowMs, input) is the fast path for a frame, tried before Step: an offer,
// answer or candidate that is only to be forwarded. The result is the connection to forward it
// to, or 0 if nothing has happened and the room must be stepped.
//
// Describe(handle) writes the response to GET /rooms/ROOM to the output; its result is 0 if the
// room does not exist. Holds(handle, input) says when a seat was taken; the input is two texts, the
// user id and the resume token. Its result is 0 if they are no seat's. Drop(handle) forgets a room.
//
// # Effects
//
// A byte for the kind, then by the kind:
//
//	EffectSend       id, text; the length Again stands for the text of the Send before
//	EffectForward    id; the frame is the one that the shell has received
//	EffectClose      id, code as uint16
//	EffectSave       text, the snapshot
//	EffectSaveLater  text, the snapshot
//	EffectDelete
//	EffectSetAlarm   time, 0 for none
//	EffectAttach     id, text, the attachment
//	EffectRefused    id, text, the error code
//	EffectBounced    id, text, the error code
//	EffectRenew      id, time when the seat was taken, text, the user id
//	EffectHash       id, number and iterations as uint32, the salt and the passcode as texts; the
//	                 shell draws an empty salt, and the frame is the one that it has received
//	EffectVerify     id, a number as uint32, the ref and the token as texts; unless the number is
//	                 0, it is an invite instead of a token, and the frame is the one that the
//	                 shell has received
//	EffectSeatEnded  time when the seat was taken, text, the user id
//	EffectActed      the code of a refusal as text, "" for none; when the room was created, when
//	                 it ends if nobody comes, and how long it stays; text, the owner token
//
// Rooms are a cache: the shell has been given everything in them to keep. The least recently
// stepped are dropped when there are too many, or when they are too large.
package abi
