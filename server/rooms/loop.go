package rooms

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"usher/protocol"
	"usher/room"
)

// A frame's way: Session.Received, liveRoom.run steps the room with it, liveRoom.perform (effect.go)
// carries out what the room says.

// liveRoom is a room in memory with what is kept for it. Its lock orders the room's Steps and their
// effects; nothing blocks while it is held.
type liveRoom struct {
	rooms *Rooms
	id    string

	mu   sync.Mutex
	room *room.Room
	// sessions are in the order of their ids.
	sessions []*Session
	lastConn room.ConnID
	// requestIDs are for the log, nil unless it has everything.
	requestIDs requestIDs
	// term is the term of the Owner in which the room was loaded.
	term uint64
	// people is how many seats the metrics know of.
	people int
	// claimed is closed when a record that was marked clean is so no longer, nil if it was not.
	claimed <-chan struct{}
	// entering counts calls under way for which the room must stay.
	entering int
	// issued counts the Saves and Deletes, and durable those that are known to be done. While they
	// differ, effects wait.
	issued, durable uint64
	// waiting are the sessions that have an outbox, and asks those who ask about the room.
	waiting []*Session
	sharing *sharing
	asks    []ask
	// done counts the commits that the store has reported, flushing is set while a flush will look at
	// it, and failure is why a commit failed.
	done     atomic.Uint64
	flushing atomic.Bool
	failure  atomic.Pointer[error]
	alarm    Timer
	// alarmMs is when the alarm is due, 0 for never.
	alarmMs int64
	// pausedMs is the Moment.PausedMs that the room has been told of.
	pausedMs int64
	// unsaved: a SaveLater waits for the next flush.
	unsaved bool
	// gone: the room is not in the registry any more, and takes no steps.
	gone bool
}

// work is what one Step needs and the next can use again.
type work struct {
	effects  []room.Effect
	snapshot []byte
	// batch is Session.Received's.
	batch any
	// reserved is the address for which a room is counted that may yet be created, 0 for none.
	reserved uint64
}

var works = sync.Pool{New: func() any { return &work{effects: make([]room.Effect, 0, 16)} }}

// release forgets what the work points to, so that a pooled one holds no frames.
func (w *work) release() {
	clear(w.effects)
	w.effects, w.batch = w.effects[:0], nil
	works.Put(w)
}

// step runs an event that is nobody's.
func (l *liveRoom) step(event room.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone {
		l.stepLocked(event)
	}
}

// stepLocked is step for callers that hold the lock.
func (l *liveRoom) stepLocked(event room.Event) {
	w := works.Get().(*work)
	l.run(w, l.rooms.config.Clock.Now(), &event)
	w.release()
}

// run steps the room and carries out the effects. The caller holds the lock. A panic of the core
// costs this room only.
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
	if !l.room.Exists() && event.Kind == room.Received {
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

// timeOf is the time of an event. Until an alarm that is due has fired, which waits for what has
// arrived, the room's time stands still: the core judges deadlines at any event past the alarm.
func (l *liveRoom) timeOf(nowMs int64) int64 {
	if l.alarmMs != 0 && nowMs >= l.alarmMs {
		return l.alarmMs - 1
	}
	return nowMs
}

// reserve takes, in case the event makes the room exist, one of those that the sender's address may
// have created, or says why the room may not be made now.
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

// created counts a room that has begun.
func (l *liveRoom) created(w *work, creator uint64) {
	l.rooms.metrics.Rooms.Add(1)
	if w.reserved == creator {
		w.reserved = 0
		return
	}
	l.rooms.limit.restore(creator)
}

// ended takes a room out of the counts.
func (l *liveRoom) ended(creator uint64) {
	l.rooms.metrics.Rooms.Add(-1)
	l.rooms.limit.release(creator)
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

// find returns where the session of an id is.
func (l *liveRoom) find(id room.ConnID) (int, bool) {
	return slices.BinarySearchFunc(l.sessions, id, func(s *Session, id room.ConnID) int { return cmp.Compare(s.id, id) })
}

func (l *liveRoom) sessionOf(id room.ConnID) *Session {
	if i, ok := l.find(id); ok {
		return l.sessions[i]
	}
	return nil
}

// forget takes a session out of the room.
func (l *liveRoom) forget(s *Session) {
	s.over = true
	delete(l.requestIDs, s.id)
	if i, ok := l.find(s.id); ok {
		l.sessions = slices.Delete(l.sessions, i, i+1)
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

// forgetIfUnused lets go of a room that nothing would be lost of.
func (l *liveRoom) forgetIfUnused() {
	if !l.gone && l.room.Unused() && l.entering == 0 && l.issued == l.durable && len(l.waiting) == 0 {
		l.leaveRegistry()
	}
}

func (l *liveRoom) leaveRegistry() {
	l.gone = true
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
