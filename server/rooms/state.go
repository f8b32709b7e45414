package rooms

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
)

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
	listing  *listing
	// verifying has an entry for each token that is being looked at.
	verifying chan struct{}
	renewals  renewals
	// closing is set once Stopping has been called. unstored is why something could not be stored
	// since.
	closing  atomic.Bool
	unstored atomic.Pointer[error]
}

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

// unsavedRooms is the list of rooms that have a SaveLater to be carried out.
type unsavedRooms struct {
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
	// people is how many seats the metrics have counted, and counted is set if they have counted
	// the room.
	people  int
	counted bool
	// creator is the address for which the limiter has counted the room, 0 for none.
	creator uint64
	// claimed is closed once what was loaded is stored again, nil if it need not be.
	claimed <-chan struct{}
	// entering counts calls under way for which the room must stay.
	entering int
	// issued counts the Saves and Deletes, and durable those that are known to be done. While they
	// differ, effects wait.
	issued, durable uint64
	// waiting are the sessions that have an outbox, and asks the pending queries about the room.
	waiting []*Session
	sharing *sharing
	asks    []ask
	// done counts the commits that the store has reported, flushing is set while a flush will look
	// at it, and failure is the reason that a commit failed.
	done     atomic.Uint64
	flushing atomic.Bool
	failure  atomic.Pointer[error]
	// savingLater counts the saves of SaveLater that the store has not reported.
	savingLater atomic.Int64
	// drowsy is set if the room sleeps as soon as that is 0.
	drowsy atomic.Bool
	alarm  Timer
	// alarmMs is when the alarm is due, 0 for never.
	alarmMs int64
	// pausedMs is the Moment.PausedMs that the room has been told about.
	pausedMs int64
	// unsaved is set while a SaveLater waits for the next flush.
	unsaved bool
	// leaving is set once the room is being handed over. It takes no more steps, and nobody enters.
	leaving bool
	// gone is set once the room is no longer in the registry. It takes no more steps.
	gone bool
}

// work is what one Step needs and the next can reuse.
type work struct {
	effects  []room.Effect
	snapshot []byte
	scratch  [64]byte // takes a PONG
	// batch is Session.Received's.
	batch any
	// reserved is the address for which a room is counted that may yet be created, 0 for none.
	reserved uint64
}

var works = sync.Pool{New: func() any { return &work{effects: make([]room.Effect, 0, 16)} }}

// release forgets what the work points to, so that a pooled one holds no frames.
func (w *work) release() {
	clear(w.effects)
	w.effects, w.batch, w.reserved = w.effects[:0], nil, 0
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
}

// Session is one connection of a room. What its methods report after its end is ignored.
type Session struct {
	room      *liveRoom
	id        room.ConnID
	socket    Socket
	address   uint64
	uncounted bool
	// over: the room has closed it, or was told of its end. cutOff: Socket.Cut was called.
	over, cutOff bool
	// outbox is what waits for a commit, nil if nothing does.
	outbox *outbox
}

// ask is one pending query about the room.
type ask struct {
	commit uint64
	reply  chan bool
}

// requestIDs has, by connection, the id of the request that opened it.
type requestIDs map[room.ConnID]string

func (r *requestIDs) add(id room.ConnID, requestID string) {
	if *r == nil {
		*r = make(requestIDs)
	}
	(*r)[id] = requestID
}
