package link

import (
	"slices"

	"usher/protocol"
)

// RoomID implements edge.Session.
func (s *session) RoomID() string { return s.roomID }

// Received implements edge.Session. Only the owner needs what was decoded.
func (s *session) Received(f *protocol.Frame, refuseSeat protocol.Code, _ any) {
	kind := Frame
	if f.Bytes == nil {
		kind = Invalid
	}
	var refusal [1 + 255]byte
	s.tell(&Item{Kind: kind, Bytes: appendShort(refusal[:0], refuseSeat)}, f.Bytes)
}

// Relayed implements edge.Session.
func (s *session) Relayed(frame []byte, _ *protocol.Relay, _ any) bool {
	s.Received(&protocol.Frame{Bytes: frame}, "", nil)
	return true
}

// ReceivedBinary implements edge.Session.
func (s *session) ReceivedBinary() { s.tell(&Item{Kind: Binary}, nil) }

// Seen implements edge.Session.
func (s *session) Seen() { s.tell(&Item{Kind: Seen}, nil) }

// Exceeded implements edge.Session.
func (s *session) Exceeded() { s.tell(&Item{Kind: Exceeded}, nil) }

// Close implements edge.Session. If the link is over, so is the room's part in it.
func (s *session) Close(code protocol.CloseCode) {
	if !s.tell(&Item{Kind: End, Code: uint16(code)}, nil) {
		s.socket.Close(code)
	}
}

// Disconnected implements edge.Session.
func (s *session) Disconnected(code protocol.CloseCode) {
	k := s.link
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leave(s, code)
}

// leave ends a session and tells the owner, which has to know before another frame of it comes. The
// caller holds the lock.
func (k *link) leave(s *session, code protocol.CloseCode) {
	if s.over {
		return
	}
	s.over = true
	delete(k.sessions, s.conn)
	k.item(&Item{Kind: Gone, Code: uint16(code), Shard: s.shard, Term: s.term, Conn: s.conn}, nil)
	k.flush()
}

// tell sends an item about the session. Whoever has more under way than their share of what is left
// is closed with 1013. It returns false if the session is over.
func (s *session) tell(i *Item, rest []byte) bool {
	k := s.link
	k.mu.Lock()
	if s.over {
		k.mu.Unlock()
		return false
	}
	if k.affords(&s.window, itemBytes+len(rest)) {
		i.Shard, i.Term, i.Conn = s.shard, s.term, s.conn
		k.item(i, rest)
		k.flush()
		k.mu.Unlock()
		return true
	}
	k.leave(s, 1006)
	k.mu.Unlock()
	s.socket.Close(protocol.CloseTryLater)
	return true
}

// ended ends a session that is over for the sake of the cluster.
func (s *session) ended() {
	if s.isOpen {
		s.socket.Close(protocol.CloseRestart)
	} else {
		s.answer(protocol.CodeRoomUnavailable)
	}
}

// answer lets Open return.
func (s *session) answer(refusal protocol.Code) {
	select {
	case s.opened <- refusal:
	default: // it has returned
	}
}

// closePassed closes the sockets of people whose owner's term has passed.
func (k *link) closePassed() {
	k.mu.Lock()
	var passed []*session
	for _, s := range k.sessions {
		if s.term < k.links.terms[s.shard].Load() {
			passed = append(passed, s)
		}
	}
	for _, s := range passed {
		k.leave(s, 1006)
	}
	k.mu.Unlock()
	for _, s := range passed {
		s.ended()
	}
}

// passed drops an item of a lower term than is known, and ends the sessions that it is for: whoever
// has such an owner hears nothing more.
func (k *link) passed(i Item) {
	k.links.dropped.Add(1)
	listed := slices.Values([]uint64{i.Conn})
	if i.Kind == Send {
		_, all, _ := i.sent()
		listed = conns(all)
	}
	k.mu.Lock()
	var passed []*session
	for conn := range listed {
		if s := k.sessions[conn]; s != nil && s.term == i.Term {
			k.leave(s, 1006)
			passed = append(passed, s)
		}
	}
	k.mu.Unlock()
	for _, s := range passed {
		s.ended()
	}
}
