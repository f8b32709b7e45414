package rooms

import (
	"context"

	"usher/protocol"
	"usher/room"
)

// Open connects a socket to a room, which is loaded or made if necessary. It is refused if the room
// cannot be loaded. The room may call the socket's methods before Open returns.
func (r *Rooms) Open(ctx context.Context, roomID string, o Opening, socket Socket) (*Session, protocol.Code) {
	l, refusal := r.enter(ctx, roomID, o.Waits)
	if refusal != "" {
		return nil, refusal
	}
	defer l.leave()
	s := &Session{room: l, socket: socket, uncounted: o.Uncounted}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone: // given up since
		return nil, protocol.CodeStorageUnavailable
	case l.leaving:
		return nil, protocol.CodeRoomUnavailable
	}
	l.lastConn++
	s.id = l.lastConn
	l.sessions = append(l.sessions, s)
	l.countSessions(1)
	if r.debug {
		l.requestIDs.add(s.id, o.RequestID)
	}
	l.timeArrival(s.id, o.Trace)
	l.stepLocked(room.Event{Kind: room.Connected, Conn: s.id, Address: o.Address, Identity: o.Identity}, nil)
	return s, ""
}

// RoomID returns the id of the session's room.
func (s *Session) RoomID() string { return s.room.id }

// Received reports a text frame. refuseSeat is the reason that the client may not take a new seat
// now, or "".
func (s *Session) Received(f *protocol.Frame, refuseSeat protocol.Code, batch any) {
	event := room.Event{Kind: room.Received, Frame: f.Bytes, Message: &f.Message, Err: f.Err, RefuseSeat: refuseSeat}
	if f.Message.Type.Seats() {
		event.Secret = s.room.rooms.config.Secret()
		if f.Message.KeepMs > 0 {
			event.OwnerSecret = s.room.rooms.config.Secret()
		}
	}
	s.step(event, batch)
}

// Relayed is Received for a frame that protocol.DecodeRelay has read. If it returns false, it has
// done nothing: the frame is to do more than pass.
func (s *Session) Relayed(frame []byte, r *protocol.Relay, batch any) bool {
	l := s.room
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.gone && !l.leaving && !s.over && l.relay(s, frame, r, batch)
}

// ReceivedBinary reports a binary frame.
func (s *Session) ReceivedBinary() { s.step(room.Event{Kind: room.ReceivedBinary}, nil) }

// Seen reports a control frame.
func (s *Session) Seen() { s.step(room.Event{Kind: room.Seen}, nil) }

// Exceeded reports that the client's address has used up its budget for messages.
func (s *Session) Exceeded() { s.step(room.Event{Kind: room.Exceeded}, nil) }

// Disconnected reports the end of the socket. What waits for it is dropped.
func (s *Session) Disconnected(code protocol.CloseCode) {
	s.step(room.Event{Kind: room.Disconnected, CloseCode: code}, nil)
}

// Close ends the session from the socket's side: the socket is closed with that code after what
// waits for it, and the room learns that it was.
func (s *Session) Close(code protocol.CloseCode) {
	l := s.room
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.leaving || s.over {
		return
	}
	l.close(s, code)
	l.stepLocked(room.Event{Kind: room.Disconnected, Conn: s.id, CloseCode: code}, nil)
}

func (s *Session) step(event room.Event, batch any) {
	l := s.room
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone, l.leaving:
	case event.Kind == room.Disconnected && s.over: // only what waits matters
		l.abandon(s)
	case !s.over:
		event.Conn = s.id
		l.beginJoin(&event)
		l.stepLocked(event, batch)
	}
}
