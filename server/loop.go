package server

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
)

// A frame's way: conn.received decodes it, liveRoom.turn steps the room with
// it, liveRoom.perform (effect.go) carries out what the room says.

// liveRoom is a room in memory with what the shell keeps for it. Its lock
// orders the room's Steps and their effects; nothing blocks while it is held.
type liveRoom struct {
	server *Server
	id     string

	mu    sync.Mutex
	room  *room.Room
	conns []*conn
	// entering counts handshakes under way, for which the room must stay.
	entering int
	// issued counts the Saves and Deletes, and durable those that are known to be done. While they
	// differ, effects wait.
	issued, durable uint64
	// waiting are the connections that have an outbox, and asks those who ask about the room.
	waiting []*conn
	sharing *sharing
	asks    []ask
	// done counts the commits that the store has reported, flushing is set while a flush will look at
	// it, and failure is why a commit failed.
	done     atomic.Uint64
	flushing atomic.Bool
	failure  atomic.Pointer[error]
	alarm    timer
	// alarmMs is when the alarm is due, 0 for never.
	alarmMs int64
	// pausedMs is the moment.pausedMs that the room has been told of.
	pausedMs int64
	// unsaved: a SaveLater waits for the next flush.
	unsaved bool
	// gone: the room is not in the registry any more, and takes no steps.
	gone bool
}

// turn is what one Step needs and the next can use again.
type turn struct {
	message  protocol.Message
	effects  []room.Effect
	snapshot []byte
	// held is where frames wait for the end of the reader's turn, nil if they do not.
	held *heldWrites
}

var turns = sync.Pool{New: func() any { return &turn{effects: make([]room.Effect, 0, 16)} }}

// release forgets what the turn points to, so that a pooled one holds no frames.
func (t *turn) release() {
	clear(t.effects)
	t.effects = t.effects[:0]
	t.message, t.held = protocol.Message{}, nil
	turns.Put(t)
}

// step runs an event that has no message.
func (l *liveRoom) step(event room.Event) {
	t := turns.Get().(*turn)
	l.turn(t, event)
	t.release()
}

// stepLocked is step for callers that hold the lock.
func (l *liveRoom) stepLocked(event room.Event) {
	t := turns.Get().(*turn)
	l.locked(t, l.server.now(), event)
	t.release()
}

// turn runs one event and its effects.
func (l *liveRoom) turn(t *turn, event room.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone {
		l.locked(t, l.server.now(), event)
	}
}

// locked is turn for callers that hold the lock. A panic of the core costs this room only.
func (l *liveRoom) locked(t *turn, now moment, event room.Event) {
	defer l.survive()
	s := l.server
	before := l.count()
	claimed := l.claimRoom(&event)
	l.tellPause(t, now)
	if !s.store.Accepts() {
		event.Refuse = protocol.CodeStorageUnavailable
	}
	t.effects = l.room.Step(l.before(now.ms, event.Kind), event, t.effects[:0])
	l.perform(t, &event)
	if event.Kind == room.Disconnected {
		l.lost(event.Conn)
	}
	if after := l.count(); after != before || claimed != 0 {
		s.account(before, after, claimed)
	}
	l.forgetIfUnused()
}

// tellPause steps the room with the time for which the process did not run since its last event.
func (l *liveRoom) tellPause(t *turn, now moment) {
	pausedMs := now.pausedMs - l.pausedMs
	if pausedMs <= 0 {
		return
	}
	l.pausedMs = now.pausedMs
	if l.alarmMs != 0 {
		l.alarmMs += pausedMs
	}
	event := room.Event{Kind: room.Paused, AtMs: pausedMs}
	t.effects = l.room.Step(now.ms, event, t.effects[:0])
	l.perform(t, &event)
}

// before is the time of an event. Until an alarm that is due has fired, which waits for what has
// arrived, the room's time stands still: the core judges deadlines at any event past the alarm.
func (l *liveRoom) before(nowMs int64, kind room.EventKind) int64 {
	switch {
	case kind == room.AlarmFired:
		l.alarmMs = 0
	case l.alarmMs != 0 && nowMs >= l.alarmMs:
		return l.alarmMs - 1
	}
	return nowMs
}

// count is what limits and metrics know of a room.
type count struct {
	exists  bool
	creator uint64
	people  int
}

func (l *liveRoom) count() count {
	return count{l.room.Exists(), l.room.Creator(), l.room.People()}
}

