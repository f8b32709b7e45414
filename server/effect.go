package server

import (
	"bytes"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
)

// flushAtOnce is how many frames and closes one hold of a room's lock lets out.
const flushAtOnce = 256

// perform carries out the effects of a Step in order. The caller holds the lock.
func (l *liveRoom) perform(t *turn, event *room.Event) {
	for i := range t.effects {
		if l.gone { // given up
			return
		}
		e := &t.effects[i]
		switch e.Kind {
		case room.Send:
			l.deliver(t, e, e.Frame, false)
		case room.Forward:
			l.deliver(t, e, event.Frame, true)
			l.server.metrics.framesRelayed(1)
		case room.Close:
			l.close(e.Conn, e.Code)
		case room.Save:
			l.save(t)
		case room.SaveLater:
			l.saveLater()
		case room.Delete:
			l.issued++
			l.server.store.Delete(l.id, l.committed)
		case room.SetAlarm:
			l.setAlarm(e.AtMs)
		case room.Ping:
			if c := l.connOf(e.Conn); c != nil {
				c.ping()
			}
		case room.Refused:
			l.server.metrics.errorSent(e.Refusal)
			l.note("refused", e)
		case room.Bounced:
			l.server.metrics.undeliveredSent(e.Refusal)
			l.note("bounced", e)
		}
	}
	if l.sharing != nil {
		l.sharing.recent = [4]*shared{} // the frames of the next Step are others
	}
}

// deliver sends a frame now, or when the room's commits are done. A borrowed
// frame is the reader's and has to be copied to be kept.
func (l *liveRoom) deliver(t *turn, e *room.Effect, frame []byte, borrowed bool) {
	c := l.connOf(e.Conn)
	switch {
	case c == nil, c.cutOff:
		return
	case l.issued == l.durable && c.outbox == nil:
		c.queue(frame, t.held)
		return
	case borrowed:
		frame = bytes.Clone(frame)
	}
	s := l.share()
	w := &waiting{frame: s.share(frame), replaces: e.Replaces}
	if e.Brief != nil {
		w.brief = s.share(e.Brief)
	}
	l.wait(c, w)
}

// share returns what counts the frames that wait.
func (l *liveRoom) share() *sharing {
	if l.sharing == nil {
		l.sharing = &sharing{total: &l.server.waitingBytes}
	}
	return l.sharing
}

// wait queues a frame or a close behind the commits under way. A connection that would wait for
// more than MaxPendingBytes is cut off like any reader that is too slow; the others go on.
func (l *liveRoom) wait(c *conn, w *waiting) {
	if c.outbox == nil {
		c.outbox = new(outbox)
		l.waiting = append(l.waiting, c)
	}
	w.commit = l.issued
	c.outbox.add(w, l.share())
	if c.outbox.bytes > l.server.config.MaxPendingBytes && w.code == 0 {
		l.cut(c)
	}
}

// cut ends a connection that takes too little of what is meant for it. The room hears of it by the
// end of the socket.
func (l *liveRoom) cut(c *conn) {
	c.cutOff = true
	c.outbox.clear(l.share())
	c.cut()
}

// close closes a connection that the room has forgotten, after what waits for it.
func (l *liveRoom) close(id room.ConnID, code protocol.CloseCode) {
	c := l.connOf(id)
	if c == nil {
		return
	}
	l.forget(id)
	if !c.gone.Swap(true) {
		l.server.metrics.connClosed(code)
	}
	if l.issued == l.durable && c.outbox == nil {
		c.close(code)
		return
	}
	l.wait(c, &waiting{code: code})
}

func (l *liveRoom) save(t *turn) {
	if !l.room.Exists() {
		return // it ended later in the same Step, and Delete follows
	}
	l.issued++
	l.unsaved = false
	t.snapshot = l.room.AppendSnapshot(t.snapshot[:0])
	l.server.store.Save(l.id, l.record(t.snapshot), l.committed)
}

func (l *liveRoom) record(snapshot []byte) store.Record {
	return store.Record{ExpiresAtMs: l.room.ExpiresAtMs(), Creator: l.room.Creator(), Snapshot: snapshot}
}

// committed is called from the store's writer, which must go on, for each commit in order.
func (l *liveRoom) committed(err error) {
	if err != nil {
		l.failure.CompareAndSwap(nil, &err)
		l.server.notStored(err)
	}
	l.done.Add(1)
	if !l.flushing.Swap(true) {
		go l.flush()
	}
}

