package rooms

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"

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

// turned ends a turn.
func (r *Rooms) turned() {
	if r.config.Turned != nil {
		r.config.Turned()
	}
}

// run steps the room and carries out the effects. The caller holds the lock. A panic of the core
// costs only this room.
func (l *liveRoom) run(w *work, now Moment, event *room.Event) {
	defer l.survive()
	if now.PausedMs > l.pausedMs {
		l.tellPause(w, now)
	}
	if event.Kind == room.AlarmFired {
		l.alarmMs = 0
	}
	if !l.rooms.store.Accepts() {
		event.Refuse = protocol.CodeStorageUnavailable
	}
	if !l.room.Exists() && (event.Kind == room.Received || event.Kind == room.Hashed) {
		l.reserve(w, event)
	}
	w.effects = l.room.Step(l.timeOf(now.Ms), *event, w.effects[:0])
	l.perform(w, event)
	if check := l.rooms.config.Check; check != nil {
		if broken := check(l.room); broken != "" {
			panic("rooms: broken invariant: " + broken)
		}
	}
	if event.Kind == room.Disconnected {
		l.lost(event.Conn)
	}
	l.forgetIfUnused()
}

// tellPause steps the room with the time for which the process did not run since its last event.
func (l *liveRoom) tellPause(w *work, now Moment) {
	pausedMs := now.PausedMs - l.pausedMs
	l.pausedMs = now.PausedMs
	if l.alarmMs != 0 {
		l.alarmMs += pausedMs
	}
	event := room.Event{Kind: room.Paused, AtMs: pausedMs}
	w.effects = l.room.Step(now.Ms, event, w.effects[:0])
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
	case !l.rooms.limit.acquire(s.address):
		event.RefuseCreate = protocol.CodeTooManyRooms
	default:
		w.reserved = s.address
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

// find returns the index of the session with an id.
func (l *liveRoom) find(id room.ConnID) (int, bool) {
	return slices.BinarySearchFunc(l.sessions, id, func(s *Session, id room.ConnID) int { return cmp.Compare(s.id, id) })
}

func (l *liveRoom) sessionOf(id room.ConnID) *Session {
	if i, ok := l.find(id); ok {
		return l.sessions[i]
	}
	return nil
}

// forget removes a session from the room.
func (l *liveRoom) forget(s *Session) {
	s.over = true
	delete(l.requestIDs, s.id)
	if i, ok := l.find(s.id); ok {
		l.sessions = slices.Delete(l.sessions, i, i+1)
		l.countSessions(-1)
	}
}

// countSessions keeps the count of the room's tenure.
func (l *liveRoom) countSessions(more int) {
	if l.tenancy != nil {
		l.tenancy.sessions.Add(int64(more))
	}
}

// lost forgets a session whose socket is gone, with what waits for it.
func (l *liveRoom) lost(id room.ConnID) {
	if s := l.sessionOf(id); s != nil {
		l.forget(s)
		l.abandon(s)
	}
}

// abandon drops what waits for a session.
func (l *liveRoom) abandon(s *Session) {
	if s.outbox != nil {
		s.outbox.clear(l.sharing)
	}
}

// forgetIfUnused drops the room from memory if nothing would be lost.
func (l *liveRoom) forgetIfUnused() {
	if l.gone || l.leaving || l.entering > 0 || l.issued != l.durable || len(l.waiting) > 0 {
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
	l.replyToAsks(false)
	if l.alarm != nil {
		l.alarm.Stop()
	}
	l.rooms.registry.remove(l)
}

// survive gives the room up after a panic, which means a broken invariant or a defect.
func (l *liveRoom) survive() {
	if v := recover(); v != nil {
		l.giveUp(protocol.CloseInternal, "a defect", fmt.Errorf("%v\n%s", v, debug.Stack()))
	}
}
