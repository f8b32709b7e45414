package room

import "usher/protocol"

// ConnID names one socket. The shell chooses it, greater than the ids of all that are open. Once
// the room has closed a socket, or the shell has reported that it is gone, nothing from it may
// reach the room.
type ConnID uint64

// EventKind is what happened.
type EventKind uint8

// The events. Each names the fields of Event that it reads.
const (
	// Connected: a socket for this room is open. Conn, Address, Identity.
	Connected EventKind = iota + 1
	// Received: a text frame arrived. Conn, Frame, and Message or Err as protocol.Decode returned
	// them. Secret if it may be a CREATE_ROOM or JOIN_ROOM, OwnerSecret if it has KeepMs. Refuse,
	// RefuseCreate and RefuseSeat if they apply. Scratch.
	Received
	// ReceivedBinary: a binary frame arrived. Conn.
	ReceivedBinary
	// Seen: a control frame arrived, which proves life and counts as a message. Conn.
	Seen
	// Exceeded: Conn has sent something although its address had used up what the shell lets an
	// address send. It is treated like a message over the connection's own limits: RATE_LIMITED
	// and the close that belongs to it. Conn. Refuse.
	Exceeded
	// Disconnected: a socket is gone. Conn, CloseCode. It is ignored for a connection that the
	// room itself has closed.
	Disconnected
	// AlarmFired: the time of the last SetAlarm has come. Refuse.
	AlarmFired
	// Restored: the room comes from a snapshot, and none of its connections is left; they dropped
	// at AtMs, or at this moment if that is 0. It is the first event after Restore. HoldsComplete.
	Restored
	// Woken: the room comes from a snapshot and from what its sockets kept. It is the first event
	// after Wake.
	Woken
	// Answered: a PING of Conn was answered at AtMs on behalf of the room, which was not stepped
	// for it. It proves life and is not counted as a message.
	Answered
	// Paused: the shell did not run for AtMs milliseconds until now (a stopped process, a
	// suspended machine, a late alarm of the platform). That time counts towards no deadline and
	// no limit. A shell reports it before any other event.
	Paused
	// Verified answers a Verify. Conn, Verdict. If that has a Number, also the Frame, Message,
	// Secret, OwnerSecret and RefuseSeat of the event that had the Verify, and Refuse and
	// RefuseCreate if they apply.
	Verified
	// Arranged: the operator wants the room to exist before anybody has come. Acted reports what
	// came of it. Address, Arrangement. Hash if its door has a Passcode: of PasscodeIterations.
	// OwnerSecret if it has KeepMs. Refuse.
	Arranged
	// Renewed: the shell has new ICE servers for the client of Conn, as Renew asked. Frame is the
	// ICE_SERVERS for it, empty if there are none now. Conn, Frame.
	Renewed
	// Hashed: the passcode of a Hash is hashed, or cannot be. Conn, Hash, and the Message and
	// Secret of the event that had the Hash. Refuse and RefuseCreate if they apply.
	Hashed
	// Operated: an operator does something to the room. Acted reports what came of it. Act. Refuse.
	Operated
)

// Event is one thing that happened to a room. All of it may be reused when Step returns.
type Event struct {
	Kind EventKind
	Conn ConnID
	// Address stands for the network address of the client: equal for equal addresses, and of no
	// use to anyone who reads it. A keyed hash has these properties.
	Address uint64
	// Secret is fresh randomness: it becomes the resume token if the message takes a new seat.
	Secret [protocol.TokenBytes]byte
	// OwnerSecret is fresh randomness, too: it becomes the owner token if the message makes a room
	// that stays.
	OwnerSecret [protocol.TokenBytes]byte
	// Identity is what the shell has verified about the client, nil for nothing.
	Identity *Identity
	// Verdict and Arrangement are those of their events.
	Verdict     *Verdict
	Arrangement *Arrangement
	// Act is what an operator does.
	Act *Act
	// Hash is what has become of a Hash.
	Hash *HashResult
	// Frame is the received frame.
	Frame   []byte
	Message *protocol.Message
	Err     error
	// CloseCode is the client's close code, 1006 if there was none.
	CloseCode protocol.CloseCode
	// AtMs is when the PING was answered, when the connections dropped, or for how long the shell
	// did not run.
	AtMs int64
	// Scratch is memory for a frame that answers the message and is sent at once, nil for none. It
	// saves the room from allocating for each PING.
	Scratch []byte
	// Refuse is the reason why stored state may not change now, or "".
	Refuse protocol.Code
	// RefuseCreate is the reason why the client's address may create no room now, or "". A shell
	// sets it for every event with a Message while the room does not exist, whatever that is.
	RefuseCreate protocol.Code
	// RefuseSeat is the reason why the client's address may take no new seat now, or "". It
	// refuses every CREATE_ROOM and JOIN_ROOM of a connection that has no seat, except one that
	// presents the resume token of a seat that exists.
	RefuseSeat protocol.Code
	// HoldsComplete reports that the snapshot is the room's very last state, so that no frame was
	// held after it was taken.
	HoldsComplete bool
}
