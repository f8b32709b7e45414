package lease

func (s *step) acked() {
	request, revision := s.event.Request, s.event.Revision
	s.know(revision)
	if sentMs, ok := s.next.sent(request); ok {
		s.leaseWritten(sentMs, revision)
		return
	}
	if _, ok := s.move.sent(request); ok {
		s.effects = append(s.effects, Effect{Kind: Hint})
		s.adopt(s.move.table, revision)
		s.fetch.wanted = true
		return
	}
	if s.evictionEnds() {
		s.effects = append(s.effects, Effect{Kind: Hint})
	}
}

// conflicted does not raise the floor: a deposed leader may name a revision that is never stored.
func (s *step) conflicted() {
	request, revision := s.event.Request, s.event.Revision
	for _, w := range [2]*write{s.next, s.move} {
		if _, ok := w.sent(request); !ok {
			continue
		}
		if revision > w.expected {
			w.conflicted = true
			s.fetch.wanted = true
			return
		}
		// A leader that does not know yet that it is none says this too, for a while.
		if w.lowerMs == 0 {
			w.lowerMs = s.nowMs
		}
		if s.nowMs-w.lowerMs >= s.config.TTLMs {
			s.evicted(s.reasonOfLower())
			return
		}
		w.againMs = min(w.againMs, s.nowMs+s.config.RetryMs)
		return
	}
	s.evictionEnds()
}

// reasonOfLower is why a key has a lower revision for good.
func (s *step) reasonOfLower() Reason {
	if s.ackedMs != 0 && s.nowMs-s.ackedMs >= s.config.RetireMs {
		return Taken // the own record may have ended, long after its eviction
	}
	return StoreLost
}

func (s *step) failed() {
	request := s.event.Request
	for _, w := range [2]*write{s.next, s.move} {
		if _, ok := w.sent(request); ok {
			w.againMs = min(w.againMs, s.nowMs+s.config.RetryMs)
			return
		}
	}
	if request == s.fetch.request && request != 0 {
		s.fetch.request, s.fetch.atMs, s.fetch.wanted = 0, s.nowMs+s.config.RetryMs, true
		return
	}
	for i := range s.peers {
		if p := &s.peers[i]; p.evict == request && request != 0 {
			p.evictMs = s.nowMs + s.config.RetryMs
		}
	}
}
