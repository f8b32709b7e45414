package stream

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"usher/server/store"
)

// beginLocked writes a change that nobody waits for. The caller holds the lock, and then calls try.
func (s *Stream) beginLocked(e *entry, c *change) {
	s.queuedBytes.Add(int64(len(c.value)))
	s.startLocked(e, c)
}

func (s *Stream) startLocked(e *entry, c *change) {
	s.fillLocked(e, c)
	e.writing, c.began = c, time.Now()
	s.health.began(c)
}

// try sends the change that is under way.
func (s *Stream) try(e *entry) {
	s.mu.Lock()
	c, closed := e.writing, s.closed
	if closed || c == nil {
		s.mu.Unlock()
		return // Close settles it
	}
	c.tries++
	c.sent = time.Now()
	if c.tries > 1 {
		s.stats.Retries++
	}
	expected := e.revision
	s.mu.Unlock()
	switch {
	case !s.isOwner(e):
		s.settle(e, ErrNotOwner)
	case time.Since(c.began) > s.tuning.giveUpAfter:
		s.settle(e, ErrUnknown)
	default:
		var ttl time.Duration
		if c.tombstone && !(c.carries && s.sends()) {
			ttl = s.tuning.tombstoneTTL
		}
		s.publish(e.key, expected, c.value, ttl, s.tuning.replyAfter, func(r Result) { s.answered(e, c, expected, r) })
	}
}

// isOwner reports whether this node still owns the shard in the term in which it knows the room.
func (s *Stream) isOwner(e *entry) bool {
	term, owned := s.config.Term(e.shard)
	return owned && term.Number == e.term.Number
}

// tryLater is try after a pause.
func (s *Stream) tryLater(e *entry, pause time.Duration) {
	time.AfterFunc(pause, func() { s.try(e) })
}

// answered does what the reply to a try says. What is unknown is not failed: the same bytes are
// written again until the outcome is known. One of the tries is stored at most, because all but one
// find another revision than they expect.
func (s *Stream) answered(e *entry, c *change, expected uint64, r Result) {
	switch {
	case r.Outcome == Stored:
		s.reached(e, r.Revision, c.tombstone)
		s.settle(e, nil)
	case r.Outcome == Refused:
		s.settle(e, fmt.Errorf("the stream refuses a write: %w", r.Err))
	case r.Outcome == Busy:
		s.tryLater(e, min(s.tuning.busyAgain<<min(c.tries, 5), s.tuning.unsentAgain))
	case r.Outcome == Unknown && r.Err == errNoReply && time.Since(c.sent) >= s.tuning.replyAfter:
		s.tryLater(e, s.tuning.busyAgain) // the pause has been
	case r.Outcome == Unknown:
		s.tryLater(e, s.tuning.unsentAgain)
	case r.Revision > expected:
		s.judge(e, c, r.Revision)
	case r.Revision < expected && c.claim:
		s.settle(e, errMoved)
	case r.Revision == 0 && s.expired(e):
		s.try(e)
	case r.Revision < expected:
		s.confirm(e, c)
	default: // the server contradicts itself
		s.tryLater(e, s.tuning.unsentAgain)
	}
}

// reached records the key's revision.
func (s *Stream) reached(e *entry, revision uint64, tombstone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.revision, e.tombstone = revision, tombstone
}

// expired makes the next try expect no record, if the known one is a tombstone, which NATS has
// removed then.
func (s *Stream) expired(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.tombstone {
		e.revision, e.tombstone = 0, false
		return true
	}
	return false
}

// confirm finds out whether the stream has really lost what it had acknowledged. The reply that
// says so may be that of a leader which is deposed and does not know it yet: it has not seen the
// last write of the room. So first something else is written, which only a majority can
// acknowledge, and then the record is read from a server that has that.
func (s *Stream) confirm(e *entry, c *change) {
	if !s.isOwner(e) || s.isClosed() {
		s.try(e) // which ends it
		return
	}
	s.probe(func(r Result) {
		switch {
		case r.Outcome == Stored:
			s.compare(e, c, r.Revision)
		case time.Since(c.began) > s.tuning.giveUpAfter:
			s.settle(e, ErrUnknown)
		default:
			time.AfterFunc(s.tuning.unsentAgain, func() { s.confirm(e, c) })
		}
	})
}

// compare reads the record as it was at a sequence or later.
func (s *Stream) compare(e *entry, c *change, atLeast uint64) {
	s.read([]string{e.key}, func(r Reading, err error) {
		switch {
		case err == nil && r.UpTo >= atLeast:
			s.compared(e, r.Entry(e.key))
		case time.Since(c.began) > s.tuning.giveUpAfter:
			s.settle(e, ErrUnknown)
		default:
			time.AfterFunc(s.tuning.readAgain, func() { s.compare(e, c, atLeast) })
		}
	})
}

// compared writes the room again from memory if the record is older than what was acknowledged.
func (s *Stream) compared(e *entry, found Entry) {
	if found.Revision < s.revisionOf(e) {
		if err := e.older(found); err != nil {
			s.settle(e, err)
			return
		}
		s.lost(e, found.Revision)
	}
	s.tryLater(e, s.tuning.unsentAgain) // that leader may reply once more
}

func (s *Stream) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Stream) revisionOf(e *entry) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.revision
}

