package stream

import (
	"container/list"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/store"
)

var (
	// ErrNotOwner is in the error of a call for a room whose shard this node does not own.
	ErrNotOwner = errors.New("this node does not own the room's shard")
	// ErrFenced is in the error of a write that came too late: the room has a newer owner.
	ErrFenced = errors.New("the room has a newer owner")
	// ErrUnknown is in the error of a write whose outcome was not known in time.
	ErrUnknown = errors.New("the outcome of a write is not known")
	// ErrTooLarge is in the error of a save that NATS does not take in one message.
	ErrTooLarge = errors.New("the record is larger than NATS's max_payload")
)

var _ store.Queue = (*Stream)(nil)

// Term is in what right a node acts for a shard.
type Term struct {
	// Number grows with each change of the shard's owner. 0 means none.
	Number uint64
	// Incarnation is the node's id and a random number; at most MaxIncarnationBytes.
	Incarnation string
	// SinceMs is from when on the clients of the shard's last owner could reach this node, in ms
	// since 1970: store.Record.DroppedMs.
	SinceMs int64
}

// Config is what a Stream needs.
type Config struct {
	// Conn is the control connection.
	Conn Conn
	// Replicas is on how many servers the stream is: 3 or 5; 1 is for tests.
	Replicas int
	// Term is the term of this node for a shard, false if it does not own it. It is asked often,
	// must not block, and must not change backwards.
	Term func(shard int) (Term, bool)
	// OnTable gets the table that was read with a room, nil if nobody wants it. It must not block.
	OnTable func(Entry)
	// OnHealth is called when Healthy changes, nil if nobody wants to know. It must not block.
	OnHealth func(error)
	// MaxMessages is how many messages may wait in the queue. 0 means that this node has no queue:
	// it only carries on what others have put into the outboxes of its rooms.
	MaxMessages int
	// Valid reports whether no other node can own a shard now, as long as Term says that this one
	// does; nil means always. It is asked before a message is moved into the queue, and must not
	// block.
	Valid func(shard int) bool
	// Log reports what an operator should know, nothing that identifies a room; nil means
	// slog.Default().
	Log *slog.Logger
}

// tuning are times that tests shorten.
type tuning struct {
	replyAfter, readAfter, callAfter time.Duration // then there is no reply
	putAfter                         time.Duration // the same for one that is not sent again here
	readAgain, createAgain           time.Duration
	busyAgain, unsentAgain           time.Duration
	unhealthyAfter, giveUpAfter      time.Duration
	probeEvery                       time.Duration
	tombstoneTTL, corruptTTL         time.Duration
	forgetAfter, forgetEvery         time.Duration
}

var defaultTuning = tuning{
	replyAfter: 500 * time.Millisecond, readAfter: 500 * time.Millisecond, callAfter: 2 * time.Second,
	putAfter:  slowestReply,
	readAgain: 10 * time.Millisecond, createAgain: 200 * time.Millisecond,
	busyAgain: 2 * time.Millisecond, unsentAgain: 100 * time.Millisecond,
	unhealthyAfter: 2 * time.Second, giveUpAfter: 15 * time.Second, probeEvery: time.Second,
	tombstoneTTL: 24 * time.Hour, corruptTTL: 30 * 24 * time.Hour,
	// Well inside the queue's memory of ids.
	forgetAfter: 20 * time.Second, forgetEvery: 5 * time.Second,
}

// Stream is the stream as a store of rooms, and as the keys of nodes and table. Open makes it and
// Close ends it. It is a store.Store for the shards that Config.Term says are this node's.
type Stream struct {
	config   Config
	log      *slog.Logger
	tuning   tuning
	requests *requests
	meta     meta
	known    highest
	health   health
	queue    queue

	// queuedBytes is what the rooms' changes hold. It is changed under the lock.
	queuedBytes atomic.Int64

	mu sync.Mutex
	// rooms has what is known of rooms by their ids, and shards the same by their shards.
	rooms  map[string]*entry
	shards [lease.Shards]map[*entry]struct{}
	closed bool
	stats  Stats
	// probing: u.probe is being written. probes are the calls for the next one.
	probing bool
	probes  []func(Result)
	moves   moves
	// ctx ends with Close, and background are the goroutines that Close waits for.
	ctx        context.Context
	end        context.CancelFunc
	background sync.WaitGroup
}

