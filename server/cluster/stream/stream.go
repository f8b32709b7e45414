package stream

import (
	"context"
	"errors"
	"fmt"
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

var _ store.Store = (*Stream)(nil)

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
	// Log reports what an operator should know, nothing that identifies a room; nil means
	// slog.Default().
	Log *slog.Logger
}

// tuning are times that tests shorten.
type tuning struct {
	answerAfter, readAfter, callAfter time.Duration // then there is no reply
	readAgain, createAgain            time.Duration
	busyAgain, unsentAgain            time.Duration
	unhealthyAfter, giveUpAfter       time.Duration
	probeEvery                        time.Duration
	tombstoneTTL, corruptTTL          time.Duration
}

var defaultTuning = tuning{
	answerAfter: 500 * time.Millisecond, readAfter: 500 * time.Millisecond, callAfter: 2 * time.Second,
	readAgain: 10 * time.Millisecond, createAgain: 200 * time.Millisecond,
	busyAgain: 2 * time.Millisecond, unsentAgain: 100 * time.Millisecond,
	unhealthyAfter: 2 * time.Second, giveUpAfter: 15 * time.Second, probeEvery: time.Second,
	tombstoneTTL: 24 * time.Hour, corruptTTL: 30 * 24 * time.Hour,
}

// Stream is the stream as a store of rooms, and as the keys of nodes and table. Open makes it and
// Close ends it. It is a store.Store for the shards that Config.Term says are this node's.
type Stream struct {
	config   Config
	log      *slog.Logger
	tuning   tuning
	requests *requests
	meta     meta
	known    atomic.Uint64
	health   health

	// queuedBytes is what the rooms' changes hold. It is changed under the lock.
	queuedBytes atomic.Int64

	mu sync.Mutex
	// rooms has what is known of rooms by their ids, and shards the same by their shards.
	rooms  map[string]*entry
	shards [lease.Shards]map[*entry]struct{}
	closed bool
	stats  Stats
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
}

// Open creates the stream or checks it, and returns once a quorum answers, or the reason why none
// did when ctx is done. The errors that a person can mend are *broker.Error.
func Open(ctx context.Context, config Config) (*Stream, error) {
	return open(ctx, config, defaultTuning)
}

func open(ctx context.Context, config Config, t tuning) (*Stream, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.OnHealth == nil {
		config.OnHealth = func(error) {}
	}
	r, err := newRequests(config.Conn)
	if err != nil {
		return nil, fmt.Errorf("opening the stream: %w", err)
	}
	s := &Stream{config: config, log: config.Log, tuning: t, requests: r, rooms: make(map[string]*entry)}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.health.wake = make(chan struct{}, 1)
	if err := s.begin(ctx); err != nil {
		s.end()
		r.close()
		return nil, err
	}
	s.background.Go(s.watch)
	return s, nil
}

func (s *Stream) begin(ctx context.Context) error {
	found, err := s.create(ctx)
	if err != nil {
		return err
	}
	if err := found.Config.check(s.config.Replicas); err != nil {
		return err
	}
	s.know(found.State.LastSequence)
	s.meta, err = s.readMeta(ctx)
	return err
}

// Check looks again whether the stream can hold rooms: its settings, on how many servers it is, and
// u.meta. A node calls it at its start and once a minute, beside broker's. It returns a
// *broker.Error for what a person must mend, and another error if NATS does not answer.
func (s *Stream) Check(ctx context.Context) error {
	found, err := s.info(ctx, "", 0)
	if refused := (*apiError)(nil); errors.As(err, &refused) && refused.ErrCode == codeNoStream {
		return refusal(broker.ErrSettings, "the stream "+Name+" does not exist any more", "restore it from a backup (nats stream restore), or restart every node to begin with none")
	}
	if err != nil {
		return fmt.Errorf("checking the stream: %w", err)
	}
	if err := found.Config.check(s.config.Replicas); err != nil {
		return err
	}
	if got := found.copies(); got != s.config.Replicas {
		return refusal(broker.ErrSettings, fmt.Sprintf("%s is on %d servers", Name, got), fmt.Sprintf("NATS needs %d servers for it: nats stream info %s", s.config.Replicas, Name))
	}
	r, err := s.Read(ctx)
	if err != nil {
		return err
	}
	if len(r.Entry(metaKey).Value) == 0 {
		return refusal(broker.ErrMeta, metaKey+" is gone", "restore it from a backup of the stream")
	}
	return nil
}

// Secret returns the key for hashing network addresses, which all nodes share.
func (s *Stream) Secret() [32]byte { return [32]byte(s.meta.Secret) }

// Stats returns the current figures.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Queued, stats.QueuedBytes = s.health.writing(), s.queuedBytes.Load()
	return stats
}

// Close ends it. Writes that are under way fail with store.ErrClosed: Flush first. The connection
// stays open. It may be called again.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	left := make([]*entry, 0, len(s.rooms))
	for _, e := range s.rooms {
		if e.writing != nil {
			left = append(left, e)
		}
	}
	s.mu.Unlock()
	s.end()
	s.requests.close()
	for _, e := range left {
		s.settle(e, store.ErrClosed)
	}
	s.background.Wait()
}
