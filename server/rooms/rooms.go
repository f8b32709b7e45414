package rooms

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
)

// saveLaterEvery is how much of playback positions and held frames a crash may lose.
const saveLaterEvery = 5 * time.Second

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

// Rooms are the rooms of a node. New makes them, Run works, Close stores the last state of each.
type Rooms struct {
	config  Config
	store   store.Store
	metrics *metrics.Metrics
	log     *slog.Logger
	debug   bool

	registry registry
	unsaved  unsavedRooms
	limit    *limiter
	// closing: Close has been called. unstored is why something could not be stored since.
	closing  atomic.Bool
	unstored atomic.Pointer[error]
}

// New takes stock of the store: it removes what has expired and counts what addresses have.
func New(config Config) (*Rooms, error) {
	r := &Rooms{
		config: config, store: config.Store, metrics: config.Metrics, log: config.Log,
		debug:    config.Log.Enabled(context.Background(), slog.LevelDebug),
		registry: registry{m: make(map[string]*liveRoom)},
		limit:    newLimiter(config.MaxPerAddress),
	}
	if err := r.takeStock(context.Background()); err != nil {
		return nil, err
	}
	if config.Owner != nil {
		config.Owner.OnResume(r.resume)
		config.Owner.OnLost(r.lose)
	}
	return r, nil
}

// Run stores what may be stored later and ends rooms that nobody comes back to, until ctx is done.
func (r *Rooms) Run(ctx context.Context) {
	grace := time.Duration(r.config.Room.SeatGraceMs) * time.Millisecond
	defer r.config.Clock.AfterFunc(grace, func() { r.endUntouched(ctx) }).Stop()
	ticker := time.NewTicker(saveLaterEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.unsaved.save()
		}
	}
}

// Close stores the very last state of each room, and returns why something could not be stored since
// Stopping. No Session may be open, and none may be opened any more. The store stays open.
func (r *Rooms) Close() error {
	r.Stopping()
	for _, l := range r.registry.all() {
		l.saveLast()
	}
	r.store.Flush()
	if err := r.unstored.Load(); err != nil {
		return *err
	}
	return nil
}

// SaveLater stores what may be stored later, now.
func (r *Rooms) SaveLater() { r.unsaved.save() }

// Stopping says that Close will follow: from now on a room whose state could not be stored makes it fail.
func (r *Rooms) Stopping() { r.closing.Store(true) }

// notStored notes that a save failed. Only before the end of the process is that the last word.
func (r *Rooms) notStored(err error) {
	if r.closing.Load() {
		r.unstored.CompareAndSwap(nil, &err)
	}
}

// Describe returns what somebody with an invitation may know of a room, once that is stored.
func (r *Rooms) Describe(_ context.Context, id string) (protocol.RoomSummary, protocol.Code) {
	l, refusal := r.enter(id)
	if refusal != "" {
		return protocol.RoomSummary{}, refusal
	}
	defer l.leave()
	l.mu.Lock()
	exists, summary, stored := l.room.Exists(), protocol.RoomSummary{}, l.stored()
	if exists {
		summary = l.room.Summary()
	}
	l.mu.Unlock()
	switch {
	case !<-stored:
		return protocol.RoomSummary{}, protocol.CodeStorageUnavailable
	case !exists:
		return protocol.RoomSummary{}, protocol.CodeRoomNotFound
	}
	return summary, ""
}

// resume lets out what waited while this node might not have been the owner.
func (r *Rooms) resume() {
	for _, l := range r.registry.all() {
		l.flush()
	}
}

// lose drops all rooms: another node has them.
func (r *Rooms) lose() {
	for _, l := range r.registry.all() {
		l.mu.Lock()
		l.drop(protocol.CloseRestart)
		l.mu.Unlock()
	}
}
