package lease

// handOver gives away what others want, a batch at a time: it freezes a batch, and once the shell
// has reported all of it Frozen, or the first have waited for BatchMs, writes the table.
func (s *step) handOver() {
	if s.move != nil || s.blocked() {
		return
	}
	if s.stopped > 0 {
		if s.freezing == 0 || s.nowMs >= s.batchMs {
			s.give()
		}
		return
	}
	if s.freezing == 0 {
		s.freeze()
	}
}

// freeze begins a batch: shards without connected people first, so that they have a new owner
// before anybody asks for them.
func (s *step) freeze() {
	for _, occupied := range [2]bool{false, true} {
		for i := range s.shards {
			here := &s.shards[i]
			if s.freezing == s.config.BatchShards {
				return
			}
			if here.state != owned || here.occupied != occupied || s.table.Shards[i].Wanted == 0 {
				continue
			}
			if to := s.wantedBy(i); to != (Incarnation{}) {
				here.state = freezing
				s.freezing++
				s.effects = append(s.effects, Effect{Kind: HandOver, Shard: i, Term: here.term, Node: to})
			}
		}
	}
}

// wantedBy is who shall get a shard of this node, if it lives; else the proposer will name another.
// One that was not read since the table was written gets it after the next fetch.
func (s *step) wantedBy(i int) Incarnation {
	to := s.table.node(s.table.Shards[i].Wanted)
	at, found := s.find(to.ID)
	if to == s.self || !found || !s.livesHere(to) || !s.isRead(&s.peers[at]) {
		return Incarnation{}
	}
	return to
}

// frozen: from now on, and until a newer table says whose the shard is, nothing of it may be seen.
func (s *step) frozen() {
	here := &s.shards[s.event.Shard]
	if here.state != freezing || here.term != s.event.Term {
		return
	}
	if s.stopped == 0 {
		s.batchMs = s.nowMs + s.config.BatchMs
	}
	here.state = stopped
	s.freezing--
	s.stopped++
	if s.broken&actHandingOver == 0 {
		here.acting = 0
		s.effects = append(s.effects, Effect{Kind: Stop, Shard: s.event.Shard, Term: here.term})
	}
}

// give writes the table with the new owners of all shards that have stopped.
func (s *step) give() {
	e := s.table.edit()
	for i := range s.shards {
		if s.shards[i].state != stopped {
			continue
		}
		if to := s.wantedBy(i); to != (Incarnation{}) {
			e.own(i, to, s.tableRevision)
			if s.broken&sameTerm != 0 {
				e.term[i] = s.shards[i].term
			}
		}
	}
	s.writeTable(e)
}

// reportDrained reports once that nothing more will be handed over.
func (s *step) reportDrained() {
	if !s.drainWritten || s.drained || s.tableRevision == 0 {
		return
	}
	owns := false
	for i := range s.shards {
		owns = owns || s.shards[i].state != foreign
	}
	if owns {
		for i := range s.peers {
			if p := &s.peers[i]; p.ID != s.self.ID && s.candidate(p) {
				return
			}
		}
	}
	s.drained = true
	s.effects = append(s.effects, Effect{Kind: Drained})
}
