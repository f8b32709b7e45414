package rooms

import (
	"context"
	"time"
)

// A room that stays while nobody is in it sleeps: it is only in the store, and what memory has of
// it is a droppedRoom with a timer for its end.

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
