package server

import (
	"context"
	"slices"
	"sync"

	"usher/protocol"
	"usher/server/edge"
)

// recorder stands between the edge and the rooms, and knows every connection.
type recorder struct {
	edge.Rooms
	mu    sync.Mutex
	conns []recorded
	// ending is held while rooms must not learn of ended connections.
	ending sync.RWMutex
	// received is called before a room gets a frame. It may be nil.
	received func(roomID string)
}

type recorded struct {
	roomID  string
	socket  edge.Socket
	session edge.Session
}

func (r *recorder) Open(ctx context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	session, refusal := r.Rooms.Open(ctx, roomID, o, s)
	if refusal != "" {
		return nil, refusal
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, recorded{roomID, s, session})
	return &recordedSession{session, r}, ""
}

// onReceived arranges a call of do before a room gets a frame.
func (r *recorder) onReceived(do func(roomID string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received = do
}

// cutAll ends all sockets of a room at the same moment, whichever server has them.
func cutAll(roomID string, servers []*running) {
	for _, s := range servers {
		s.known.ending.Lock()
		defer s.known.ending.Unlock()
	}
	for _, s := range servers {
		s.known.cutHeld(roomID)
	}
}

// cut ends all sockets of a room at the same moment, or of all rooms for "".
func (r *recorder) cut(roomID string) {
	r.ending.Lock()
	defer r.ending.Unlock()
	r.cutHeld(roomID)
}

// cutHeld is cut for callers that hold ending.
func (r *recorder) cutHeld(roomID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if roomID == "" || c.roomID == roomID {
			c.socket.Cut()
		}
	}
}

// pending returns the largest number of bytes that waits to be written to one connection.
func (r *recorder) pending() (most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		most = max(most, c.socket.(*edge.Conn).Pending())
	}
	return most
}

// seen reports a control frame of each of its connections to a room.
func (r *recorder) seen(roomID string) {
	r.mu.Lock()
	conns := slices.Clone(r.conns)
	r.mu.Unlock()
	for _, c := range conns {
		if c.roomID == roomID {
			c.session.Seen()
		}
	}
}

// recordedSession lets the recorder see frames first.
type recordedSession struct {
	edge.Session
	recorder *recorder
}

func (s *recordedSession) Received(f *protocol.Frame, refuseSeat protocol.Code, batch any) {
	s.recorder.mu.Lock()
	received := s.recorder.received
	s.recorder.mu.Unlock()
	if received != nil {
		received(s.RoomID())
	}
	s.Session.Received(f, refuseSeat, batch)
}

// Relayed leaves each frame to Received, which the recorder sees.
func (s *recordedSession) Relayed([]byte, *protocol.Relay, any) bool { return false }

func (s *recordedSession) Disconnected(code protocol.CloseCode) {
	s.recorder.ending.RLock()
	defer s.recorder.ending.RUnlock()
	s.Session.Disconnected(code)
}
