package room

// rewrite stores a room again whose snapshot has tokens as they are.
func (s *step) rewrite() {
	if s.hadTokens {
		s.saveLater()
	}
}

// restored gives every seat its whole grace, counted from when its connection dropped. After a
// crash the frames that were held are dropped, and those sent from now on are held.
func (s *step) restored() {
	s.rewrite()
	s.fillMeters()
	droppedMs := s.nowMs
	if s.event.AtMs != 0 {
		droppedMs = min(s.event.AtMs, s.nowMs)
	}
	for _, seat := range s.seats {
		seat.heldUntilMs = droppedMs + s.config.SeatGraceMs
		if !s.event.HoldsComplete {
			s.release(seat)
			seat.hold = &hold{lost: true}
		}
		s.saveLater() // otherwise a clean stop would make it look as if nothing had been lost
	}
	s.renewKnocks(droppedMs)
	s.sweep()
}

// fillMeters moves the budgets from a clock that is ahead of this one: its program charged them at
// times that are yet to come here, and until then nothing would be affordable.
func (s *step) fillMeters() {
	aheadMs := s.lastActivityMs - s.nowMs
	if aheadMs <= 0 {
		return
	}
	s.requests.pause(-aheadMs)
	s.output.pause(-aheadMs)
	for i := range s.spent {
		s.spent[i].pause(-aheadMs)
	}
}