// lost makes the next try expect the older revision that the stream has.
func (s *Stream) lost(e *entry, revision uint64) {
	s.mu.Lock()
	s.stats.Lost++
	was := e.revision
	e.revision, e.tombstone = revision, false
	s.mu.Unlock()
	s.log.Error("the stream has lost a record that it had acknowledged; it is written again", "revision", was, "found", revision)
}

// judge reads the record that a write has found instead of the expected one, and decides.
func (s *Stream) judge(e *entry, c *change, atLeast uint64) {
	s.read([]string{e.key}, func(r Reading, err error) {
		switch {
		case err == nil && r.UpTo >= atLeast:
			s.known.know(r.UpTo)
			s.decide(e, c, r.Entry(e.key))
		case time.Since(c.began) > s.tuning.giveUpAfter:
			s.settle(e, ErrUnknown)
		default: // this server is behind, or did not answer: ask another
			time.AfterFunc(s.tuning.readAgain, func() { s.judge(e, c, atLeast) })
		}
	})
}

// decide is the table of what an unexpected record means.
func (s *Stream) decide(e *entry, c *change, found Entry) {
	it, err := decodeStored(e.key, found.Value)
	fenced := e.fenced(&it, err)
	switch {
	case found.Revision == 0: // a tombstone that expired meanwhile
		s.reached(e, 0, false)
		s.try(e)
	case bytes.Equal(found.Value, c.value):
		// An earlier try: its term and incarnation are in the bytes.
		s.reached(e, found.Revision, c.tombstone)
		s.settle(e, nil)
	case fenced != nil:
		s.settle(e, fenced)
	case c.claim:
		s.settle(e, errMoved)
	default:
		// A write of an earlier term, or an earlier one of ours that was given up: it came after
		// the table that made us the owner, so nobody has seen it. Or a record that cannot be
		// read, which memory mends.
		s.reached(e, found.Revision, it.tombstone)
		s.keepOutboxOf(&it, e, c)
		s.try(e)
	}
}

// fenced is why a record that was found must not be written over in e's term, nil if it may be.
func (e *entry) fenced(it *stored, err error) error {
	switch {
	case errors.Is(err, store.ErrNewer):
		return fmt.Errorf("%w: its record is of a newer usher", ErrFenced)
	case err == nil && (it.term > e.term.Number || it.term == e.term.Number && it.incarnation != e.term.Incarnation):
		return ErrFenced
	}
	return nil
}

// older is fenced for a record that is older than what was acknowledged. If an older stream was
// restored, the table was too, and terms have begun again: what another node has written since may
// have a lower one. Only the record that e was claimed with is from before.
func (e *entry) older(found Entry) error {
	it, err := decodeStored(e.key, found.Value)
	if err == nil && it.incarnation != e.term.Incarnation && found.Revision != e.claimed {
		return ErrFenced
	}
	return e.fenced(&it, err)
}

// settle answers the calls of the change under way and starts the next one. After an error it
// answers all calls and forgets the room: whoever goes on with it loads it first.
func (s *Stream) settle(e *entry, err error) {
	s.mu.Lock()
	c := e.writing
	if c == nil || c.settled { // Close and a reply came together
		s.mu.Unlock()
		return
	}
	c.settled = true
	calls, failed := c.calls, []*change{c}
	c.calls = nil
	if err != nil && e.next != nil {
		calls = append(calls, e.next.calls...)
		failed = append(failed, e.next)
		e.next = nil
	}
	s.count(c, err)
	if err == nil {
		e.writtenLocked(c)
	}
	s.mu.Unlock()
	s.health.ended(c, errors.Is(err, ErrUnknown))
	for _, call := range calls { // before the next change starts, whose calls come later
		if call.err != nil {
			call.done(call.err)
		} else {
			call.done(err)
		}
	}
	s.mu.Lock()
	var waiters []chan struct{}
	for _, c := range failed {
		s.queuedBytes.Add(-int64(len(c.value)))
		waiters = append(waiters, c.waiters...)
	}
	late := c.calls // refused meanwhile
	next := s.nextLocked(e, err)
	s.moveLocked(e)
	s.mu.Unlock()
	for _, call := range late {
		call.done(call.err)
	}
	for _, w := range waiters {
		close(w)
	}
	if next {
		s.try(e)
	}
}

func (s *Stream) count(c *change, err error) {
	switch {
	case err == nil && c.claim:
		s.stats.Claims++
		s.stats.Stored++
	case err == nil:
		s.stats.Stored++
	case errors.Is(err, ErrFenced), errors.Is(err, ErrNotOwner):
		s.stats.Fenced++
	case errors.Is(err, ErrUnknown):
		s.stats.GivenUp++
	}
}

// nextLocked starts the change that waits, or forgets a room of which nothing is to be known. The
// caller holds the lock.
func (s *Stream) nextLocked(e *entry, err error) (start bool) {
	next := e.next
	e.writing, e.next = nil, nil
	switch {
	case next != nil && !s.closed:
		if err != nil {
			e.revision, e.tombstone = 0, false // unknown: what is found decides
		}
		s.startLocked(e, next)
		return true
	case next != nil: // closed: nobody else will answer
		for _, call := range next.calls {
			go call.done(store.ErrClosed)
		}
		for _, w := range next.waiters {
			close(w)
		}
		s.queuedBytes.Add(-int64(len(next.value)))
	case err == nil && !s.isOwner(e): // Release has been, or will be
	case err == nil && e.outbox != nil && !s.closed:
		return s.restLocked(e)
	case err == nil && !e.tombstone:
		return false
	}
	s.forgetLocked(e)
	return false
}