// flush lets the effects be seen that waited for commits. It lets go of the lock now and then: a
// large room may have much to tell when many have joined at once.
func (l *liveRoom) flush() {
	for more := true; more; {
		l.mu.Lock()
		l.flushing.Store(false) // what is done from now on needs another one
		more = l.flushLocked()
		l.mu.Unlock()
	}
}

// flushLocked reports whether there is more to let out. If a commit failed it gives the room up:
// nothing of what that promised has been seen.
func (l *liveRoom) flushLocked() (more bool) {
	if l.gone {
		return false
	}
	if err := l.failure.Load(); err != nil {
		l.giveUp(protocol.CloseTryLater, "a commit failed", *err)
		return false
	}
	l.durable = l.done.Load()
	l.answerAsks(true)
	left, kept := flushAtOnce, l.waiting[:0]
	for _, c := range l.waiting {
		left = l.let(c, left)
		if c.outbox == nil {
			continue
		}
		kept = append(kept, c)
		more = more || c.outbox.first.commit <= l.durable
	}
	clear(l.waiting[len(kept):])
	if l.waiting = kept; len(kept) == 0 {
		l.waiting, l.sharing = nil, nil
	}
	l.forgetIfUnused()
	return more
}

// let lets out what waits for a connection no more, at most left frames and closes, and returns
// how many more may go.
func (l *liveRoom) let(c *conn, left int) int {
	for c.outbox != nil {
		w := c.outbox.first
		if w == nil {
			c.outbox = nil
			break
		}
		if w.commit > l.durable || left == 0 {
			break
		}
		left--
		if w.code != 0 {
			c.close(w.code)
		} else {
			c.send(w.frame.bytes)
		}
		c.outbox.remove(w, l.sharing)
	}
	return left
}

// ask is somebody who asks about the room.
type ask struct {
	commit uint64
	answer chan<- bool
}

// stored answers true when all that has happened to the room is stored, and false if that failed.
// The caller holds the lock, and lets it go before it waits.
func (l *liveRoom) stored() <-chan bool {
	answer := make(chan bool, 1)
	l.asks = append(l.asks, ask{l.issued, answer})
	if l.issued == l.durable {
		l.answerAsks(true)
	}
	return answer
}

// answerAsks answers those whose commit is done, or everybody if nothing will be.
func (l *liveRoom) answerAsks(stored bool) {
	for len(l.asks) > 0 && (!stored || l.asks[0].commit <= l.durable) {
		l.asks[0].answer <- stored
		l.asks = l.asks[1:]
	}
	if len(l.asks) == 0 {
		l.asks = nil
	}
}

// saveLater puts the room on the list of the next flush.
func (l *liveRoom) saveLater() {
	if !l.unsaved {
		l.unsaved = true
		l.server.unsaved.add(l)
	}
}

// saveNow stores what SaveLater put off. Nothing waits for it, but what fails is tried
// again: held frames that are only in memory must be stored before a clean mark is.
func (l *liveRoom) saveNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || !l.unsaved || !l.room.Exists() {
		return
	}
	l.unsaved = false
	l.server.store.Save(l.id, l.record(l.room.AppendSnapshot(nil)), func(err error) {
		if err != nil {
			l.server.notStored(err)
			go l.saveAgain()
		}
	})
}

func (l *liveRoom) saveAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone {
		l.saveLater()
	}
}

// setAlarm arranges for AlarmFired. An alarm that fires while another is set is harmless.
func (l *liveRoom) setAlarm(atMs int64) {
	l.alarmMs = atMs
	if atMs == 0 {
		if l.alarm != nil {
			l.alarm.Stop()
		}
		return
	}
	after := time.Duration(atMs-l.server.nowMs()) * time.Millisecond
	if l.alarm == nil {
		l.alarm = l.server.afterFunc(after, l.ring)
		return
	}
	l.alarm.Reset(after)
}

// ring judges the deadlines that have passed, after what had arrived by then has been read.
func (l *liveRoom) ring() {
	l.readArrived()
	l.step(room.Event{Kind: room.AlarmFired})
}

// note logs a refusal for who looks for the reason. Its text has nothing of the client's.
func (l *liveRoom) note(what string, e *room.Effect) {
	if !l.server.debug {
		return
	}
	id := ""
	if c := l.connOf(e.Conn); c != nil {
		id = c.requestID
	}
	l.server.log.Debug(what, "code", string(e.Refusal), "type", e.Type.String(), "conn", uint64(e.Conn), "requestId", id)
}
