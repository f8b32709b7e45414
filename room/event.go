package room

import "usher/protocol"

// ConnID names one socket. The shell chooses it, greater than those of all that
// are open, and lets nothing of a socket that the room has closed, or that was
// reported to be gone, reach the room any more.
type ConnID uint64

// EventKind says what happened.
type EventKind uint8

// The events. Each names the fields of Event that it reads.
const (
	// Connected: a socket for this room is open. Conn, Address, Secret.
	Connected EventKind = iota + 1
	// Received: a text frame came. Conn, Frame, and Message or Err as
	// protocol.Decode gave them. Refuse, RefuseCreate and RefuseSeat if they apply.
	Received
	// ReceivedBinary: a binary frame came. Conn.
	ReceivedBinary
	// Seen: a control frame came, which proves life and counts as a message. Conn.
	Seen
	// Exceeded: Conn has sent something, and its address had used up what the shell lets an address
	// send. It is answered like a message over the connection's own limits: RATE_LIMITED, with the
	// close that goes with it. Conn. Refuse.
	Exceeded
	// Disconnected: a socket is gone. Conn, CloseCode. It is ignored for a
	// connection that the room has closed itself.
	Disconnected
	// AlarmFired: the time of the last SetAlarm has come. Refuse.
	AlarmFired
	// Restored: the room comes from a snapshot, and none of its connections
	// is left. It is the first event after Restore. HoldsComplete.
	Restored
	// Woken: the room comes from a snapshot and from what its sockets kept. It is
	// the first event after Wake.
	Woken
	// Answered: a PING of Conn was answered at AtMs on behalf of the room, which
	// was not stepped for it. It proves life and is not counted as a message.
	Answered
	// Paused: the shell did not run for AtMs milliseconds until now (a stopped process, a suspended
	// machine, an alarm that the platform was late with). That time counts towards no deadline and no
	// limit. A shell reports it before any other event.
	Paused
)

// Event is one thing that happened to a room. All of it may be reused when Step returns.
type Event struct {
	Kind EventKind
	Conn ConnID
	// Address stands for the network address of the client: equal for equal
	// addresses, and no use to who reads it. A keyed hash is.
	Address uint64
	// Secret is fresh randomness; it becomes the resume token of a seat that the connection takes.
	Secret [protocol.TokenBytes]byte
	// Frame is the received frame.
	Frame   []byte
	Message *protocol.Message
	Err     error
	// CloseCode is the client's, 1006 where there was none.
	CloseCode protocol.CloseCode
	// AtMs is when the PING was answered, or for how long the shell did not run.
	AtMs int64
	// Refuse is why nothing that has to be stored may change now, or "".
	Refuse protocol.Code
	// RefuseCreate is why the client's address may create no room now, or "". A shell sets it for every
	// Received while the room does not exist, whatever the message is.
	RefuseCreate protocol.Code
	// RefuseSeat is why the client's address may take no new seat now, or "". It refuses every
	// CREATE_ROOM and JOIN_ROOM of a connection that has no seat, except one that presents the
	// resume token of a seat that exists.
	RefuseSeat protocol.Code
	// HoldsComplete says that the snapshot is the room's very last state, so
	// that no frame was held after it.
	HoldsComplete bool
}

// EffectKind says what the shell has to do.
type EffectKind uint8

// The effects. Each names the fields of Effect that it sets.
const (
	// Send: send Frame to Conn. Frame is never changed again; the shell may keep it.
	Send EffectKind = iota + 1
	// Forward: send the received frame of this event to Conn, unchanged.
	Forward
	// Close: close Conn with Code, after what was sent to it before. The room
	// has forgotten the connection already and ignores what still comes from it.
	Close
	// Save: store Snapshot, as it is when Step returns. No later effect of the
	// room, in this Step or a later one, may be seen by anybody before that is safe.
	// The room exists when Step returns: if it ends, Delete takes the place of a Save before it.
	Save
	// SaveLater: store Snapshot at the shell's leisure. What a crash loses of
	// it does no harm. The room exists when Step returns.
	SaveLater
	// Delete: the room has ended; remove what is stored of it. Later effects wait as for Save.
	Delete
	// SetAlarm: send AlarmFired at AtMs, and forget the alarm set before. 0 for none.
	SetAlarm
	// Attach: keep Conn's attachment (AppendAttachment), as it is when Step returns, with its socket,
	// in place of the one before. For a shell that drops rooms from memory
	// while their sockets stay open; others ignore it.
	Attach
	// Ping: send a WebSocket ping to Conn. Any sign of life is reported as Seen or Received; none for
	// Config.PingTimeoutMs drops the connection. A shell that cannot ping sets that to 0 and gets none.
	Ping
	// Created and Ended: the room begins or ceases to exist. Address is that of the connection that
	// created it. The two alternate; a room that Restore or Wake returns exists already. For a shell
	// that counts rooms by address.
	Created
	Ended
	// Stands: Standing is what Conn has now, when that has changed. A connection begins Unseated, and
	// its standing goes with Close and Disconnected. It comes after everything else of its Step.
	Stands
	// Refused and Bounced: Conn was answered by ERROR or UNDELIVERED with
	// Refusal, for a message of Type. For the log and the metrics.
	Refused
	Bounced
)

// Standing is how a connection stands to the room: what a shell must know to choose which
// connection of an address to close for another.
type Standing uint8

// The standings.
const (
	// Unseated: it has yet to join.
	Unseated Standing = iota
	// Seated: it has a seat, or waits for its turn to get one.
	Seated
	// Parked: a newer connection of its seat took over.
	Parked
)

// Effect is one thing that the shell has to do, in order.
type Effect struct {
	Kind     EffectKind
	Type     protocol.Type
	Standing Standing
	Code     protocol.CloseCode
	Conn     ConnID
	AtMs     int64
	Address  uint64
	Frame    []byte
	Refusal  protocol.Code
	// Brief is Frame without its roomState, nil if there is no such version. While a Send waits for a
	// commit or for a slow socket, the shell may send Brief in place of Frame if a later Send with a
	// Brief waits behind it for the same Conn, so that only the last one carries the state.
	Brief []byte
	// Replaces is not 0 if a later Send with the same value for the same Conn makes this one
	// superfluous: the shell may drop a Send that still waits when that one queues behind it.
	// Nothing else may be dropped, and nothing reordered.
	Replaces uint64
}
