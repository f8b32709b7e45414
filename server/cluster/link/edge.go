package link

import (
	"context"
	"strings"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
)

// Open implements edge.Rooms. While a room has no owner, or its owner has lost it or does not
// reply, Open waits for the next one, so that whoever returns after an owner's death is in the room
// as soon as it is somewhere. After OpenTimeout, or at once if MaxWaiting wait or after LetGo, it
// is refused with ROOM_UNAVAILABLE, which is retryable.
func (l *Links) Open(ctx context.Context, roomID string, o edge.Opening, socket edge.Socket) (edge.Session, protocol.Code) {
	waiting, cancel := context.WithTimeout(ctx, OpenTimeout)
	defer cancel()
	placed := *l.placed.Load()
	session, refusal := l.openOnce(ctx, waiting, roomID, o, socket)
	if refusal != protocol.CodeRoomUnavailable {
		return session, refusal
	}
	if o.Waits != nil {
		o.Waits()
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > MaxWaiting {
		return nil, refusal
	}
	for refusal == protocol.CodeRoomUnavailable && l.awaitPlaced(waiting, placed) {
		placed = *l.placed.Load()
		session, refusal = l.openOnce(ctx, waiting, roomID, o, socket)
	}
	return session, refusal
}

// awaitPlaced waits until a shard may have another owner, or for a while: not every reason for a
// refusal ends with that. It returns false once ctx is done, and after LetGo.
func (l *Links) awaitPlaced(ctx context.Context, placed <-chan struct{}) bool {
	again := time.NewTimer(openAgain)
	defer again.Stop()
	select {
	case <-placed:
	case <-again.C:
	case <-ctx.Done():
	case <-l.waits.Done():
	}
	return ctx.Err() == nil && l.waits.Err() == nil
}

// LetGo refuses whoever waits in Open for another node, from now on too: this node is about to
// stop, and others let them in.
func (l *Links) LetGo() { l.letGo() }

// openOnce asks whoever owns the room now. Another node is waited for until waiting is done.
func (l *Links) openOnce(ctx, waiting context.Context, roomID string, o edge.Opening, socket edge.Socket) (edge.Session, protocol.Code) {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.Open(ctx, roomID, o, socket)
	}
	if o.Waits != nil {
		o.Waits()
	}
	k := l.owner(p)
	if k == nil {
		return nil, protocol.CodeRoomUnavailable
	}
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
	case <-waiting.Done():
	case <-l.waits.Done():
	}
	s.Disconnected(1006)
	return nil, protocol.CodeRoomUnavailable
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
	if o.Trace != nil {
		k.item(&Item{Kind: Traced, Shard: s.shard, Term: s.term, Conn: s.conn, Bytes: o.Trace.Append(nil)}, nil)
	}
	k.item(&Item{Kind: Open, Shard: s.shard, Term: s.term, Conn: s.conn}, opening.append(nil))
	k.flush()
	return true
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
