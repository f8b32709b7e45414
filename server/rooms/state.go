package rooms

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"usher/flight"
	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
	"usher/server/tracing"
)

// maxVerifying bounds the tokens that are looked at at a time.
const maxVerifying = 256

// Rooms are the rooms of a node. New makes them, Run works, Close stores the last state of each.
type Rooms struct {
	config  Config
	store   store.Store
	metrics *metrics.Metrics
	log     *slog.Logger
	debug   bool

	registry registry
	// unsaved are the rooms that have a SaveLater to be carried out, and recorded those of which
	// something is recorded, or was when they were last looked at.
	unsaved  roomList
	recorded roomList
	limit    *limiter
	listing  *listing
	// verifying has an entry for each token that is being looked at.
	verifying chan struct{}
	renewals  renewals
	// closing is set once Stopping has been called. unstored is why something could not be stored
	// since.
	closing atomic.Bool
	// looking counts what goroutines find out for rooms, and what they owe them.
	looking  atomic.Int64
	unstored atomic.Pointer[error]
}

// notStored records that a save failed. Only a failure before the end of the process is final.
func (r *Rooms) notStored(err error) {
	if r.closing.Load() {
		r.unstored.CompareAndSwap(nil, &err)
	}
}

// Now is the time of the rooms.
func (r *Rooms) Now() Moment { return r.config.Clock.Now() }

// registry has the rooms in memory by id.
type registry struct {
	mu sync.Mutex
	m  map[string]*liveRoom
	// dropped has the rooms that were given up or sleep, and have not been loaded again since.
	dropped map[string]*droppedRoom
	// tenancies are what belongs to each tenure that has anything.
	tenancies map[Tenure]*tenancy
	// closed is set once no room may be loaded: each is stored as its last state.
	closed bool
	// frozen is closed when rooms may be loaded again, nil if they may.
	frozen chan struct{}
}

// tenancy is what belongs to a tenure, so that its end need not look at all rooms. The registry's
// lock guards the maps.
type tenancy struct {
	rooms map[*liveRoom]struct{}
	// dropped are the ids of those that were given up or sleep.
	dropped map[string]struct{}
	// sessions counts the open sessions of the rooms.
	sessions atomic.Int64
}

// droppedRoom is what is remembered about a room that was given up, or that sleeps.
type droppedRoom struct {
	// at is when its connections dropped.
	at Moment
	// creator is the address for which it is still counted, 0 for none.
	creator uint64
	// tenure is that of the room, nil without an Owner.
	tenure Tenure
	// end is the timer for the end of a room that sleeps, nil for one that was given up.
	end Timer
	// pending is set if the store had not reported all its commits: Load may return a record that
	// is not durable.
	pending bool
}

// roomList is a list of rooms of which something is to be done later.
type roomList struct {
	mu   sync.Mutex
	list []*liveRoom
}

// liveRoom is a room in memory with what is kept for it. Its lock orders the room's Steps and their
// effects; nothing blocks while it is held.
type liveRoom struct {
	rooms *Rooms
	id    string
	// tenure is the one in which the room is loaded, nil without an Owner or if another node owns
	// the room.
	tenure Tenure
	// tenancy is nil without a tenure.
	tenancy *tenancy

	mu   sync.Mutex
	room *room.Room
	// sessions are in the order of their ids.
	sessions []*Session
	lastConn room.ConnID
	// requestIDs are for the log, nil unless its level is debug.
	requestIDs requestIDs
	// term is the store's name for the tenure.
	term uint64
	// people is how many seats the metrics have counted.
	people int
	// creator is the address for which the limiter has counted the room, 0 for none.
	creator uint64
	// claimed is closed once what was loaded is stored again, nil if it need not be.
	claimed <-chan struct{}
	// entering counts calls under way for which the room must stay.
	entering int
	// issued counts the Saves and Deletes, and durable those that are known to be done. While they
	// differ, effects wait.
	issued, durable uint64
	// waiting are the sessions that have an outbox.
	waiting []*Session
	sharing *sharing
	// owed is what is owed to others than its sessions, nil for nothing.
	owed *owed
	// times is nil unless something is being timed.
	times *times
	// done counts the commits that the store has reported, and failure is the reason that a commit
	// failed.
	done    atomic.Uint64
	failure atomic.Pointer[error]
	// savingLater counts the saves of SaveLater that the store has not reported.
	savingLater atomic.Int64
	alarm       Timer
	// alarmMs is when the alarm is due, 0 for never.
	alarmMs int64
	// pausedMs is the Moment.PausedMs that the room has been told about.
	pausedMs int64
	// flight has what has happened lately, nil if nothing is recorded.
	flight *flight.Ring
	// outcome takes what comes of the operator's act under way, nil without one.
	outcome *outcome

	// What is only true or false is together, because that makes the struct smaller.

	// flushing is set while a flush will look at done, and drowsy if the room sleeps as soon as
	// savingLater is 0.
	flushing, drowsy atomic.Bool
	// counted is set if the metrics have counted the room.
	counted bool
	// unsaved is set while a SaveLater waits for the next flush, and the room is in Rooms.unsaved.
	// recorded is set while it is in Rooms.recorded.
	unsaved, recorded bool
	// leaving is set once the room is being handed over. It takes no more steps, and nobody enters.
	leaving bool
	// gone is set once the room is no longer in the registry. It takes no more steps.
	gone bool
}

