package stream

import (
	"errors"
	"fmt"

	"usher/server/cluster/lease"
	"usher/server/store"
)

var errID = errors.New("an id has 1 to 1024 bytes")

// Save queues r as the record of id: see store.Store. In addition to its errors there are
// ErrNotOwner, ErrFenced, ErrUnknown and ErrTooLarge. A record whose Term is not 0 is saved in that
// term or not at all.
func (s *Stream) Save(id string, r store.Record, done func(error)) { s.submit(id, &r, nil, done) }

// Delete queues a tombstone for id's record: see store.Store.
func (s *Stream) Delete(id string, done func(error)) { s.submit(id, nil, nil, done) }

// SaveWith implements store.Queue.
func (s *Stream) SaveWith(id string, r store.Record, messages []store.Message, done func(error)) {
	s.submit(id, &r, messages, done)
}

// DeleteWith implements store.Queue.
func (s *Stream) DeleteWith(id string, messages []store.Message, done func(error)) {
	s.submit(id, nil, messages, done)
}

// submit queues a change; r is nil for a tombstone.
func (s *Stream) submit(id string, r *store.Record, messages []store.Message, done func(error)) {
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
	s.keepLocked(e, messages)
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
