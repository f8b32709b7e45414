package server

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
	"usher/server/rooms"
	"usher/server/servertest"
)

// A link has an edge at one end and rooms at the other, and nothing but bytes between them: what a
// node would send another that has the socket, or the room. Items arrive in order.
type link struct {
	toOwner, toEdge *wire
	edge            func() *edge.Edge

	mu      sync.Mutex
	last    uint64
	sockets map[uint64]edge.Socket // the edge's, by connection
	waits   map[uint64]chan item   // for replies, by number
}

// item is what goes over a link. Which fields it has, its kind says.
type item struct {
	Kind    string
	Conn    uint64               `json:",omitempty"`
	Number  uint64               `json:",omitempty"` // of a question and its reply
	Room    string               `json:",omitempty"`
	Opening edge.Opening         `json:",omitzero"`
	Refusal protocol.Code        `json:",omitempty"`
	Code    protocol.CloseCode   `json:",omitempty"`
	Stands  room.Standing        `json:",omitempty"`
	Frame   []byte               `json:",omitempty"`
	Conns   []uint64             `json:",omitempty"`
	Summary protocol.RoomSummary `json:",omitzero"`
}

// wire is one direction. Writes wait for nobody: a room holds its lock meanwhile.
type wire struct {
	mu     sync.Mutex
	more   sync.Cond
	queued [][]byte
	closed bool
}

func newWire() *wire {
	w := new(wire)
	w.more.L = &w.mu
	return w
}

func (w *wire) send(i item) {
	encoded, err := json.Marshal(i)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queued = append(w.queued, encoded)
	w.more.Signal()
}

func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.more.Broadcast()
}

// receive calls do for each item until close.
func (w *wire) receive(do func(item)) {
	for {
		encoded, err := w.next()
		if err != nil {
			return
		}
		var i item
		if err := json.Unmarshal(encoded, &i); err != nil {
			panic(err)
		}
		do(i)
	}
}

func (w *wire) next() ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queued) == 0 {
		if w.closed {
			return nil, io.EOF
		}
		w.more.Wait()
	}
	encoded := w.queued[0]
	w.queued = w.queued[1:]
	return encoded, nil
}

// newLink returns the edge's end of a link to rooms.
func newLink(t *testing.T, r *rooms.Rooms) *link {
	l := &link{toOwner: newWire(), toEdge: newWire(), sockets: make(map[uint64]edge.Socket), waits: make(map[uint64]chan item)}
	owner := &linkOwner{link: l, rooms: r, sessions: make(map[uint64]*rooms.Session)}
	go l.toOwner.receive(owner.handle)
	go l.toEdge.receive(l.handle)
	t.Cleanup(func() { l.toOwner.close(); l.toEdge.close() })
	return l
}

// ask sends a question and waits for its reply.
func (l *link) ask(over *wire, question item) item {
	reply := make(chan item, 1)
	l.mu.Lock()
	l.last++
	question.Number = l.last
	l.waits[question.Number] = reply
	l.mu.Unlock()
	over.send(question)
	return <-reply
}

func (l *link) replied(reply item) {
	l.mu.Lock()
	waiting := l.waits[reply.Number]
	delete(l.waits, reply.Number)
	l.mu.Unlock()
	waiting <- reply
}

// settle waits until everything sent before has been handled at both ends.
func (l *link) settle() { l.ask(l.toOwner, item{Kind: "settle"}) }

func (l *link) Open(_ context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	l.mu.Lock()
	l.last++
	conn := l.last
	l.sockets[conn] = s
	l.mu.Unlock()
	if reply := l.ask(l.toOwner, item{Kind: "open", Conn: conn, Room: roomID, Opening: o}); reply.Refusal != "" {
		return nil, reply.Refusal
	}
	return &linkSession{l, conn, roomID}, ""
}

func (l *link) Describe(_ context.Context, roomID string) (protocol.RoomSummary, protocol.Code) {
	reply := l.ask(l.toOwner, item{Kind: "describe", Room: roomID})
	return reply.Summary, reply.Refusal
}

// handle is the edge's end.
func (l *link) handle(i item) {
	l.mu.Lock()
	s := l.sockets[i.Conn]
	l.mu.Unlock()
	switch i.Kind {
	case "reply":
		l.replied(i)
	case "send":
		s.Send(i.Frame, nil)
	case "ping":
		s.Ping()
	case "close":
		s.Close(i.Code)
	case "cut":
		s.Cut()
	case "stands":
		s.Stands(i.Stands)
	case "arrived":
		var conns []*edge.Conn
		l.mu.Lock()
		for _, conn := range i.Conns {
			conns = append(conns, l.sockets[conn].(*edge.Conn))
		}
		l.mu.Unlock()
		go func() { // frames go to the rooms meanwhile
			l.edge().ReadArrived(conns)
			l.toOwner.send(item{Kind: "reply", Number: i.Number})
		}()
	}
}

// linkSession is a session at the edge's end.
type linkSession struct {
	link *link
	conn uint64
	room string
}