// Stats is what has happened since Open, for metrics.
type Stats struct {
	Saves, Deletes uint64 // calls
	// Stored are the writes of rooms that are durable: fewer than the calls, because only the
	// newest counts.
	Stored          uint64
	Claims          uint64 // rooms taken from an earlier owner
	Retries         uint64 // tries of a write after its first
	Fenced, GivenUp uint64 // writes that failed
	Lost            uint64 // writes that the stream had acknowledged and no longer had
	Corrupt         uint64 // records that were set aside
	Queued          int    // rooms with a write under way
	QueuedBytes     int64
	OutboxBytes     int // messages that are not in the queue yet
}

// entry is what is known of a room's key: a room that this node has loaded or written in its term,
// or that has a write under way.
type entry struct {
	id, key string
	shard   int
	term    Term
	// revision is the key's as far as this node knows: what the next write expects.
	revision uint64
	// claimed is the revision that this node took the room over with, 0 if it did not.
	claimed uint64
	// tombstone is set if that revision is one, which NATS removes one day.
	tombstone bool
	// writing is under way, nil if nothing is; next waits for it. Newer changes replace next.
	writing, next *change
	// outbox is nil if there is nothing to move and the record has none.
	outbox *outbox
}

// change is one write of a room, and the calls that it answers.
type change struct {
	value     []byte
	tombstone bool
	// claim is set if it takes the room from its last owner: then nobody may enter before it is
	// stored, and an unexpected record must be loaded, not overwritten.
	claim bool
	// carries is set if the value has an outbox.
	carries bool
	calls   []call
	// waiters are closed when the calls have been answered.
	waiters []chan struct{}
	// began is when it was tried first, and sent when it was last.
	began, sent time.Time
	tries       int
	settled     bool
	waits       *list.Element // the health's
}

// call is one Save or Delete.
type call struct {
	done func(error)
	err  error // the reason for a refusal, whose turn comes with the change
}

// outbox is what the changes of a room have to say, as far as it is not known to be in the queue.
// The lock of the Stream guards it.
type outbox struct {
	// messages are in order. They are numbered; the first has the number first.
	messages []store.Message
	first    uint64
	bytes    int
	// written is the end of those that the write under way tells of, and stored of those that a
	// stored write does: these may be moved.
	written, stored uint64
	// carried is set if the stored record has an outbox.
	carried bool
	// isMoving is set while one of them is being moved, or waits for that.
	isMoving bool
	// queued is the last that was stored in the queue, 0 once others have been told.
	queued uint64
	// quietSince is since when nothing is left to move.
	quietSince time.Time
}

// moves are the outboxes that are being moved. The lock of the Stream guards them.
type moves struct {
	// bytes is what all outboxes have.
	bytes int
	// moving are under way, and waiting are those beyond maxMoving.
	moving  int
	waiting []mover
	// quiet are rooms whose records tell of messages that are in the queue.
	quiet []quiet
}

type mover struct {
	e *entry
	o *outbox
}

type quiet struct {
	e     *entry
	since time.Time
}

// health knows which writes of rooms wait for their outcome, and for how long.
type health struct {
	mu sync.Mutex
	// waiting has the changes under way in the order in which they began.
	waiting list.List
	// failed is set from a write that was given up until the next one that is stored.
	failed  bool
	failure atomic.Pointer[error] // nil while healthy
	wake    chan struct{}         // holds one: something waits
}

// queue is the stream of messages that wait, which all nodes fill and one sends.
type queue struct {
	// known is the highest sequence that this node knows of.
	known   highest
	depth   atomic.Int64
	dropped atomic.Uint64
}

// meta is the value of u.meta, which is written once.
type meta struct {
	Format int    `json:"format"`
	Shards int    `json:"shards"`
	Secret []byte `json:"secret"`
}

// MaxQueuedBytes bounds the records that wait for their acknowledgement.
const MaxQueuedBytes = 256 << 20

// errMoved ends a claim whose room has another record than the one that was loaded.
var errMoved = errors.New("the room was written since it was loaded")

// refusal makes an error that a person can mend.
func refusal(kind error, problem, hint string) error {
	return &broker.Error{Kind: kind, Problem: problem, Hint: hint}
}

// highest is the highest of the sequences that are known.
type highest struct{ atomic.Uint64 }

func (h *highest) know(sequence uint64) {
	for {
		known := h.Load()
		if sequence <= known || h.CompareAndSwap(known, sequence) {
			return
		}
	}
}

func unreachable(stream string, err error) error {
	return refusal(broker.ErrUnreachable, "the stream "+stream+" cannot be used: "+err.Error(),
		"look whether a majority of the servers is up, and whether the account may use JetStream with enough storage and replicas")
}
