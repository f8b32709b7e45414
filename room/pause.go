package room

// paused moves every deadline and every limit by the time for which the shell did not run, and by
// arrivalMs, in which what has arrived meanwhile is read. Times that participants see stay as they are.
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
		for _, m := range []*meter{&c.messages, &c.bytes, &c.output} {
			*m += meter(pauseMs * 1e6)
		}
		s.changed(c)
	}
	for _, seat := range s.seats {
		later(&seat.heldUntilMs, shiftMs)
	}
	for i := range s.spent {
		for _, m := range []*meter{&s.spent[i].messages, &s.spent[i].bytes, &s.spent[i].output} {
			*m += meter(pauseMs * 1e6)
		}
	}
	s.requests += meter(pauseMs * 1e6)
	s.output += meter(pauseMs * 1e6)
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
