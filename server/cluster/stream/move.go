package stream

import (
	"context"
	"sync"
	"time"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// maxMoving is how many rooms have a message on its way into the queue. The messages of a room go
// one after the other, because two could arrive in the other order.
const maxMoving = 64

// moveLocked begins to move the messages of stored changes. The caller holds the lock.
func (s *Stream) moveLocked(e *entry) {
	o := e.outbox
	if o == nil || o.isMoving || o.first == o.stored || !s.sends() || s.rooms[e.id] != e {
		return
	}
	o.isMoving = true
	if s.moves.moving == maxMoving {
		s.moves.waiting = append(s.moves.waiting, mover{e, o})
		return
	}
	s.moves.moving++
	go s.move(e, o)
}

// move moves the first message of an outbox, and then the others.
func (s *Stream) move(e *entry, o *outbox) {
	s.mu.Lock()
	isCurrent := !s.closed && s.rooms[e.id] == e && e.outbox == o
	if !isCurrent || o.first == o.stored {
		s.endMoveLocked(e, o, isCurrent)
		return
	}
	m := o.messages[0]
	s.mu.Unlock()
	valid := s.config.Valid(e.shard) // before isOwner, so that it is about this term
	switch {
	case !s.isOwner(e): // the next owner does
		s.mu.Lock()
		s.endMoveLocked(e, o, false)
	case !valid:
		// Another node may have taken the room before this change was stored; then nobody knows
		// of it, and nobody may.
		s.moveLater(e, o)
	default:
		s.publishMessage(QueueName, queuePrefix+suffix(e.id), m.ID, appendQueued(nil, &store.Queued{Message: m}), func(r Result) {
			s.moved(e, o, r)
		})
	}
}

func (s *Stream) moveLater(e *entry, o *outbox) {
	time.AfterFunc(s.tuning.unsentAgain, func() { s.move(e, o) })
}

// moved does what the reply to a move says. What is unknown is tried again: the queue knows the id.
// So is what is refused, because of a setting or a limit of the account, which somebody can change.
func (s *Stream) moved(e *entry, o *outbox, r Result) {
	if r.Outcome != Stored && r.Outcome != Full {
		s.moveLater(e, o)
		return
	}
	s.mu.Lock()
	if s.rooms[e.id] == e && e.outbox == o {
		s.shiftLocked(o)
	}
	if r.Outcome == Stored {
		o.queued = r.Revision
	} else {
		s.queue.dropped.Add(1)
	}
	s.mu.Unlock()
	s.move(e, o)
}

// endMoveLocked lets the next room move its messages, and forgets the outbox if nothing is
// left. The caller holds the lock, and endMoveLocked releases it.
func (s *Stream) endMoveLocked(e *entry, o *outbox, isCurrent bool) {
	o.isMoving = false
	queued := o.queued
	o.queued = 0
	start := isCurrent && e.writing == nil && s.restLocked(e)
	var next mover
	if waiting := s.moves.waiting; len(waiting) > 0 {
		next, s.moves.waiting = waiting[0], waiting[1:]
	} else {
		s.moves.moving--
	}
	s.mu.Unlock()
	if start {
		s.try(e)
	}
	if queued != 0 {
		s.tell(queued)
	}
	if next.e != nil {
		go s.move(next.e, next.o)
	}
}

// restLocked is called when no write of a room is under way, or waits, and none is moved. It
// forgets an outbox of which nothing is left, also in the record: in that of a room by its next
// write, or later by forgetQuiet. It reports whether a write was begun. The caller holds the lock.
func (s *Stream) restLocked(e *entry) (start bool) {
	o := e.outbox
	switch {
	case len(o.messages) > 0 && (s.sends() || !e.tombstone):
	case !o.carried, !s.sends():
		if e.tombstone {
			s.forgetLocked(e)
		}
		if len(o.messages) == 0 {
			e.outbox = nil
		}
	case e.tombstone: // as others are, which end after a while
		s.beginLocked(e, &change{value: encode(e.key, nil, e.term), tombstone: true})
		return true
	default:
		o.quietSince = time.Now()
		s.moves.quiet = append(s.moves.quiet, quiet{e, o.quietSince})
	}
	return false
}

// adopt takes a room over whose record has an outbox, so that it is moved. done is called once.
func (s *Stream) adopt(id string, revision uint64, it stored, done func(error)) {
	term, owned := s.config.Term(lease.ShardOf(id))
	if !s.sends() || !owned || !it.isOlderThan(term) {
		done(nil)
		return
	}
	s.claim(id, revision, it, term, true, done)
}

// watchQuiet saves rooms once more that are not saved again soon after their messages have been
// moved, so that no later owner moves them again once the queue has forgotten their ids.
func (s *Stream) watchQuiet() {
	ticker := time.NewTicker(s.tuning.forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		for s.forgetQuiet() {
		}
	}
}

// forgetQuiet saves some rooms without their outboxes, and reports whether there are more.
func (s *Stream) forgetQuiet() (more bool) {
	due, keys := s.takeQuiet()
	if len(due) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.tuning.callAfter)
	defer cancel()
	r, err := s.Read(ctx, keys...)
	if err != nil {
		s.mu.Lock()
		s.moves.quiet = append(due, s.moves.quiet...)
		s.mu.Unlock()
		return false
	}
	var saved sync.WaitGroup
	for _, q := range due {
		found := r.Entry(q.e.key)
		it, err := decodeStored(found.Key, found.Value)
		if err != nil {
			continue // Load reports it
		}
		it.outbox = nil
		c := &change{value: appendStored(nil, q.e.key, &it), calls: []call{{done: func(error) { saved.Done() }}}}
		s.mu.Lock()
		start := s.isQuietLocked(q) && q.e.revision == found.Revision
		if start {
			saved.Add(1)
			s.beginLocked(q.e, c)
		}
		s.mu.Unlock()
		if start {
			s.try(q.e)
		}
	}
	saved.Wait()
	return true
}

func (s *Stream) takeQuiet() (due []quiet, keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.moves.quiet
	for len(all) > 0 && len(due) < readAtOnce && time.Since(all[0].since) >= s.tuning.forgetAfter {
		if s.isQuietLocked(all[0]) {
			due, keys = append(due, all[0]), append(keys, all[0].e.key)
		}
		all = all[1:]
	}
	if s.moves.quiet = all; len(all) == 0 {
		s.moves.quiet = nil
	}
	return due, keys
}

// isQuietLocked reports whether nothing has happened since to a room. The caller holds the lock.
func (s *Stream) isQuietLocked(q quiet) bool {
	o := q.e.outbox
	return !s.closed && s.rooms[q.e.id] == q.e && q.e.writing == nil && o != nil && len(o.messages) == 0 && o.quietSince.Equal(q.since)
}
