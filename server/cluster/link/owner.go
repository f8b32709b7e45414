package link

import (
	"context"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
)

// Send implements edge.Socket. Whoever has more under way than their share of what is left is cut
// off.
func (s *socket) Send(frame []byte, _ any) {
	k := s.link
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case s.over:
	case k.affords(&s.window, itemBytes+len(frame)):
		k.send(s, frame)
		k.later()
	default:
		s.over = true
		k.tell(s, Cut, 0)
	}
}

// Ping implements edge.Socket.
func (s *socket) Ping() { s.tell(Ping, 0) }

// Close implements edge.Socket.
func (s *socket) Close(code protocol.CloseCode) { s.tell(Close, uint16(code)) }

// Cut implements edge.Socket.
func (s *socket) Cut() { s.tell(Cut, 0) }

// Stands implements edge.Socket.
func (s *socket) Stands(standing room.Standing) { s.tell(Stands, uint16(standing)) }

func (s *socket) tell(kind Kind, code uint16) {
	k := s.link
	k.mu.Lock()
	defer k.mu.Unlock()
	if !s.over {
		k.tell(s, kind, code)
	}
}

// tell adds an item about a socket. The caller holds the lock.
func (k *link) tell(s *socket, kind Kind, code uint16) {
	k.item(&Item{Kind: kind, Code: code, Shard: s.shard, Term: s.term, Conn: s.conn}, nil)
	k.later()
}

// openFor opens a connection of the other node. It may have to wait for the store, so it has a
// goroutine of its own until the room is open.
func (k *link) openFor(number uint64, i *Item) {
	o, _ := decodeOpening(i.Bytes)
	trace := k.trace
	if k.trace = nil; k.traced != i.Conn {
		trace = nil
	}
	s := &socket{link: k, conn: i.Conn, shard: i.Shard, term: i.Term}
	if !k.begin(number, i, s, o.roomID) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), OpenTimeout)
		defer cancel()
		opening := edge.Opening{Address: o.address, Uncounted: o.uncounted, RequestID: o.requestID, Identity: o.identity, Trace: trace}
		session, refusal := k.links.config.Local.Open(ctx, o.roomID, opening, s)
		if left, code := k.tellOpened(s, session, refusal); left && refusal == "" {
			session.Disconnected(code)
		}
	}()
}

// tellOpened tells the edge what came of an Open. left: the connection has ended meanwhile, with
// code.
func (k *link) tellOpened(s *socket, session edge.Session, refusal protocol.Code) (left bool, code protocol.CloseCode) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.underWay--
	if k.sockets[s.conn] != s { // the link broke
		return true, 1006
	}
	if s.gone || refusal != "" {
		s.over = true
		delete(k.sockets, s.conn)
	}
	if s.gone {
		return true, protocol.CloseCode(s.code)
	}
	s.session = session
	reply := Item{Kind: Opened, Shard: s.shard, Term: s.term, Conn: s.conn}
	if refusal != "" {
		reply.Kind, reply.Bytes = Refused, []byte(refusal)
	}
	k.item(&reply, nil)
	k.flush()
	return false, 0
}

// happened tells the room of a person what the edge reports. It returns false if the link is over.
func (k *link) happened(number uint64, i *Item) bool {
	k.mu.Lock()
	if k.peer != number {
		k.mu.Unlock()
		return false
	}
	s := k.sockets[i.Conn]
	if s == nil {
		k.mu.Unlock()
		return true
	}
	session := s.session
	if i.Kind == Gone {
		if s.gone, s.code = true, i.Code; session != nil {
			s.over = true
			delete(k.sockets, s.conn)
		}
	}
	k.mu.Unlock()
	if session == nil { // the edge sends nothing but Gone before it has Opened
		return true
	}
	switch i.Kind {
	case Frame:
		k.receivedFrame(session, i)
	case Invalid:
		session.Received(&protocol.Frame{Err: &protocol.DecodeError{Code: protocol.CodeInvalidUTF8}}, "", nil)
	case Binary:
		session.ReceivedBinary()
	case Seen:
		session.Seen()
	case Exceeded:
		session.Exceeded()
	case End:
		session.Close(knownClose(i.Code))
	case Gone:
		session.Disconnected(protocol.CloseCode(i.Code))
	}
	return true
}

// receivedFrame decodes a frame for its room.
func (k *link) receivedFrame(session edge.Session, i *Item) {
	code, frame, _ := short(i.Bytes)
	refuseSeat := protocol.Code("")
	if len(code) > 0 {
		refuseSeat = knownCode(code)
	}
	f := &k.frame
	f.Decode(frame)
	session.Received(f, refuseSeat, nil)
	*f = protocol.Frame{}
}
