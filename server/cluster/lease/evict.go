package lease

// silentMs is for how long a lease's revision must not change before its holder is evicted. The
// holder counts from before its write was sent, and this node from when it saw it: the margins
// are only for clocks that run at different rates.
func (s *step) silentMs() int64 {
	if s.broken&evictEarly != 0 {
		return s.config.TTLMs / 2
	}
	if s.broken&noMargin != 0 {
		return s.config.TTLMs
	}
	return s.config.TTLMs + s.config.EvictorMarginMs
}

// mayEvict: a corrupt record is its holder's until that writes it again, as a living one will.
func (s *step) mayEvict(p *peer) bool {
	return (p.lives() || p.err == ErrCorrupt) && p.ID != s.self.ID
}

// evictableMs is when a node may be evicted, if its lease does not change.
func (s *step) evictableMs(p *peer) int64 {
	return max(p.firstMs+s.silentMs(), p.evictMs, s.judgeMs)
}

// evictSilent ends the incarnations that have not renewed, on condition that they still have not.
// Only a valid node does: one that is cut off sees everybody silent.
func (s *step) evictSilent() {
	for i := range s.peers {
		p := &s.peers[i]
		if !s.mayEvict(p) || s.nowMs < s.evictableMs(p) {
			continue
		}
		record := p.record
		record.Nonce, record.Evicted = p.Nonce, true
		s.request++
		p.evict, p.evictMs = s.request, s.nowMs+s.config.ReplyMs
		s.put(NodePrefix+p.ID, p.revision, record.Append(nil, p.ID))
	}
}

// evictionEnds fetches what an eviction that was answered has come to.
func (s *step) evictionEnds() bool {
	for i := range s.peers {
		if p := &s.peers[i]; p.evict == s.event.Request && p.evict != 0 {
			p.evict = 0
			s.fetch.wanted = true
			return true
		}
	}
	return false
}
