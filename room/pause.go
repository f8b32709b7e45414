package room

// paused moves every deadline and every limit by the time for which the shell did not run, and by
// arrivalMs, in which whatever arrived meanwhile is read. Times that participants see stay
// unchanged.
func (s *step) paused() {
	const arrivalMs = 1_000
	pauseMs := max(s.event.AtMs, 0)
	shiftMs := pauseMs + arrivalMs
	past := func(ms int64) int64 { return min(ms+shiftMs, max(ms, s.nowMs)) }
	for _, c := range s.conns {
		c.lastSeenMs = past(c.lastSeenMs)
		later(&c.closeAtMs, shiftMs)
		later(&c.pingDueMs, shiftMs)
		if c.wait != nil {
			c.wait.sinceMs = past(c.wait.sinceMs)
			later(&c.wait.notBeforeMs, shiftMs)
		}
		if c.checking != nil {
			later(&c.checking.untilMs, shiftMs)
		}
		c.meters.pause(pauseMs)
		s.changed(c)
	}
	for _, seat := range s.seats {
		later(&seat.heldUntilMs, shiftMs)
	}
	for _, k := range s.knocks {
		later(&k.untilMs, shiftMs)
	}
	if g := s.guesses; g != nil {
		g.all.lastMs = past(g.all.lastMs)
		for i := range g.guessers {
			g.guessers[i].lastMs = past(g.guessers[i].lastMs)
		}
	}
	for i := range s.spent {
		s.spent[i].pause(pauseMs)
	}
	s.requests.pause(pauseMs)
	s.output.pause(pauseMs)
	s.metMs, s.partedMs = past(s.metMs), past(s.partedMs)
	s.due = true
	if s.Exists() {
		s.lastActivityMs = past(s.lastActivityMs)
		s.emptySinceMs = past(s.emptySinceMs)
		s.saveLater()
	}
}

func later(atMs *int64, byMs int64) {
	if *atMs != 0 {
		*atMs += byMs
	}
}
