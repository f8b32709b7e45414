package rooms

import (
	"usher/protocol"
	"usher/room"
)

// The path of a frame: Session.Received; liveRoom.run steps the room with it; liveRoom.perform
// (effect.go) carries out the effects.

// step runs an event that belongs to no session.
func (l *liveRoom) step(event room.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone && !l.leaving {
		l.stepLocked(event, nil)
	}
}

// stepLocked is step for callers that hold the lock. batch is Session.Received's.
func (l *liveRoom) stepLocked(event room.Event, batch any) {
	w := works.Get().(*work)
	w.batch = batch
	event.Scratch = w.scratch[:]
	l.run(w, l.rooms.config.Clock.Now(), &event)
	l.rooms.limit.release(w.reserved) // if no room was created, or the core panicked
	w.release()
	l.rooms.turned()
}

// run steps the room and carries out the effects. The caller holds the lock. A panic of the core
// costs only this room.
func (l *liveRoom) run(w *work, now Moment, event *room.Event) {
	defer l.surviveStep(w, event)
	if now.PausedMs > l.pausedMs {
		l.tellPause(w, now)
	}
	if event.Kind == room.AlarmFired {
		l.alarmMs = 0
	}
	if !l.rooms.store.Accepts() {
		event.Refuse = protocol.CodeStorageUnavailable
	}
	if !l.room.Exists() && event.Message != nil {
		l.reserve(w, event)
	}
	if l.isWatched() {
		l.showReceived(event)
	}
	l.stepRoom(w, l.timeOf(now.Ms), event)
	l.perform(w, event)
	l.check()
	if event.Kind == room.Disconnected {
		l.lost(event.Conn)
	}
	l.forgetIfUnused()
}

// relay passes a frame on if a Step would do nothing else, or returns false. The caller holds the
// lock.
func (l *liveRoom) relay(s *Session, frame []byte, r *protocol.Relay, batch any) bool {
	defer l.survive()
	now := l.rooms.config.Clock.Now()
	if now.PausedMs > l.pausedMs || l.isWatched() {
		return false
	}
	nowMs := l.timeOf(now.Ms)
	l.flight = l.flight.BeforeRelay(l.room, nowMs)
	to := l.room.Relay(nowMs, s.id, r, len(frame))
	if to == 0 {
		return false
	}
	l.flight.Relayed(nowMs, s.id, to, r.Type, len(frame))
	l.deliver(&room.Effect{Kind: room.Forward, Conn: to}, frame, true, batch)
	l.rooms.metrics.FramesRelayed(1)
	l.sharing.endStep()
	l.check()
	l.rooms.turned()
	return true
}

// check panics if an invariant of the room is broken.
func (l *liveRoom) check() {
	if check := l.rooms.config.Check; check != nil {
		if broken := check(l.room); broken != "" {
			panic("rooms: broken invariant: " + broken)
		}
	}
}

// tellPause steps the room with the time for which the process did not run since its last event.
func (l *liveRoom) tellPause(w *work, now Moment) {
	pausedMs := now.PausedMs - l.pausedMs
	l.pausedMs = now.PausedMs
	if l.alarmMs != 0 {
		l.alarmMs += pausedMs
	}
	event := room.Event{Kind: room.Paused, AtMs: pausedMs}
	l.stepRoom(w, now.Ms, &event)
	l.perform(w, &event)
}

// timeOf returns the time of an event. Until an alarm that is due has fired, which waits for what
// has arrived, the room's time stands still: the core judges deadlines at any event past the alarm.
func (l *liveRoom) timeOf(nowMs int64) int64 {
	if l.alarmMs != 0 && nowMs >= l.alarmMs {
		return l.alarmMs - 1
	}
	return nowMs
}

// reserve takes one of the rooms that the sender's address may create, in case the event creates
// one, or sets the reason that no room may be created now.
func (l *liveRoom) reserve(w *work, event *room.Event) {
	s := l.sessionOf(event.Conn)
	switch {
	case l.rooms.config.Full():
		event.RefuseCreate = protocol.CodeServerFull
	case s == nil || s.uncounted:
	default:
		address := l.room.AddressOf(s.id)
		if !l.rooms.limit.acquire(address) {
			event.RefuseCreate = protocol.CodeTooManyRooms
			return
		}
		w.reserved = address
	}
}
