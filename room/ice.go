package room

// renewRetryMs is after what time the shell is asked again for ICE servers that have not come.
const renewRetryMs = 60_000

// armRenewal sets when the client of a connection needs new ICE servers. It fetches its first ones
// itself when it has its seat. A legacy client would not know what to do with more.
func (s *step) armRenewal(c *conn) {
	if s.config.ICERenewMs > 0 && c.seat.modern {
		c.renewAtMs = s.nowMs + s.config.ICERenewMs
	}
}

// renewDueMs is when a connection needs new ICE servers, 0 for never.
func (c *conn) renewDueMs() int64 {
	if c.seat == nil || c.parked {
		return 0
	}
	return c.renewAtMs
}

// sweepRenewals asks for the ICE servers that are due.
func (s *step) sweepRenewals() {
	for _, c := range s.conns {
		if due := c.renewDueMs(); due == 0 || s.nowMs < due {
			continue
		}
		c.renewAtMs = s.nowMs + renewRetryMs
		s.changed(c)
		s.effects = append(s.effects, Effect{Kind: Renew, Conn: c.id, UserID: c.seat.id, AtMs: c.seat.joinedAtMs})
	}
}

// renewed passes new ICE servers on.
func (s *step) renewed() {
	c := s.connOf(s.event.Conn)
	if c == nil || c.renewDueMs() == 0 || len(s.event.Frame) == 0 {
		return
	}
	s.armRenewal(c)
	s.due = true
	s.changed(c)
	s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: append([]byte(nil), s.event.Frame...)})
}

// unseated reports that a seat has ended.
func (s *step) unseated(seat *seat) {
	if s.config.ICERenewMs > 0 {
		s.effects = append(s.effects, Effect{Kind: SeatEnded, UserID: seat.id, AtMs: seat.joinedAtMs})
	}
}