// owed is what a room owes to others than its sessions. Most rooms owe nothing.
type owed struct {
	// asks are the pending queries about the room.
	asks []ask
	// reports are what waits to be told to Config.Observer.
	reports []report
	// watchers are shown what is received and sent.
	watchers []*watcher
}

// owe returns what the room owes, to add to it.
func (l *liveRoom) owe() *owed {
	if l.owed == nil {
		l.owed = new(owed)
	}
	return l.owed
}

// settleOwed gives the memory back once nothing is owed.
func (l *liveRoom) settleOwed() {
	if o := l.owed; o != nil && len(o.asks)+len(o.reports)+len(o.watchers) == 0 {
		l.owed = nil
	}
}

// isWatched reports whether somebody is shown what is received and sent.
func (l *liveRoom) isWatched() bool { return l.owed != nil && len(l.owed.watchers) > 0 }

// outcome is what an Acted says.
type outcome struct {
	refusal  protocol.Code
	creation room.Creation
}

// work is what one Step needs and the next can reuse.
type work struct {
	effects  []room.Effect
	snapshot []byte
	scratch  [64]byte // takes a PONG
	// batch is Session.Received's.
	batch any
	// steppingMs is the time of the Step under way, 0 if none is.
	steppingMs int64
	// reserved is the address for which a room is counted that may yet be created, 0 for none.
	reserved uint64
}

var works = sync.Pool{New: func() any { return &work{effects: make([]room.Effect, 0, 16)} }}

// release forgets what the work points to, so that a pooled one holds no frames.
func (w *work) release() {
	clear(w.effects)
	w.effects, w.batch, w.reserved, w.steppingMs = w.effects[:0], nil, 0, 0
	works.Put(w)
}

// Opening is what a room learns about a new connection.
type Opening struct {
	// Address stands for the client's network address: see room.Event.
	Address uint64
	// Uncounted is set if no limit applies to the rooms that it creates (a trusted proxy's own).
	Uncounted bool
	// RequestID is for the log.
	RequestID string
	// Identity is what has been verified about the client, nil for nothing.
	Identity *room.Identity
	// Trace is what the connection is part of, nil for no trace.
	Trace *tracing.Context
	// Waits is called before Open waits for the store, or for others who do. It may be nil.
	Waits func()
}

// Session is one connection of a room. What its methods report after its end is ignored.
type Session struct {
	room      *liveRoom
	id        room.ConnID
	socket    Socket
	uncounted bool
	// over: the room has closed it, or was told of its end. cutOff: Socket.Cut was called.
	over, cutOff bool
	// outbox is what waits for a commit, nil if nothing does.
	outbox *outbox
}

// requestIDs has, by connection, the id of the request that opened it.
type requestIDs map[room.ConnID]string

func (r *requestIDs) add(id room.ConnID, requestID string) {
	if *r == nil {
		*r = make(requestIDs)
	}
	(*r)[id] = requestID
}

// report is what happened in a turn and may not be told before a commit.
type report struct {
	commit      uint64
	occurrences []*room.Occurrence
}

// times is what is being timed in a room, for metrics and traces. All times are by Metrics.Ns, 0 if
// none are taken.
type times struct {
	// changes are those whose commit has not been seen.
	changes []timedChange
	// arrivals are the connections that have had no seat yet.
	arrivals []arrival
}

// timedChange is a Save or Delete, or a seat that was taken.
type timedChange struct {
	// commit is what it waits for, 0 until the end of its Step, and since when it was made.
	commit uint64
	since  int64
	span   tracing.Span
	// cause is the type of the message that asked for it, 0 for none.
	cause protocol.Type
	// seat is set for a seat that was taken, since then is when its client connected; held if it
	// was taken before.
	seat, held bool
}

// arrival is when a client connected.
type arrival struct {
	conn  room.ConnID
	since int64
	// trace is what the client's connection is part of, and join the request for a seat.
	trace *tracing.Context
	join  tracing.Span
}

// watcher is somebody who is shown the signaling of a room.
type watcher struct{ signal func(Signal) }

// Signal is a message that a room received, sent or passed on.
type Signal struct {
	AtMs int64
	// Sent is set for what goes to a client.
	Sent bool
	// UserID is the client's, "" if it has no seat.
	UserID string
	// Type is the message's, "" for none.
	Type  string
	Bytes int
}

// renewals are the ICE servers that rooms have asked for.
type renewals struct {
	mu     sync.Mutex
	queue  []renewal
	under  int
	config *Config
}

// renewal is one seat that needs ICE servers.
type renewal struct {
	room      *liveRoom
	conn      room.ConnID
	userID    string
	takenAtMs int64
}

// turned ends a turn.
func (r *Rooms) turned() {
	if r.config.Turned != nil {
		r.config.Turned()
	}
}

// isVisible reports whether what the room does now may be seen at once.
func (l *liveRoom) isVisible() bool { return l.issued == l.durable && l.isOwned() }

// isOwned reports whether this node may act for the room.
func (l *liveRoom) isOwned() bool {
	return l.tenure == nil || l.tenure.Valid()
}

// ask is one pending query about the room.
type ask struct {
	commit uint64
	reply  chan bool
}
