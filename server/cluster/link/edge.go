package link

import (
	"context"
	"slices"
	"strings"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
)

// session is a socket of this node in a room of another. It implements edge.Session.
type session struct {
	link   *link
	socket edge.Socket
	roomID string
	conn   uint64
	term   uint64
	shard  uint16
	// isOpen: the owner has opened it. over: the socket has ended, or the link has. The link's lock
	// guards these and the window.
	isOpen, over bool
	window       window
	// opened gets the reason for a refusal, or "".
	opened chan protocol.Code
}

// Open implements edge.Rooms. It is refused with ROOM_UNAVAILABLE, which is retryable, if no owner
// is known, or the owner does not answer in time or is not the owner any more.
func (l *Links) Open(ctx context.Context, roomID string, o edge.Opening, socket edge.Socket) (edge.Session, protocol.Code) {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.Open(ctx, roomID, o, socket)
	}
	k := l.owner(p)
	if k == nil {
		return nil, protocol.CodeRoomUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, OpenTimeout)
	defer cancel()
	opened := make(chan protocol.Code, 1)
	s := &session{
		link: k, socket: socket, roomID: strings.Clone(roomID), conn: l.conns.Add(1),
		term: p.Term, shard: uint16(p.Shard), opened: opened,
	}
	if !k.enter(s, o) {
		return nil, protocol.CodeRoomUnavailable
	}
	select {
	case refusal := <-opened:
		if refusal != "" {
			return nil, refusal
		}
		return s, ""
	case <-ctx.Done():
		s.Disconnected(1006)
		return nil, protocol.CodeRoomUnavailable
	}
}

// owner returns the link with the owner of a room, nil if there is none or its term has passed.
func (l *Links) owner(p Place) *link {
	if p.Owner == (Incarnation{}) || !l.learn(p.Shard, p.Term) {
		return nil
	}
	return l.link(p.Owner, false)
}

// enter asks the owner to open a connection.
func (k *link) enter(s *session, o edge.Opening) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.open() {
		return false
	}
	if k.sessions == nil {
		k.sessions = make(map[uint64]*session)
	}
	k.sessions[s.conn] = s
	opening := opening{address: o.Address, uncounted: o.Uncounted, requestID: o.RequestID, roomID: s.roomID, identity: o.Identity}
	k.item(&Item{Kind: Open, Shard: s.shard, Term: s.term, Conn: s.conn}, opening.append(nil))
	k.flush()
	return true
}

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

// handleAtEdge handles an item of the owner. It returns false if the link is over.
func (k *link) handleAtEdge(number uint64, i *Item) bool {
	if int(i.Shard) >= len(k.links.terms) {
		k.links.dropped.Add(1)
		return true
	}
	if !k.links.learn(int(i.Shard), i.Term) {
		k.passed(*i)
		return true
	}
	if i.Kind == Send {
		return k.deliver(number, i)
	}
	k.mu.Lock()
	if k.peer != number {
		k.mu.Unlock()
		return false
	}
	s := k.sessions[i.Conn]
	switch {
	case s == nil && i.Kind == Opened: // nobody waits for it any more
		k.item(&Item{Kind: Gone, Code: 1006, Shard: i.Shard, Term: i.Term, Conn: i.Conn}, nil)
		k.flush()
	case s != nil && s.term != i.Term:
		s = nil
	case s != nil && i.Kind == Opened:
		s.isOpen = true
	case s != nil && (i.Kind == Refused || i.Kind == Moved): // the owner has nothing of it
		s.over = true
		delete(k.sessions, s.conn)
	}
	k.mu.Unlock()
	if s != nil {
		s.happened(i)
	}
	return true
}

// happened tells the socket.
func (s *session) happened(i *Item) {
	switch i.Kind {
	case Opened:
		s.answer("")
	case Refused:
		s.answer(knownCode(i.Bytes))
	case Moved:
		s.answer(protocol.CodeRoomUnavailable)
	case Ping:
		s.socket.Ping()
	case Close:
		s.socket.Close(knownClose(i.Code))
	case Cut:
		s.socket.Cut()
	case Stands:
		s.socket.Stands(room.Standing(i.Code))
	}
}

// deliver sends a frame to all connections listed.
func (k *link) deliver(number uint64, i *Item) bool {
	l := k.links
	l.passing.RLock()
	defer l.passing.RUnlock()
	if i.Term < l.terms[i.Shard].Load() { // since it was learned
		l.dropped.Add(1)
		return true
	}
	frame, listed, _ := i.sent()
	receivers := k.receivers[:0]
	k.mu.Lock()
	if k.peer != number {
		k.mu.Unlock()
		return false
	}
	for conn := range conns(listed) {
		if s := k.sessions[conn]; s != nil && s.term == i.Term {
			receivers = append(receivers, s)
		}
	}
	k.mu.Unlock()
	for _, s := range receivers {
		s.socket.Send(frame, nil)
	}
	clear(receivers)
	k.receivers = receivers
	return true
}
