package rooms

import (
	"bytes"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
)

// flushAtOnce is how many frames and closes go out during one hold of a room's lock.
const flushAtOnce = 256

// perform carries out the effects of a Step in order. The caller holds the lock.
func (l *liveRoom) perform(w *work, event *room.Event) {
	changed, reported := false, false
	for i := range w.effects {
		if l.gone { // given up
			return
		}
		e := &w.effects[i]
		switch e.Kind {
		case room.Send:
			l.deliver(e, e.Frame, e.Borrowed, w.batch)
		case room.Forward:
			l.deliver(e, event.Frame, true, w.batch)
			l.rooms.metrics.FramesRelayed(1)
		case room.Close:
			if s := l.sessionOf(e.Conn); s != nil {
				l.close(s, e.Code)
			}
		case room.Save:
			changed = true
			l.save(w, l.messages(w))
		case room.SaveLater:
			l.saveLater()
		case room.Delete:
			changed = true
			l.delete(l.messages(w))
		case room.Created:
			l.created(w, e.Address)
		case room.Ended:
			l.ended()
		case room.Stands:
			if s := l.sessionOf(e.Conn); s != nil {
				s.socket.Stands(e.Standing)
			}
		case room.SetAlarm:
			l.setAlarm(e.AtMs)
		case room.Ping:
			if s := l.sessionOf(e.Conn); s != nil {
				s.socket.Ping()
			}
		case room.Verify:
			l.verify(e, event)
		case room.Renew:
			l.rooms.renewals.add(l, e)
		case room.SeatEnded:
			l.rooms.config.ICE.Revoke(l.id, e.UserID, e.AtMs)
		case room.Hash:
			l.hash(e, event)
		case room.Report:
			reported = true
		default:
			l.count(e)
		}
	}
	if l.isWatched() {
		l.showSent(w, event)
	}
	if reported {
		l.report(w)
	}
	if changed {
		l.countPeople()
	}
	if changed || l.times != nil {
		l.timeChange(w, event, changed)
	}
	l.sharing.endStep()
}

// count carries out an effect that is for the operator, the metrics and the log.
func (l *liveRoom) count(e *room.Effect) {
	switch e.Kind {
	case room.Acted:
		l.outcome.refusal = e.Refusal
		if e.Creation != nil {
			l.outcome.creation = *e.Creation
		}
	case room.SeatTaken:
		l.timeSeat(e)
	case room.Explained:
		l.rooms.metrics.PathExplained(e.Path)
	case room.SeatExpired:
		l.rooms.metrics.SeatExpired()
	case room.Refused:
		l.refuseJoin(e)
		l.rooms.metrics.ErrorSent(e.Type, e.Refusal)
		l.note("refused", e)
	case room.Bounced:
		l.rooms.metrics.UndeliveredSent(e.Type, e.Refusal)
		l.note("bounced", e)
	}
}

// deliver sends a frame now, or when the room's commits are done. A borrowed frame belongs to the
// reader and must be copied to be kept.
func (l *liveRoom) deliver(e *room.Effect, frame []byte, borrowed bool, batch any) {
	s := l.sessionOf(e.Conn)
	switch {
	case s == nil, s.cutOff:
		return
	case s.outbox == nil && l.isVisible():
		s.socket.Send(frame, batch)
		return
	case borrowed:
		frame = bytes.Clone(frame)
	}
	share := l.share()
	entry := &waiting{frame: share.share(frame), replaces: e.Replaces}
	if e.Kind == room.Forward {
		entry.since = l.rooms.metrics.Ns()
	}
	if e.Brief != nil {
		entry.brief = share.share(e.Brief)
	}
	l.wait(s, entry)
}

// share returns the counter of the frames that wait.
func (l *liveRoom) share() *sharing {
	if l.sharing == nil {
		l.sharing = &sharing{total: &l.rooms.metrics.WaitingBytes.Int64}
	}
	return l.sharing
}

// wait queues a frame or a close behind the commits under way. A session that would have more than
// MaxPendingBytes waiting is cut off like any reader that is too slow; the others go on.
func (l *liveRoom) wait(s *Session, entry *waiting) {
	if s.outbox == nil {
		s.outbox = new(outbox)
		l.waiting = append(l.waiting, s)
	}
	entry.commit = l.issued
	s.outbox.add(entry, l.share())
	if s.outbox.bytes > l.rooms.config.MaxPendingBytes && entry.code == 0 {
		l.cut(s)
	}
}

// cut ends a connection that is too slow to take what is sent to it. The room learns of it by the
// end of the socket.
func (l *liveRoom) cut(s *Session) {
	s.cutOff = true
	l.abandon(s)
	s.socket.Cut()
}

