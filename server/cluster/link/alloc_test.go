package link

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
)

// pumped is a transport whose messages a test hands on.
type pumped struct {
	mu      sync.Mutex
	message []byte
	to      func([]byte)
}

func (p *pumped) Send(_ Incarnation, message []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.message = append(p.message[:0], message...)
	return nil
}

// last is the last message.
func (p *pumped) last() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.message
}

func (p *pumped) Receive(_ Incarnation, received func([]byte)) (func(), error) {
	p.to = received
	return func() {}, nil
}

// echo is a room that sends everything back, three times, to one person in it.
type echo struct {
	links  *Links
	socket edge.Socket
}

func (e *echo) Open(_ context.Context, _ string, _ edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	e.socket = s
	return e, ""
}

func (e *echo) Operate(context.Context, string, room.Act) protocol.Code { return "" }

func (e *echo) View(context.Context, string) (room.View, protocol.Code) { return room.View{}, "" }

func (e *echo) Seated(context.Context, string, string, string) (takenAtMs int64, refusal protocol.Code) {
	return 0, protocol.CodeInvalidResumeToken
}

func (e *echo) Describe(context.Context, string) (s protocol.RoomSummary, refusal protocol.Code) {
	return s, ""
}

func (e *echo) Create(context.Context, string, room.Arrangement) (room.Creation, protocol.Code) {
	return room.Creation{}, ""
}

func (e *echo) Received(f *protocol.Frame, _ protocol.Code, _ any) {
	for range 3 {
		e.socket.Send(f.Bytes, nil)
	}
	e.links.Turned()
}

func (e *echo) RoomID() string  { return "" }
func (e *echo) ReceivedBinary() {}

// Relayed leaves each frame to Received.
func (e *echo) Relayed([]byte, *protocol.Relay, any) bool { return false }

func (e *echo) Seen()                           {}
func (e *echo) Exceeded()                       {}
func (e *echo) Close(protocol.CloseCode)        {}
func (e *echo) Disconnected(protocol.CloseCode) {}

// counter counts the frames that it gets.
type counter int

func (c *counter) Send([]byte, any)         { *c++ }
func (c *counter) Ping()                    {}
func (c *counter) Close(protocol.CloseCode) {}
func (c *counter) Cut()                     {}
func (c *counter) Stands(room.Standing)     {}

// A frame's way to its room and back allocates nothing.
func TestHopsAllocateNothing(t *testing.T) {
	there, back, room := new(pumped), new(pumped), new(echo)
	at := func(transport Transport, id string, here bool) *Links {
		l := New(Config{Transport: transport, Local: room, Shards: 1, Log: slog.New(slog.DiscardHandler), Place: func(string) Place {
			return Place{Term: 1, Owner: Incarnation{ID: "owner", Nonce: 1}, Here: here}
		}})
		if err := l.Start(Incarnation{ID: id, Nonce: 1}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	near := at(there, "near", false)
	room.links = at(back, "owner", true)
	frames := new(counter)
	k := near.link(Incarnation{ID: "owner", Nonce: 1}, true)
	s := &session{link: k, socket: frames, roomID: "echo-1", conn: 1, term: 1}
	if !k.enter(s, edge.Opening{}) {
		t.Fatal("not open")
	}
	back.to(there.last())
	for len(back.last()) == 0 { // it is opened on a goroutine
		continue
	}
	there.to(back.last())
	f := protocol.Frame{Bytes: []byte(`{"type":"PING"}`)}
	n := testing.AllocsPerRun(1000, func() {
		s.Received(&f, "", nil)
		back.to(there.last())
		there.to(back.last())
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	if *frames != 3*1001 {
		t.Errorf("%d frames", *frames)
	}
}
