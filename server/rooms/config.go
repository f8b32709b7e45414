package rooms

import (
	"context"
	"log/slog"
	"time"

	"usher/flight"
	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
	"usher/server/tracing"
)

// Config is what rooms need. Only Hasher, Owner, Verify, ReadInvite, Turned, ICE, Observer,
// Messages, Queue, Flights, GivenUp and Check may be nil.
type Config struct {
	// Room has the deadlines and limits of every room.
	Room room.Config
	// MaxPerAddress bounds the existing rooms that one address has created; 0 means no bound.
	MaxPerAddress int
	// List makes a list of the rooms that want to be listed.
	List bool
	// MaxPendingBytes bounds what waits for commits for one socket.
	MaxPendingBytes int

	// Store has the rooms that are not in memory, and the last stored state of those that are.
	Store store.Store
	// Clock is the time of all rooms.
	Clock Clock
	// Owner is nil if nobody else can ever own these rooms. Otherwise the store has the rooms of
	// all nodes, and its Load claims the room: no earlier owner can write it any more.
	Owner Owner
	// Secret draws the bytes of a token.
	Secret func() [protocol.TokenBytes]byte
	// Verify returns whom a token identifies, if it is for the room, or the reason for refusing it.
	// It may take time. Nil if there are no accounts.
	Verify func(ctx context.Context, roomID, token string) (who *room.Identity, refusal protocol.Code, details string)
	// ReadInvite returns what an invite says, or the reason for refusing it. It must not block. Nil
	// if there are no invites.
	ReadInvite func(roomID, invite string) (who *room.Identity, refusal protocol.Code, details string)
	// Hasher hashes passcodes. Nil means NewHasher.
	Hasher Hasher
	// Full reports whether memory is nearly used up; if so, no new room may be created.
	Full func() bool
	// ReadArrived returns once everything that has arrived for these sockets by now has been
	// Received.
	ReadArrived func([]Socket)
	// Turned is called with a room's lock held, once all that a turn of it has for sockets has been
	// given to them: sockets of other nodes need not send before. It must not block.
	Turned func()

	// ICE makes ICE servers and revokes them, nil if Room.ICERenewMs is 0.
	ICE ICE

	// Observer is told what happens in the rooms.
	Observer Observer

	// Messages makes the messages that are to be sent on when something has happened. They are
	// stored in Queue, which is Store, in the same transaction as that. It is called with a room's
	// lock held and must not block.
	Messages func(roomID string, occurrences []*room.Occurrence) []store.Message
	// Queue is Store, if there are Messages.
	Queue store.Queue

	// Flights bounds what is kept of what happened in rooms lately, nil to keep nothing.
	Flights *flight.Budget
	// GivenUp is called with that when a room is given up, as a dump. It is called with the room's
	// lock held and must not block.
	GivenUp func(dump []byte)
	// Version is that of the program, which dumps name.
	Version string

	// Check is called after each Step; the room is given up if it returns anything but "". Nil
	// means no check: it is for tests, because room.Room.Check costs more than the Step.
	Check func(*room.Room) (broken string)

	// Metrics counts what happens.
	Metrics *metrics.Metrics
	// Tracer makes spans of joins and commits, nil for none.
	Tracer *tracing.Tracer
	// Log receives nothing that identifies a client or a room.
	Log *slog.Logger
}

// ICE hands out ICE servers to seats, which their room, user and the time when they were taken
// name.
type ICE interface {
	// Servers returns the ICE_SERVERS for a seat, nil if there are none now. It may block until ctx
	// is done.
	Servers(ctx context.Context, roomID, userID string, takenAtMs int64) []byte
	// Revoke ends what was made for a seat. It is called with the room's lock held and must not
	// block.
	Revoke(roomID, userID string, takenAtMs int64)
}

// Clock is the time of all rooms.
type Clock interface {
	Now() Moment
	// AfterFunc is time.AfterFunc on this clock.
	AfterFunc(after time.Duration, do func()) Timer
}

// Moment is a time by the clock.
type Moment struct {
	// Ms is the time since 1970. It goes on while the process does not run.
	Ms int64
	// PausedMs is how long the process has not run since it started.
	PausedMs int64
}

// RunningMs is a time that stands still while the process does not run: for budgets.
func (m Moment) RunningMs() int64 { return m.Ms - m.PausedMs }

// Timer has the methods of *time.Timer that are used.
type Timer interface {
	Stop() bool
	Reset(time.Duration) bool
}

// Owner knows which rooms this node owns, if other nodes own others.
type Owner interface {
	// Tenure returns this node's tenure of a room, nil if it may not load it now.
	Tenure(roomID string) Tenure
}

// Tenure is a time for which this node owns some rooms, until Lose or HandOver. Tenures are
// compared by ==.
type Tenure interface {
	// Valid reports whether what the rooms do may be seen now. If not, it waits until Resume. It is
	// called for each effect, with the room's lock held.
	Valid() bool
	// Since is when it began, by Config.Clock: clients of the last owner could reach this node from
	// then on.
	Since() Moment
}

// Socket is the client's end of a Session. Its methods are called in order, with the room's lock
// held: they must not block, nor call the Session.
type Socket interface {
	// Send sends a text frame, which it must not keep. batch is what the Session's Received was
	// called with, nil for none: several frames of one batch may go out together when it ends.
	Send(frame []byte, batch any)
	// Ping sends a WebSocket ping.
	Ping()
	// Close sends a close frame after everything sent before. The Session is over.
	Close(protocol.CloseCode)
	// Cut ends the connection at once: the client is too slow to take what is sent to it.
	Cut()
	// Stands reports what the connection is to its room.
	Stands(room.Standing)
}

// Batch may be implemented by what Session.Received is called with.
type Batch interface {
	// Defer says that the message under way has changed the room. If it returns true, the rooms
	// count how long that took, once the change is stored.
	Defer() bool
}

// Hasher hashes passcodes away from the rooms.
type Hasher interface {
	// Hash returns at once, and later calls done with the PBKDF2-HMAC-SHA256 of a passcode, or with
	// false if others have to go first. It reports false, and calls nothing, if too many are under
	// way. address stands for the network address of whoever has sent the passcode.
	Hash(address uint64, passcode string, salt [room.SaltBytes]byte, iterations int, done func(digest [room.DigestBytes]byte, ok bool)) bool
}

// Observer is told what happens in the rooms that this process owns.
type Observer interface {
	// Happened is called with what happened in one turn of a room, once that is stored: for each
	// room in order. Of a room that is given up the last may be missing. It is called with the
	// room's lock held: it must not block. It may keep the occurrences, and changes none.
	Happened(roomID string, occurrences []*room.Occurrence)
}
