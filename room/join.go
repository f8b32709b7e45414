package room

import (
	"crypto/subtle"
	"encoding/base64"

	"usher/protocol"
)

// maxParked bounds the muted older connections of one seat. The old extension
// opens at most one more every 40 s while its PINGs go unanswered.
const maxParked = 4

// join answers CREATE_ROOM and JOIN_ROOM. They differ in one thing: only
// CREATE_ROOM makes a room. On a live room it is a JOIN_ROOM whose answer has
// another name, because two people may create the same room at once.
func (s *step) join(c *conn, m *protocol.Message) {
	if string(m.RoomID) != s.id {
		s.refuse(c, protocol.CodeRoomMismatch, "")
		return
	}
	if c.seat != nil {
		s.joinAgain(c, m)
		return
	}
	if !s.Exists() && m.Type == protocol.JoinRoom {
		s.refuse(c, protocol.CodeRoomNotFound, "")
		return
	}
	if seat := s.seatOf(m.UserID); seat != nil {
		s.rejoin(c, m, seat)
		return
	}
	s.joinAnew(c, m)
}

// joinAgain answers a repeated join by the same seat.
func (s *step) joinAgain(c *conn, m *protocol.Message) {
	if c.seat.id != string(m.UserID) {
		s.refuse(c, protocol.CodeAlreadySeated, "")
		return
	}
	s.seated(c, m.Type, false, false)
}

func (s *step) joinAnew(c *conn, m *protocol.Message) {
	name, ok := protocol.TrimName(m.UserName, protocol.MaxJoinNameUnits)
	if !ok {
		s.refuse(c, protocol.CodeInvalidName, "userName")
		return
	}
	if !s.storable(c) {
		return
	}
	if !s.Exists() && !s.create(c, m) {
		return
	}
	if len(s.seats) >= s.config.MaxPeople {
		s.refuse(c, protocol.CodeRoomFull, "")
		return
	}
	seat := &seat{
		id: string(m.UserID), name: name, token: c.secret, joinedAtMs: s.nowMs, address: c.address,
		modern: m.Protocol >= protocol.Version,
	}
	s.seats = append(s.seats, seat)
	if s.host == nil {
		s.host = seat
	}
	s.sit(c, seat)
	s.save()
	s.active()
	s.seated(c, m.Type, false, false)
	state := s.State()
	s.broadcast(seat, protocol.UserJoinedMessage{RoomID: s.id, JoinedUser: s.user(seat), RoomState: &state, Timestamp: s.nowMs})
}

func (s *step) create(c *conn, m *protocol.Message) bool {
	if s.event.RefuseCreate != "" {
		s.refuse(c, s.event.RefuseCreate, "")
		return false
	}
	name := "Room " + protocol.CutName(s.id, protocol.MaxRoomNameUnits-len("Room "))
	if m.RoomName != "" {
		var ok bool
		if name, ok = protocol.TrimName(m.RoomName, protocol.MaxJoinNameUnits); !ok {
			s.refuse(c, protocol.CodeInvalidName, "roomName")
			return false
		}
	}
	s.name, s.createdAtMs, s.creator = name, s.nowMs, c.address
	return true
}

// rejoin gives a seat to a new connection, if that has shown to be its owner's.
func (s *step) rejoin(c *conn, m *protocol.Message, seat *seat) {
	resumed := m.ResumeToken != nil
	if refusal := s.owner(c, m, seat); refusal != "" {
		s.refuse(c, refusal, "")
		return
	}
	if moved := seat.address != c.address; moved || m.Protocol >= protocol.Version && !seat.modern {
		if s.event.Refuse == "" {
			s.save()
		} else {
			s.saveLater()
		}
		seat.address = c.address
		seat.modern = seat.modern || m.Protocol >= protocol.Version
	}
	recovered := resumed && seat.conn == nil && !seat.hold.spoilt()
	if seat.conn == nil {
		s.saveLater() // or a shell that drops the room would find the seat held
	}
	s.replace(seat, resumed)
	frames := s.release(seat)
	s.sit(c, seat)
	s.active()
	s.seated(c, m.Type, resumed, recovered)
	if recovered {
		for _, frame := range frames {
			s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: frame})
		}
	}
	if resumed {
		s.broadcast(seat, protocol.UserReconnectedMessage{RoomID: s.id, ReconnectedUserID: seat.id, RoomState: s.State(), Timestamp: s.nowMs})
		return
	}
	// Without a token the client has closed its peer connections: the others must offer anew.
	state := s.State()
	s.broadcast(seat, protocol.UserJoinedMessage{RoomID: s.id, JoinedUser: s.user(seat), RoomState: &state, Timestamp: s.nowMs})
}

// owner says why the connection may not have the seat, or "".
func (s *step) owner(c *conn, m *protocol.Message, seat *seat) protocol.Code {
	if m.ResumeToken != nil {
		var token [protocol.TokenBytes + 2]byte
		n, err := base64.RawURLEncoding.Decode(token[:], clampToken(m.ResumeToken))
		if err != nil || n != protocol.TokenBytes || subtle.ConstantTimeCompare(token[:n], seat.token[:]) != 1 {
			return protocol.CodeInvalidResumeToken
		}
		return ""
	}
	if !seat.modern {
		switch s.config.TokenlessRejoin {
		case RejoinFromAnywhere:
			return ""
		case RejoinFromAddress:
			if seat.address == c.address {
				return ""
			}
		}
	}
	if seat.conn != nil {
		return protocol.CodeUserIDTaken
	}
	return protocol.CodeSeatHeld
}

// clampToken keeps a token of any length inside the buffer it is decoded to;
// a longer one than ours is wrong by its length alone.
func clampToken(token []byte) []byte {
	const encodedBytes = (protocol.TokenBytes*8 + 5) / 6
	return token[:min(len(token), encodedBytes+1)]
}

// replace makes way on the seat. A connection that is replaced by token is
// closed. One that is replaced without is parked: the old extension would come back for
// ever if its older socket were closed while the newer one lives.
func (s *step) replace(seat *seat, resumed bool) {
	older := seat.conn
	if older == nil {
		return
	}
	seat.conn = nil
	if resumed {
		s.close(older, protocol.CloseResumed)
		s.closeParked(seat)
		return
	}
	older.parked = true
	s.changed(older)
	parked := 0
	for i := len(s.conns) - 1; i >= 0; i-- {
		if c := s.conns[i]; c.seat == seat && c.parked {
			if parked++; parked > maxParked {
				s.close(c, protocol.CloseNormal)
			}
		}
	}
}

// sit binds a connection to a seat.
func (s *step) sit(c *conn, seat *seat) {
	c.seat, seat.conn, seat.heldUntilMs = seat, c, 0
	s.due = true
	s.changed(c)
}

// seated sends the join answer.
func (s *step) seated(c *conn, t protocol.Type, resumed, recovered bool) {
	answer := protocol.Seating{
		RoomID: s.id, UserID: c.seat.id, RoomState: s.State(),
		ResumeToken: base64.RawURLEncoding.EncodeToString(c.seat.token[:]),
		Resumed:     resumed, Recovered: recovered,
		PingIntervalMs: s.config.PingIntervalMs, ServerTime: s.nowMs, Timestamp: s.nowMs,
	}
	if t == protocol.CreateRoom {
		s.send(c, protocol.RoomCreatedMessage{Seating: answer})
	} else {
		s.send(c, protocol.RoomJoinedMessage{Seating: answer})
	}
}
