package stream

import (
	"container/list"
	"errors"
	"fmt"
	"time"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// MaxQueuedBytes bounds the records that wait for their acknowledgement.
const MaxQueuedBytes = 256 << 20

var errID = errors.New("an id has 1 to 1024 bytes")

// entry is what is known of a room's key: a room that this node has loaded or written in its term,
// or that has a write under way.
type entry struct {
	id, key string
	shard   int
	term    Term
	// revision is the key's as far as this node knows: what the next write expects.
	revision uint64
	// tombstone is set if that revision is one, which NATS removes one day.
	tombstone bool
	// writing is under way, nil if nothing is; next waits for it. Newer changes replace next.
	writing, next *change
}

// change is one write of a room, and the calls that it answers.
type change struct {
	value     []byte
	tombstone bool
	// claim is set if it takes the room from its last owner: then nobody may enter before it is
	// stored, and an unexpected record must be loaded, not overwritten.
	claim bool
	calls []call
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

// Save queues r as the record of id: see store.Store. In addition to its errors there are
// ErrNotOwner, ErrFenced, ErrUnknown and ErrTooLarge. A record whose Term is not 0 is saved in that
// term or not at all.
func (s *Stream) Save(id string, r store.Record, done func(error)) { s.submit(id, &r, done) }

// Delete queues a tombstone for id's record: see store.Store.
func (s *Stream) Delete(id string, done func(error)) { s.submit(id, nil, done) }

// submit queues a change; r is nil for a tombstone.
func (s *Stream) submit(id string, r *store.Record, done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	key, shard := roomKey(id), lease.ShardOf(id)
	term, owned := s.config.Term(shard)
	c := &change{tombstone: r == nil}
	if owned {
		c.value = encode(key, r, term)
	}
	err := s.refusal(id, r, term, owned, len(c.value))
	s.mu.Lock()
	e := s.rooms[id]
	switch {
	case s.closed:
		err = store.ErrClosed
	case err != nil:
	case s.queuedBytes.Load()+int64(len(c.value)) > MaxQueuedBytes:
		err = store.ErrOverloaded
	case e == nil || e.writing == nil && e.term.Number != term.Number:
		e = &entry{id: id, key: key, shard: shard, term: term}
		s.rememberLocked(e)
	case e.term.Number != term.Number:
		// Its write will be fenced, and this one is of a room that was not loaded.
		err = ErrFenced
	}
	if err != nil {
		s.mu.Unlock()
		s.refuse(e, call{done, err})
		return
	}
	if r == nil {
		s.stats.Deletes++
	} else {
		s.stats.Saves++
	}
	start := s.add(e, c, call{done: done})
	s.mu.Unlock()
	if start {
		s.try(e)
	}
}

func encode(key string, r *store.Record, term Term) []byte {
	it := stored{term: term.Number, incarnation: term.Incarnation, tombstone: r == nil}
	if r != nil {
		it.record = *r
	}
	return appendStored(nil, key, &it)
}

// refusal is why a change cannot be queued, whatever else is.
func (s *Stream) refusal(id string, r *store.Record, term Term, owned bool, size int) error {
	switch {
	case !validID(id):
		return errID
	case !owned:
		return ErrNotOwner
	case r != nil && r.Term != 0 && r.Term != term.Number:
		return ErrFenced
	case int64(size)+slackBytes > s.config.Conn.MaxPayload():
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	return nil
}

// slackBytes is more than the headers of a write.
const slackBytes = 1024

// refuse answers a call that is not queued, after the calls for the same room that are.
func (s *Stream) refuse(e *entry, c call) {
	s.mu.Lock()
	if e != nil && e.writing != nil {
		if e.next == nil {
			e.writing.calls = append(e.writing.calls, c)
		} else {
			e.next.calls = append(e.next.calls, c)
		}
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	go c.done(c.err)
}

// add queues a change, in the place of one that waits, and reports whether to try it now. The
// caller holds the lock.
func (s *Stream) add(e *entry, c *change, first call) (start bool) {
	s.queuedBytes.Add(int64(len(c.value)))
	c.calls = append(c.calls, first)
	switch {
	case e.writing == nil:
		s.startLocked(e, c)
		return true
	case e.next == nil:
		e.next = c
	default:
		s.queuedBytes.Add(-int64(len(e.next.value)))
		e.next.value, e.next.tombstone = c.value, c.tombstone
		e.next.calls = append(e.next.calls, c.calls...)
	}
	return false
}

func (s *Stream) startLocked(e *entry, c *change) {
	e.writing, c.began = c, time.Now()
	s.health.began(c)
}

// Flush waits until everything that was saved or deleted before is durable or has failed, and the
// dones have been called.
func (s *Stream) Flush() {
	var waiters []chan struct{}
	s.mu.Lock()
	for _, e := range s.rooms {
		c := e.next
		if c == nil {
			c = e.writing
		}
		if c != nil {
			w := make(chan struct{})
			c.waiters = append(c.waiters, w)
			waiters = append(waiters, w)
		}
	}
	s.mu.Unlock()
	for _, w := range waiters {
		<-w
	}
}

// rememberLocked makes e what is known of its room. The caller holds the lock.
func (s *Stream) rememberLocked(e *entry) {
	if before := s.rooms[e.id]; before != nil {
		s.forgetLocked(before)
	}
	s.rooms[e.id] = e
	if s.shards[e.shard] == nil {
		s.shards[e.shard] = make(map[*entry]struct{})
	}
	s.shards[e.shard][e] = struct{}{}
}

// forgetLocked forgets e, if nothing newer is known of its room. The caller holds the lock.
func (s *Stream) forgetLocked(e *entry) {
	if s.rooms[e.id] != e {
		return
	}
	delete(s.rooms, e.id)
	delete(s.shards[e.shard], e)
	if len(s.shards[e.shard]) == 0 {
		s.shards[e.shard] = nil
	}
}

// Release forgets what is known of the rooms of a shard from a term that is over. Writes under way
// end by themselves.
func (s *Stream) Release(shard int, term Term) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.shards[shard] {
		if e.term == term && e.writing == nil {
			s.forgetLocked(e)
		}
	}
}