// close ends a session that the room has forgotten, after the frames that wait for it.
func (l *liveRoom) close(s *Session, code protocol.CloseCode) {
	l.forget(s)
	if s.outbox == nil && l.isVisible() {
		s.socket.Close(code)
		return
	}
	l.wait(s, &waiting{code: code})
}

func (l *liveRoom) save(w *work, messages []store.Message) {
	l.issued++
	l.unsaved = false
	w.snapshot = l.room.AppendSnapshot(w.snapshot[:0])
	if len(messages) > 0 {
		l.rooms.config.Queue.SaveWith(l.id, l.record(w.snapshot), messages, l.committed)
		return
	}
	l.rooms.store.Save(l.id, l.record(w.snapshot), l.committed)
}

func (l *liveRoom) delete(messages []store.Message) {
	l.issued++
	if len(messages) > 0 {
		l.rooms.config.Queue.DeleteWith(l.id, messages, l.committed)
		return
	}
	l.rooms.store.Delete(l.id, l.committed)
}

// committed is called for each commit in order, from the store's writer, which it must not block.
func (l *liveRoom) committed(err error) {
	if err != nil {
		l.failure.CompareAndSwap(nil, &err)
		l.rooms.notStored(err)
	}
	l.done.Add(1)
	if !l.flushing.Swap(true) {
		go l.flush()
	}
}

// flush lets out the effects that waited for commits. It releases the lock now and then: when many
// have joined at once, a large room may have much to send.
func (l *liveRoom) flush() {
	for more := true; more; {
		l.mu.Lock()
		l.flushing.Store(false) // a later commit needs another flush
		more = l.flushLocked()
		l.rooms.turned()
		l.mu.Unlock()
	}
}

// flushLocked reports whether more can be let out. If a commit failed it gives the room up: nobody
// has seen any effect that depended on that commit.
func (l *liveRoom) flushLocked() (more bool) {
	if l.gone {
		return false
	}
	if err := l.failure.Load(); err != nil {
		l.giveUp(protocol.CloseTryLater, "a commit failed", *err)
		return false
	}
	if !l.isOwned() {
		return false
	}
	if l.leaving && l.done.Load() != l.issued {
		return false // people come back once the next owner can have the room
	}
	if l.durable = l.done.Load(); l.durable == l.issued {
		l.rooms.listing.show(l.room)
	}
	l.tellReports()
	l.countChanges()
	l.replyToAsks(true)
	left, kept := flushAtOnce, l.waiting[:0]
	for _, s := range l.waiting {
		left = l.let(s, left)
		if s.outbox == nil {
			continue
		}
		kept = append(kept, s)
		more = more || s.outbox.first.commit <= l.durable
	}
	clear(l.waiting[len(kept):])
	if l.waiting = kept; len(kept) == 0 {
		l.waiting, l.sharing = nil, nil
	}
	l.forgetIfUnused()
	return more
}

// let lets out what a session no longer needs to wait for, at most left frames and closes, and
// returns how many more may go.
func (l *liveRoom) let(s *Session, left int) int {
	for s.outbox != nil {
		entry := s.outbox.first
		if entry == nil {
			s.outbox = nil
			break
		}
		if entry.commit > l.durable || left == 0 {
			break
		}
		left--
		if entry.code != 0 {
			s.socket.Close(entry.code)
		} else {
			s.socket.Send(entry.frame.bytes, nil)
			l.rooms.metrics.RelayedLate(entry.since)
		}
		s.outbox.remove(entry, l.sharing)
	}
	return left
}

// note logs a refusal for those who look for its reason. The line contains nothing of the client's.
func (l *liveRoom) note(what string, e *room.Effect) {
	if l.rooms.debug {
		l.rooms.log.Debug(what, "code", string(e.Refusal), "type", e.Type.String(), "conn", uint64(e.Conn), "requestId", l.requestIDs[e.Conn])
	}
}

// created counts a room that now exists.
func (l *liveRoom) created(w *work, creator uint64) {
	l.rooms.metrics.Rooms.Add(1)
	l.counted, l.creator = true, creator
	if w.reserved == creator {
		w.reserved = 0
		return
	}
	l.rooms.limit.restore(creator)
}

// ended removes a room from the counts.
func (l *liveRoom) ended() {
	l.rooms.metrics.Rooms.Add(-1)
	l.rooms.limit.release(l.creator)
	l.counted, l.creator = false, 0
}

// countPeople brings the metrics up to date.
func (l *liveRoom) countPeople() {
	people := l.room.People()
	if people > l.people {
		l.rooms.metrics.Joined()
	}
	l.rooms.metrics.Participants.Add(int64(people - l.people))
	l.people = people
}
