package lease

// maxAttempts is how many of its last attempts a write knows, those of a TTL. An earlier one's
// Acked is ignored as if it had been lost.
const maxAttempts = 12

// write is one conditional write, sent again with the same bytes until it is acked or the key is
// known to have another revision: an unknown outcome is not a failure.
type write struct {
	key      string
	expected uint64
	bytes    []byte
	attempts [maxAttempts]attempt
	tries    int
	againMs  int64
	// conflicted: the key has a higher revision, which has to be fetched before anything is sent.
	conflicted bool
	// lowerMs is since when the key has been said to have a lower revision, 0 for not.
	lowerMs int64
	// record and table are what bytes encode, according to key.
	record Record
	table  *Table
}

type attempt struct {
	request uint64
	sentMs  int64
}

// sent is when a request was sent, if it is an attempt of this write.
func (w *write) sent(request uint64) (sentMs int64, ok bool) {
	if w == nil {
		return 0, false
	}
	for _, a := range w.attempts {
		if a.request == request && request != 0 {
			return a.sentMs, true
		}
	}
	return 0, false
}

// send sends a write, for the first time or again.
func (s *step) send(w *write) {
	s.request++
	w.attempts[w.tries%maxAttempts] = attempt{s.request, s.nowMs}
	w.tries++
	w.againMs = s.nowMs + s.config.AnswerMs
	s.put(w.key, w.expected, w.bytes)
}

// put is a Put of the request that was numbered last.
func (s *step) put(key string, expected uint64, bytes []byte) {
	if key == TableKey && s.broken&tableWithoutCAS != 0 || key != TableKey && key != NodePrefix+s.self.ID && s.broken&evictWithoutCAS != 0 {
		expected = anyRevision
	}
	s.effects = append(s.effects, Effect{Kind: Put, Request: s.request, Key: key, Expected: expected, Bytes: bytes})
}

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

// unresolved sends a write again that collided with a revision which the reply to a fetch did not
// have. That is safe, because the same condition stands.
func (s *step) unresolved(w *write) {
	if w != nil && w.conflicted {
		w.conflicted, w.againMs = false, s.nowMs+s.config.RetryMs
	}
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

// know raises the floor.
func (s *step) know(revision uint64) { s.floor = max(s.floor, revision) }
