package lease

// Step handles one event and appends what the shell has to do for it to effects. nowMs is a clock
// that never goes back and that goes on while the process does not run.
func (n *Node) Step(nowMs int64, event Event, effects []Effect) []Effect {
	s := step{Node: n, nowMs: nowMs, event: event, effects: effects}
	if event.Kind == Started {
		s.started()
	}
	if n.phase == idle || n.phase == over {
		return s.effects
	}
	s.expire()
	switch event.Kind {
	case Acked:
		s.acked()
	case Conflicted:
		s.conflicted()
	case Failed:
		s.failed()
	case Fetched:
		s.fetched()
	case Hinted:
		s.fetch.wanted = true
	case Occupied:
		s.shards[event.Shard].occupied = event.Occupied && s.shards[event.Shard].state != foreign
	case Frozen:
		s.frozen()
	case DrainAsked:
		s.drainAsked()
	case Stopped:
		s.stoppedAll()
	}
	s.turn()
	return s.effects
}

// turn does everything that is due.
func (s *step) turn() {
	s.renew()
	if s.phase != over {
		s.fetchAgain()
	}
	if s.valid {
		s.handOver()
		s.propose()
		s.evictSilent()
		s.retire()
		s.reportDrained()
		if s.fetch.wanted { // by what is above
			s.fetchAgain()
		}
	}
	s.setTimer()
}

// expire suspends a node whose lease has run out.
func (s *step) expire() {
	if s.valid && s.nowMs >= s.validUntilMs {
		s.valid = false
		s.effects = append(s.effects, Effect{Kind: Suspended})
	}
}

// setTimer sets the timer to the next thing that only time makes due.
func (s *step) setTimer() {
	atMs := int64(0)
	at := func(ms int64) {
		if atMs == 0 || ms < atMs {
			atMs = ms
		}
	}
	if s.phase != over {
		if w := s.next; w == nil && (s.phase != taking || s.lookedUp) {
			at(s.renewMs)
		} else if w != nil && !w.conflicted {
			at(w.againMs)
		}
		at(s.fetchMs())
	}
	if s.valid {
		at(s.validUntilMs)
		if w := s.move; w != nil && !w.conflicted {
			at(w.againMs)
		}
		if s.stopped > 0 && s.freezing > 0 && s.move == nil && s.nowMs < s.batchMs {
			at(s.batchMs)
		}
		for i := range s.peers {
			if p := &s.peers[i]; s.mayEvict(p) {
				at(s.evictableMs(p))
			}
		}
	}
	if atMs != s.timerMs || s.event.Kind == TimerFired {
		s.timerMs = atMs
		s.effects = append(s.effects, Effect{Kind: SetTimer, AtMs: atMs})
	}
}