func (s *linkSession) send(i item) {
	i.Conn = s.conn
	s.link.toOwner.send(i)
}

func (s *linkSession) RoomID() string { return s.room }
func (s *linkSession) Received(f *protocol.Frame, refuseSeat protocol.Code, _ any) {
	i := item{Kind: "received", Frame: f.Bytes, Refusal: refuseSeat}
	if f.Bytes == nil {
		i = item{Kind: "invalid UTF-8"}
	}
	s.send(i)
}
func (s *linkSession) ReceivedBinary()                      { s.send(item{Kind: "binary"}) }
func (s *linkSession) Seen()                                { s.send(item{Kind: "seen"}) }
func (s *linkSession) Exceeded()                            { s.send(item{Kind: "exceeded"}) }
func (s *linkSession) Close(code protocol.CloseCode)        { s.send(item{Kind: "end", Code: code}) }
func (s *linkSession) Disconnected(code protocol.CloseCode) { s.send(item{Kind: "ended", Code: code}) }

// linkOwner is the rooms' end.
type linkOwner struct {
	link     *link
	rooms    *rooms.Rooms
	sessions map[uint64]*rooms.Session
}

func (o *linkOwner) handle(i item) {
	reply := item{Kind: "reply", Number: i.Number}
	s := o.sessions[i.Conn]
	switch i.Kind {
	case "reply":
		o.link.replied(i)
		return
	case "settle":
	case "describe":
		reply.Summary, reply.Refusal = o.rooms.Describe(context.Background(), i.Room)
	case "open":
		s, reply.Refusal = o.rooms.Open(context.Background(), i.Room, rooms.Opening(i.Opening), &linkSocket{o.link.toEdge, i.Conn})
		o.sessions[i.Conn] = s
	default:
		o.happened(s, i)
		return
	}
	o.link.toEdge.send(reply)
}

func (o *linkOwner) happened(s *rooms.Session, i item) {
	switch i.Kind {
	case "received":
		var f protocol.Frame
		f.Decode(i.Frame)
		s.Received(&f, i.Refusal, nil)
	case "invalid UTF-8":
		s.Received(&protocol.Frame{Err: &protocol.DecodeError{Code: protocol.CodeInvalidUTF8}}, "", nil)
	case "binary":
		s.ReceivedBinary()
	case "seen":
		s.Seen()
	case "exceeded":
		s.Exceeded()
	case "end":
		s.Close(i.Code)
	case "ended":
		s.Disconnected(i.Code)
	}
}

// readArrived asks the edge, and waits until the rooms have what it had.
func (l *link) readArrived(sockets []rooms.Socket) {
	var conns []uint64
	for _, s := range sockets {
		conns = append(conns, s.(*linkSocket).conn)
	}
	l.ask(l.toEdge, item{Kind: "arrived", Conns: conns})
}

// linkSocket is a socket at the rooms' end.
type linkSocket struct {
	toEdge *wire
	conn   uint64
}

func (s *linkSocket) Send(frame []byte, _ any) {
	s.toEdge.send(item{Kind: "send", Conn: s.conn, Frame: frame})
}
func (s *linkSocket) Ping() { s.toEdge.send(item{Kind: "ping", Conn: s.conn}) }
func (s *linkSocket) Close(code protocol.CloseCode) {
	s.toEdge.send(item{Kind: "close", Conn: s.conn, Code: code})
}
func (s *linkSocket) Cut() { s.toEdge.send(item{Kind: "cut", Conn: s.conn}) }
func (s *linkSocket) Stands(standing room.Standing) {
	s.toEdge.send(item{Kind: "stands", Conn: s.conn, Stands: standing})
}

// linked puts a link between the edge of a server and its rooms.
func linked(t *testing.T, s *setup) (made func() *link) {
	var l *link
	s.over = func(r *rooms.Rooms) edge.Rooms {
		l = newLink(t, r)
		return l
	}
	s.readArrived = func(sockets []rooms.Socket) { l.readArrived(sockets) }
	s.prepare = func(s *Server) { l.edge = func() *edge.Edge { return s.edge } }
	return func() *link { return l }
}

// The rooms may be in another process than the sockets: the same frames come over a link.
func TestEveryTraceIsSeenOverALink(t *testing.T) {
	t.Parallel()
	eachTrace(t, func(p *replay) { p.isLinked = true })
}

// What the edge asks in addition to frames passes the link too.
func TestLinkedRoomsAreServedLikeLocalOnes(t *testing.T) {
	t.Parallel()
	s := launchSetUp(t, t.TempDir(), func(s *setup) { linked(t, s) })
	ann, bob := s.pair("linked-1")
	ann.offer("bob", "over the link")
	bob.expect("WEBRTC_OFFER")
	if response, body := s.ask("GET", "/rooms/linked-1"); response.StatusCode != 200 {
		t.Error(body)
	}
	response, body := s.ask("GET", "/rooms/linked-2")
	servertest.WantError(t, response, body, protocol.CodeRoomNotFound)
	bob.send("\xff")
	bob.refused(protocol.CodeInvalidUTF8)
}