// claimRoom takes, for a CREATE_ROOM that may make a room, one of those that
// the address may have. It returns the address, 0 where nothing was taken.
func (l *liveRoom) claimRoom(event *room.Event) (address uint64) {
	if event.Kind != room.Received || event.Err != nil || event.Message.Type != protocol.CreateRoom || l.room.Exists() {
		return 0
	}
	c := l.connOf(event.Conn)
	switch {
	case c == nil:
		return 0
	case l.server.memory.full():
		event.RefuseCreate = protocol.CodeServerFull
		return 0
	case c.place == nil: // a trusted proxy's own
		l.server.roomLimit.restore(c.address)
	case !l.server.roomLimit.acquire(c.address):
		event.RefuseCreate = protocol.CodeTooManyRooms
		return 0
	}
	return c.address
}

// account brings limits and metrics up to date after a Step.
func (s *Server) account(before, after count, claimed uint64) {
	if before.exists && (!after.exists || after.creator != before.creator) {
		s.roomLimit.release(before.creator)
		s.metrics.rooms.Add(-1)
		before.exists = false
	}
	if after.exists && !before.exists {
		if claimed == 0 { // it ended and was made again in one Step
			s.roomLimit.restore(after.creator)
		}
		s.metrics.rooms.Add(1)
	} else if claimed != 0 {
		s.roomLimit.release(claimed)
	}
	if after.people > before.people {
		s.metrics.joined()
	}
	s.metrics.participants.Add(int64(after.people - before.people))
}

// connect steps the room with a new connection, from which nothing is read before.
func (l *liveRoom) connect(c *conn, event room.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		c.gone.Store(true)
		c.close(protocol.CloseTryLater)
		return
	}
	if n := len(l.conns); n > 0 && l.conns[n-1].id > c.id { // another handshake has overtaken it
		c.id = room.ConnID(l.server.lastConn.Add(1))
		event.Conn = c.id
	}
	l.conns = append(l.conns, c)
	l.stepLocked(event)
}

// find returns where the connection of an id is. They are in the order of their ids.
func (l *liveRoom) find(id room.ConnID) (int, bool) {
	return slices.BinarySearchFunc(l.conns, id, func(c *conn, id room.ConnID) int { return cmp.Compare(c.id, id) })
}

func (l *liveRoom) connOf(id room.ConnID) *conn {
	if i, ok := l.find(id); ok {
		return l.conns[i]
	}
	return nil
}

func (l *liveRoom) forget(id room.ConnID) {
	if i, ok := l.find(id); ok {
		l.conns = slices.Delete(l.conns, i, i+1)
	}
}

// lost forgets a connection whose socket is gone, with what waits for it.
func (l *liveRoom) lost(id room.ConnID) {
	c := l.connOf(id)
	if c == nil {
		return
	}
	l.forget(id)
	if c.outbox != nil {
		c.outbox.clear(l.sharing)
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
	l.server.rooms.remove(l)
}

// survive gives the room up after a panic, which means a broken invariant or a defect.
func (l *liveRoom) survive() {
	if v := recover(); v != nil {
		l.giveUp(protocol.CloseInternal, "a defect", fmt.Errorf("%v\n%s", v, debug.Stack()))
	}
}

// giveUp drops a room from memory and closes its connections. Whoever comes
// back finds what is stored of it. The caller holds the lock.
func (l *liveRoom) giveUp(code protocol.CloseCode, cause string, err error) {
	if l.gone {
		return
	}
	s := l.server
	s.log.Error("a room was given up", "cause", cause, "error", err, "people", l.room.People())
	was := l.count()
	s.metrics.participants.Add(-int64(was.people))
	l.leaveRegistry()
	for _, c := range l.conns {
		c.gone.Store(true)
		s.metrics.connClosed(code)
		c.close(code)
	}
	for _, c := range l.waiting {
		c.close(code) // the room may have closed it, which nobody has seen yet
		if c.outbox != nil {
			c.outbox.clear(l.sharing)
		}
	}
	l.answerAsks(false)
	l.conns, l.waiting, l.sharing = nil, nil, nil
	if was.exists {
		s.metrics.rooms.Add(-1)
		s.rooms.givenUp(l.id, s.now())
		go s.recount(l.id, was.creator)
	}
}

// recount corrects the rooms of an address once it is known what is left of a room given up. What
// nobody comes back to must end after its seats' grace, like any other room.
func (s *Server) recount(id string, creator uint64) {
	record, found, err := s.store.Load(id)
	s.roomLimit.release(creator)
	if err == nil && found {
		s.roomLimit.restore(record.Creator)
	}
	s.afterFunc(time.Duration(s.config.Room.SeatGraceMs)*time.Millisecond, func() {
		if !s.draining.Load() {
			s.touch(id)
		}
	})
}
