package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// Load returns id's record: see store.Store. The record is this node's when it returns: if the last
// write was another owner's, or was the last of a clean end, it has been written back in this
// node's term first, so that no earlier owner can write any more. Term is set even if there is no
// record; then nothing is written, so that guessing ids costs no writes. Load waits for as long as
// a write may.
func (s *Stream) Load(id string) (store.Record, bool, error) {
	if !validID(id) {
		return store.Record{}, false, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.tuning.giveUpAfter)
	defer cancel()
	for {
		r, found, err := s.loadOnce(ctx, id)
		switch {
		case err == nil, errors.Is(err, store.ErrCorrupt):
			return r, found, err
		case errors.Is(err, errMoved) && ctx.Err() == nil:
			continue
		case s.ctx.Err() != nil:
			err = store.ErrClosed
		}
		return store.Record{}, false, fmt.Errorf("loading a room: %w", err)
	}
}

func (s *Stream) loadOnce(ctx context.Context, id string) (store.Record, bool, error) {
	key, shard := roomKey(id), lease.ShardOf(id)
	term, owned := s.config.Term(shard)
	if !owned {
		return store.Record{}, false, ErrNotOwner
	}
	if r, found, known, err := s.loadQueued(ctx, id, term); known || err != nil {
		return r, found, err
	}
	keys := []string{key}
	if s.config.OnTable != nil {
		keys = append(keys, TableKey)
	}
	reading, err := s.Read(ctx, keys...)
	if err != nil {
		return store.Record{}, false, err
	}
	if s.config.OnTable != nil {
		s.config.OnTable(reading.Entry(TableKey))
	}
	found := reading.Entry(key)
	if found.Revision == 0 {
		return store.Record{Term: term.Number}, false, nil
	}
	it, err := decodeStored(key, found.Value)
	switch {
	case errors.Is(err, store.ErrNewer):
		return store.Record{}, false, err
	case err != nil:
		return store.Record{Term: term.Number}, false, s.setAside(ctx, id, found, term, err)
	case it.tombstone && len(it.outbox) == 0:
		return store.Record{Term: term.Number}, false, nil
	case !it.isOlderThan(term):
		return store.Record{}, false, ErrFenced
	}
	if !s.isHeld(id, found.Revision, term) || it.record.Clean {
		claimed := it
		claimed.record.Clean = false // a crash from now on loses what is held
		if err := s.wait(ctx, func(done func(error)) { s.claim(id, found.Revision, claimed, term, false, done) }); err != nil {
			return store.Record{}, false, err
		}
	}
	if it.tombstone {
		return store.Record{Term: term.Number}, false, nil
	}
	return loaded(it.record, term), true, nil
}

// isOlderThan reports whether whoever has that term may claim the record.
func (it *stored) isOlderThan(term Term) bool {
	return it.term < term.Number || it.term == term.Number && it.incarnation == term.Incarnation
}

// loaded is a record as Load returns it. The reading's bytes are nobody else's.
func loaded(r store.Record, term Term) store.Record {
	r.DroppedMs, r.Term = term.SinceMs, term.Number
	return r
}

// loadQueued returns what waits to be stored, if anything does. A claim is waited for.
func (s *Stream) loadQueued(ctx context.Context, id string, term Term) (r store.Record, found, known bool, err error) {
	s.mu.Lock()
	e := s.rooms[id]
	if e == nil || e.writing == nil {
		s.mu.Unlock()
		return r, false, false, nil
	}
	c := e.next
	if c == nil {
		c = e.writing
	}
	if c.claim || c.settled || e.term.Number != term.Number {
		w := make(chan struct{})
		c.waiters = append(c.waiters, w)
		s.mu.Unlock()
		select {
		case <-w:
			return r, false, false, nil // now it can be read
		case <-ctx.Done():
			return r, false, false, ctx.Err()
		}
	}
	value := bytes.Clone(c.value)
	s.mu.Unlock()
	it, err := decodeStored(e.key, value)
	switch {
	case err != nil:
		return r, false, false, err
	case it.tombstone:
		return store.Record{Term: term.Number}, false, true, nil
	case it.record.Clean: // not the last state any more
		unclean := it.record
		unclean.Clean = false
		if err := s.wait(ctx, func(done func(error)) { s.Save(id, unclean, done) }); err != nil {
			return r, false, false, err
		}
	}
	return loaded(it.record, term), true, true, nil
}

// isHeld reports whether this node wrote that revision in its term and knows the outcome of all it
// has sent since.
func (s *Stream) isHeld(id string, revision uint64, term Term) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rooms[id]
	return e != nil && e.term == term && e.writing == nil && e.revision == revision
}

// claim writes a record, or a tombstone that has an outbox, back in this node's term. If that
// is only because of its outbox, a room that this node has loaded or saved in its term stays as it
// is.
func (s *Stream) claim(id string, revision uint64, it stored, term Term, isForOutbox bool, done func(error)) {
	key, messages := roomKey(id), it.outbox
	it.term, it.incarnation, it.outbox = term.Number, term.Incarnation, nil
	c := &change{value: appendStored(nil, key, &it), tombstone: it.tombstone, claim: true}
	s.mu.Lock()
	e := s.rooms[id]
	switch {
	case s.closed:
		s.mu.Unlock()
		done(store.ErrClosed)
		return
	case e != nil && (e.writing != nil || isForOutbox && e.term == term): // since it was read
		s.mu.Unlock()
		done(errMoved)
		return
	}
	e = &entry{id: id, key: key, shard: lease.ShardOf(id), term: term, revision: revision, claimed: revision}
	s.rememberLocked(e)
	s.inheritLocked(e, messages)
	s.add(e, c, call{done: done})
	s.mu.Unlock()
	s.try(e)
}

// wait does what ends with a done.
func (s *Stream) wait(ctx context.Context, do func(done func(error))) error {
	result := make(chan error, 1)
	do(func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setAside moves a record that cannot be read to a key of its own, where it stays for 30 days. Its
// room can begin again. A server with a broken disk may be the reason, so all servers are asked
// several times before.
func (s *Stream) setAside(ctx context.Context, id string, found Entry, term Term, cause error) error {
	for range corruptReads {
		r, err := s.Read(ctx, found.Key)
		if err != nil {
			return err
		}
		if e := r.Entry(found.Key); e.Revision != found.Revision {
			return errMoved
		} else if _, err := decodeStored(e.Key, e.Value); err == nil {
			return errMoved // another server has it whole
		}
	}
	if r := s.insist(ctx, corruptPrefix+suffix(id), unconditional, found.Value, s.tuning.corruptTTL); r.Outcome != Stored {
		return fmt.Errorf("setting a corrupt record aside: %w", r.Err)
	}
	r := s.insist(ctx, found.Key, found.Revision, encode(found.Key, nil, term), s.tuning.tombstoneTTL)
	if r.Outcome != Stored {
		return errMoved // look again
	}
	s.mu.Lock()
	s.stats.Corrupt++
	s.mu.Unlock()
	return fmt.Errorf("%w: %w", store.ErrCorrupt, cause)
}

// corruptReads make it all but certain that each of five servers has answered.
const corruptReads = 20
