package room

import "usher/protocol"

// send encodes a message for one connection.
func (s *step) send(c *conn, m protocol.ResponseMessage) {
	s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: m.Append(nil)})
}

// broadcast encodes a message once for every seat with a connection but one (nil for all).
func (s *step) broadcast(but *seat, m protocol.ResponseMessage) {
	var frame []byte
	for _, seat := range s.seats {
		if seat == but || seat.conn == nil {
			continue
		}
		if frame == nil {
			frame = m.Append(make([]byte, 0, 512+128*len(s.seats)))
		}
		s.effects = append(s.effects, Effect{Kind: Send, Conn: seat.conn.id, Frame: frame})
	}
}

// refuse answers a request by ERROR and closes where the code's row says so.
func (s *step) refuse(c *conn, code protocol.Code, details string) {
	row := code.Lookup()
	s.note(Refused, code)
	s.send(c, protocol.ErrorMessage{Code: code, Error: row.Error, Details: details, Retryable: row.Retryable, Timestamp: s.nowMs})
	if row.Close != 0 {
		s.drop(c, row.Close)
	}
}

// bounce answers what cannot be relayed by UNDELIVERED, which the old extension ignores:
// while it waits for its join answer, any ERROR would fail the attempt.
func (s *step) bounce(c *conn, m *protocol.Message, code protocol.Code) {
	s.note(Bounced, code)
	s.send(c, protocol.UndeliveredMessage{
		Code: code, MessageType: m.Type, TargetUserID: string(m.TargetUserID), Retryable: code.Lookup().Retryable, Timestamp: s.nowMs,
	})
}

func (s *step) note(kind EffectKind, code protocol.Code) {
	e := Effect{Kind: kind, Conn: s.event.Conn, Refusal: code}
	if s.event.Message != nil {
		e.Type = s.event.Message.Type
	}
	s.effects = append(s.effects, e)
}

// save makes later effects wait for the store. One Save a Step is enough,
// because the snapshot is taken when the Step is over.
func (s *step) save() {
	if !s.saved {
		s.saved = true
		s.effects = append(s.effects, Effect{Kind: Save})
	}
}

func (s *step) saveLater() {
	if !s.saved && !s.later {
		s.later = true
		s.effects = append(s.effects, Effect{Kind: SaveLater})
	}
}

// storable reports whether what has to be stored may change now; if not, it refuses.
func (s *step) storable(c *conn) bool {
	if s.event.Refuse != "" {
		s.refuse(c, s.event.Refuse, "")
		return false
	}
	return true
}

// close closes a connection that has no seat any more and forgets it.
func (s *step) close(c *conn, code protocol.CloseCode) {
	s.effects = append(s.effects, Effect{Kind: Close, Conn: c.id, Code: code})
	s.forget(c)
}

func (s *step) forget(c *conn) {
	for i := range s.conns {
		if s.conns[i] == c {
			s.conns = append(s.conns[:i], s.conns[i+1:]...)
			break
		}
	}
	if len(s.conns) == 0 {
		s.conns, s.due = nil, true // perhaps nothing is left to wait for
	}
	c.seat = nil
}

// closeParked closes the seat's older connections. 1000 is the only code
// after which the old extension does not come back with yet another socket.
func (s *step) closeParked(seat *seat) {
	for i := 0; i < len(s.conns); {
		if c := s.conns[i]; c.seat == seat && c.parked {
			s.close(c, protocol.CloseNormal)
		} else {
			i++
		}
	}
}
