package rooms

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"usher/protocol"
	"usher/room"
)

// A room leaves memory when it has ended, sleeps or is given up. One that stays while nobody is in
// it sleeps: it is only in the store, and what memory has of it is a droppedRoom with a timer for
// its end.

// sleep drops a room that nobody is in, if all of it is stored. The caller holds the lock.
func (l *liveRoom) sleep() {
	l.saveNowLocked()
	if l.savingLater.Load() != 0 {
		l.drowsy.Store(true)
		if l.savingLater.Load() != 0 {
			return // its end looks again
		}
	}
	r := l.rooms
	asleep := &droppedRoom{at: r.config.Clock.Now(), creator: l.creator, tenure: l.tenure}
	r.registry.asleep(l.id, asleep, func() Timer { return r.touchAtEnd(l.id, asleep, l.room.ExpiresAtMs()) })
	if l.counted {
		r.metrics.Rooms.Add(-1)
		l.counted = false
	}
	l.leaveRegistry()
}

// sleepAgain looks whether a room that could not sleep can do so now.
func (l *liveRoom) sleepAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.survive()
	l.forgetIfUnused()
}

// asleep records a room that sleeps, before anybody can load it. wake sets the timer for its end.
func (g *registry) asleep(id string, room *droppedRoom, wake func() Timer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(id, room)
	room.end = wake()
}

// touchAtEnd touches a room that sleeps when it ends, and again until the store can be read.
func (r *Rooms) touchAtEnd(id string, asleep *droppedRoom, endsMs int64) Timer {
	after := time.Duration(endsMs-asleep.at.Ms) * time.Millisecond
	return r.config.Clock.AfterFunc(after, func() {
		if r.closing.Load() || r.registry.droppedRoom(id) != asleep {
			return
		}
		r.Touch(context.Background(), id)
		r.touchAfterGrace(id, asleep) // for a room that could not be loaded
	})
}

// forgetIfUnused drops the room from memory if nothing would be lost.
func (l *liveRoom) forgetIfUnused() {
	if l.gone || l.leaving || l.entering > 0 || l.issued != l.durable || len(l.waiting) > 0 || l.owed != nil && len(l.owed.reports) > 0 {
		return
	}
	switch {
	case l.room.Unused():
		l.leaveRegistry()
	case l.room.Sleeps():
		l.sleep()
	}
}

func (l *liveRoom) leaveRegistry() {
	l.gone = true
	l.flight.Free()
	l.flight = nil
	l.replyToAsks(false)
	if l.alarm != nil {
		l.alarm.Stop()
	}
	l.rooms.registry.remove(l)
}

// survive gives the room up after a panic, which means a broken invariant or a defect.
func (l *liveRoom) survive() {
	if v := recover(); v != nil {
		l.giveUpDefect(v)
	}
}

func (l *liveRoom) giveUpDefect(v any) {
	l.giveUp(protocol.CloseInternal, "a defect", fmt.Errorf("%v\n%s", v, debug.Stack()))
}

// surviveStep is survive for a Step. One that panicked is the last that is recorded.
func (l *liveRoom) surviveStep(w *work, event *room.Event) {
	v := recover()
	if v == nil {
		return
	}
	if w.steppingMs != 0 {
		l.flight.Panicked(w.steppingMs, event)
	}
	l.giveUpDefect(v)
}

// giveUp drops a room because of an error. Whoever comes back finds the stored state. The caller
// holds the lock.
func (l *liveRoom) giveUp(code protocol.CloseCode, cause string, err error) {
	if l.gone {
		return
	}
	r := l.rooms
	r.log.Error("a room was given up", "cause", cause, "error", err, "people", l.people)
	r.notStored(err)
	l.dumpGivenUp(cause)
	l.recordGivenUp()
	l.drop(code)
}

// recordGivenUp remembers what the next load must know. The caller holds the lock.
func (l *liveRoom) recordGivenUp() {
	r := l.rooms
	if l.room == nil {
		return // nothing has changed since it was stored or given up
	}
	dropped := &droppedRoom{
		at: r.config.Clock.Now(), creator: l.creator, tenure: l.tenure,
		pending: l.issued != l.done.Load() || l.savingLater.Load() != 0,
	}
	r.registry.givenUp(l.id, dropped) // before anybody can load it
	r.touchAfterGrace(l.id, dropped)
}

// drop removes a room from memory and closes its sockets. The caller holds the lock.
func (l *liveRoom) drop(code protocol.CloseCode) {
	if l.gone {
		return
	}
	m := l.rooms.metrics
	m.Participants.Add(-int64(l.people))
	if l.counted {
		m.Rooms.Add(-1)
	}
	l.people, l.counted = 0, false
	l.tellLastReports()
	l.failSpans(code)
	l.leaveRegistry()
	for _, s := range l.sessions {
		s.over = true
		s.socket.Close(code)
	}
	l.countSessions(-len(l.sessions))
	for _, s := range l.waiting {
		s.socket.Close(code) // the room may have closed it, which nobody has seen yet
		l.abandon(s)
	}
	l.sessions, l.waiting, l.sharing = nil, nil, nil
	l.rooms.turned()
}

// touchAfterGrace touches a room that was given up once its seats' grace is over, and again until
// the store can be read, unless somebody has come back to it.
func (r *Rooms) touchAfterGrace(id string, dropped *droppedRoom) {
	r.config.Clock.AfterFunc(time.Duration(r.config.Room.SeatGraceMs)*time.Millisecond, func() {
		if !r.closing.Load() && r.registry.droppedRoom(id) == dropped {
			r.Touch(context.Background(), id)
			r.touchAfterGrace(id, dropped)
		}
	})
}
