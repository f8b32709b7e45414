package room

import "usher/protocol"

// retryMs is how long what could not be stored waits for the next try.
const retryMs = 5_000

// sweep carries out every deadline that has passed.
func (s *step) sweep() {
	s.due = true
	if s.event.Kind == AlarmFired {
		s.alarmMs = 0
	}
	s.sweepIdle()
	for i := 0; i < len(s.seats); {
		seat := s.seats[i]
		switch {
		case seat.conn != nil || s.nowMs < seat.heldUntilMs:
			i++
		case s.event.Refuse != "":
			s.postpone(seat)
			i++
		default:
			s.endSeat(seat, protocol.CloseNormal)
		}
	}
	if s.Exists() && s.nowMs >= s.ExpiresAtMs() {
		s.expire()
	}
}

// sweepIdle drops connections that have sent nothing for too long. Parked ones
// are left alone: the old extension sends no PING on them, and they go with the newer one.
func (s *step) sweepIdle() {
	for i := 0; i < len(s.conns); {
		c := s.conns[i]
		if c.parked || s.nowMs < c.lastSeenMs+s.config.IdleMs {
			i++
			continue
		}
		s.drop(c, protocol.CloseIdle)
		i = 0 // dropping a seat's connection closes its parked ones too
	}
}

// expire ends a room in which nothing happened for too long.
func (s *step) expire() {
	if s.event.Refuse != "" {
		s.lastActivityMs = s.nowMs - s.config.RoomIdleMs + retryMs
		s.emptySinceMs = s.nowMs - s.config.EmptyRoomMs + retryMs
		s.saveLater()
		return
	}
	conns := append([]*conn(nil), s.conns...)
	seated := conns[:0]
	for _, c := range conns {
		if c.seat != nil {
			seated = append(seated, c)
		}
	}
	s.end()
	for _, c := range seated {
		s.close(c, protocol.CloseRoomEnded)
	}
}

func (s *step) postpone(seat *seat) {
	seat.heldUntilMs = s.nowMs + retryMs
	s.due = true
	s.saveLater()
}

// setAlarm sets the one alarm where a deadline is nearer than it. An alarm
// that comes too early does no harm, so it is not moved back: on some shells each move is a write.
func (s *step) setAlarm() {
	next := s.nextMs()
	if next == s.alarmMs || s.alarmMs != 0 && next > s.alarmMs {
		return
	}
	s.alarmMs = next
	s.effects = append(s.effects, Effect{Kind: SetAlarm, AtMs: next})
}

// nextMs returns the nearest deadline, 0 for none.
func (r *Room) nextMs() int64 {
	next := r.ExpiresAtMs()
	for _, c := range r.conns {
		if !c.parked {
			next = nearer(next, c.lastSeenMs+r.config.IdleMs)
		}
	}
	for _, seat := range r.seats {
		if seat.conn == nil {
			next = nearer(next, seat.heldUntilMs)
		}
	}
	return next
}

func nearer(a, b int64) int64 {
	if a == 0 || b < a {
		return b
	}
	return a
}
