package rooms

import (
	"log/slog"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
)

// Config is what rooms need. Only Owner may be nil.
type Config struct {
	// Room has the deadlines and limits of every room.
	Room room.Config
	// MaxPerAddress bounds the rooms that one address has created, 0 for no bound.
	MaxPerAddress int
	// MaxPendingBytes bounds what waits for commits for one socket.
	MaxPendingBytes int

	// Store has the rooms that are not in memory, and what they were last of those that are.
	Store store.Store
	// Clock is the time of all rooms.
	Clock Clock
	// Owner is nil if nobody else can ever own these rooms.
	Owner Owner
	// Secret draws what becomes the resume token of a connection's seat.
	Secret func() [protocol.TokenBytes]byte
	// Full reports whether memory is nearly used up, so that no new room may be made.
	Full func() bool
	// ReadArrived returns when what has arrived for these sockets by now has been Received.
	ReadArrived func([]Socket)

	// Check is called after each Step; the room is given up if it returns anything. Nil does not: it is
	// for tests, as room.Room.Check costs more than the Step.
	Check func(*room.Room) (broken string)

	// Metrics counts what happens.
	Metrics *metrics.Metrics
	// Log is told nothing that identifies a client or a room.
	Log *slog.Logger
}

// Clock is the time of all rooms.
type Clock interface {
	Now() Moment
	// AfterFunc is time.AfterFunc by this clock.
	AfterFunc(after time.Duration, do func()) Timer
}

// Moment is a time by the clock.
type Moment struct {
	// Ms is the time since 1970. It goes on while the process does not run.
	Ms int64
	// PausedMs is for how long the process has not run since it started.
	PausedMs int64
}

// RunningMs is a time that stands still while the process does not run: for budgets.
func (m Moment) RunningMs() int64 { return m.Ms - m.PausedMs }

// Timer is what is used of a *time.Timer.
type Timer interface {
	Stop() bool
	Reset(time.Duration) bool
}

// Owner says for how long this node may speak for rooms that another node can take over.
type Owner interface {
	// Valid reports whether what the rooms of a term do may be seen now. If not, it waits.
	Valid(term uint64) bool
	// OnResume has f called each time that rooms become valid again.
	OnResume(f func())
	// OnLost has f called when the rooms have got another owner.
	OnLost(f func())
}

// Socket is the client's end of a Session. Its methods are called in order, with the room's lock
// held: they must not block, nor call the Session.
type Socket interface {
	// Send sends a text frame, which it must not keep. batch is what the Session's Received was
	// called with, nil for none: several frames of one batch may go out together at its end.
	Send(frame []byte, batch any)
	// Ping sends a WebSocket ping.
	Ping()
	// Close sends a close frame behind what was sent before. The Session is over.
	Close(protocol.CloseCode)
	// Cut ends the connection at once: the client takes too little of what is meant for it.
	Cut()
	// Stands tells what the connection is to its room.
	Stands(room.Standing)
}
