package server

import (
	"bytes"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
)

// maxOutboxBytes bounds what a room keeps back while its commit takes its time.
const maxOutboxBytes = 8 << 20

// waiting is what may be seen only after a commit: a frame for a connection,
// its close, or the answer to who asks about the room. With none of them it
// marks where the next commit's effects begin.
type waiting struct {
	conn  *conn
	frame []byte
	code  protocol.CloseCode
	asks  chan<- bool
}

// perform carries out the effects of a Step in order. The caller holds the lock.
func (l *liveRoom) perform(t *turn, event *room.Event) {
	for i := range t.effects {
		if l.gone { // given up
			return
		}
		e := &t.effects[i]
		switch e.Kind {
		case room.Send:
			l.deliver(e.Conn, e.Frame, false)
		case room.Forward:
			l.deliver(e.Conn, event.Frame, true)
			l.server.metrics.framesRelayed(1)
		case room.Close:
			l.close(e.Conn, e.Code)
		case room.Save:
			l.save(t)
		case room.SaveLater:
			l.saveLater()
		case room.Delete:
			l.await()
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
}

// deliver sends a frame now, or when the room's commits are done. A borrowed
// frame is the reader's and has to be copied to be kept.
func (l *liveRoom) deliver(id room.ConnID, frame []byte, borrowed bool) {
	c := l.connOf(id)
	switch {
	case c == nil:
	case l.commits == 0:
		c.send(frame)
	case l.outboxBytes+len(frame) > maxOutboxBytes:
		l.giveUp(protocol.CloseTryLater)
	default:
		if borrowed {
			frame = bytes.Clone(frame)
		}
		l.outboxBytes += len(frame)
		l.outbox = append(l.outbox, waiting{conn: c, frame: frame})
	}
}

// close closes a connection that the room has forgotten.
func (l *liveRoom) close(id room.ConnID, code protocol.CloseCode) {
	c := l.connOf(id)
	if c == nil {
		return
	}
	l.forget(id)
	if !c.gone.Swap(true) {
		l.server.metrics.connClosed(code)
	}
	if l.commits == 0 {
		c.close(code)
		return
	}
	l.outbox = append(l.outbox, waiting{conn: c, code: code})
}

// await makes later effects wait for one more commit.
func (l *liveRoom) await() {
	if l.commits > 0 {
		l.outbox = append(l.outbox, waiting{})
	}
	l.commits++
}

func (l *liveRoom) save(t *turn) {
	if !l.room.Exists() {
		return // it ended later in the same Step, and Delete follows
	}
	l.await()
	l.unsaved = false
	t.snapshot = l.room.AppendSnapshot(t.snapshot[:0])
	l.server.store.Save(l.id, l.record(t.snapshot), l.committed)
}

func (l *liveRoom) record(snapshot []byte) store.Record {
	return store.Record{ExpiresAtMs: l.room.ExpiresAtMs(), Creator: l.room.Creator(), Snapshot: snapshot}
}

// committed is called from the store's writer, which must go on.
func (l *liveRoom) committed(err error) { go l.flush(err) }

// flush lets the effects be seen that waited for one commit, or gives the
// room up where that failed: nothing of what it promised has been seen.
func (l *liveRoom) flush(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return
	}
	if err != nil {
		l.giveUp(protocol.CloseTryLater)
		return
	}
	l.commits--
	ready := l.outbox
	for i := range ready {
		w := &ready[i]
		l.outboxBytes -= len(w.frame)
		switch {
		case w.asks != nil:
			w.asks <- true
		case w.conn == nil:
			l.outbox = ready[i+1:]
			return
		case w.code != 0:
			w.conn.close(w.code)
		default:
			w.conn.send(w.frame)
		}
		*w = waiting{}
	}
	l.outbox = nil
	l.forgetIfUnused()
}

// durable answers true when all that has happened to the room is stored, and
// false when that failed. The caller holds the lock, and lets it go before it waits.
func (l *liveRoom) durable() <-chan bool {
	answer := make(chan bool, 1)
	if l.commits == 0 {
		answer <- true
	} else {
		l.outbox = append(l.outbox, waiting{asks: answer})
	}
	return answer
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
	if atMs == 0 {
		if l.alarm != nil {
			l.alarm.Stop()
		}
		return
	}
	after := time.Duration(atMs-l.server.nowMs()) * time.Millisecond
	if l.alarm == nil {
		l.alarm = l.server.afterFunc(after, func() { l.step(room.Event{Kind: room.AlarmFired}) })
		return
	}
	l.alarm.Reset(after)
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
