package rooms

import (
	"cmp"
	"slices"

	"usher/room"
)

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
	l.forgetArrival(s.id)
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
