package lease

// started begins an incarnation. What an earlier one knew does not count: what it had sent may
// still arrive, and expects revisions that prove it harmless.
func (s *step) started() {
	if s.phase != idle && s.phase != over || s.event.Nonce == 0 {
		panic("lease: Started with a living incarnation, or without a nonce")
	}
	*s.Node = Node{
		config: s.config, request: s.request, table: &Table{}, broken: s.broken,
		self: Incarnation{s.config.ID, s.event.Nonce}, phase: taking,
		fetch: fetch{wanted: true, atMs: s.nowMs, taken: s.request},
	}
}

// renew writes the own key if that is due.
func (s *step) renew() {
	w := s.next
	switch {
	case s.phase == over || s.phase == taking && !s.lookedUp:
	case w != nil:
		if !w.conflicted && s.nowMs >= w.againMs {
			s.send(w)
		}
	case s.nowMs >= s.renewMs:
		s.counter++
		record := Record{
			Nonce: s.self.Nonce, Counter: s.counter,
			Evicted: s.phase == leaving, Draining: s.draining,
			MinWire: s.config.MinWire, MaxWire: s.config.MaxWire, Address: s.config.Address,
		}
		s.next = &write{key: NodePrefix + s.self.ID, expected: s.revision, record: record, bytes: record.Append(nil, s.self.ID)}
		s.send(s.next)
	}
}

// leaseWritten: the own key was written by a request that was sent at sentMs. The lease is
// counted from there, because nobody can have seen it earlier.
func (s *step) leaseWritten(sentMs int64, revision uint64) {
	record := s.next.record
	s.holds(revision)
	s.renewMs = sentMs + s.config.RenewMs
	if s.nowMs-s.ackedMs > s.config.RenewMs+s.config.ReplyMs/2 {
		s.judgeMs = s.nowMs + s.config.GraceMs
	}
	s.ackedMs = s.nowMs
	if record.Evicted {
		s.left()
		return
	}
	if record.Draining && !s.drainWritten {
		s.drainWritten = true
		s.effects = append(s.effects, Effect{Kind: Hint})
	}
	if s.draining && !record.Draining {
		s.renewMs = s.nowMs
	}
	if s.phase == leaving {
		s.renewMs = s.nowMs
		return
	}
	untilMs := sentMs + s.config.TTLMs - s.config.HolderMarginMs
	if s.broken&noMargin != 0 {
		untilMs = s.nowMs + s.config.TTLMs + s.config.EvictorMarginMs
	}
	if s.broken&actSuspended != 0 {
		untilMs = s.nowMs + 1<<40
	}
	if untilMs <= s.validUntilMs {
		return
	}
	s.validUntilMs = untilMs
	s.effects = append(s.effects, Effect{Kind: ValidUntil, AtMs: untilMs})
	if !s.valid && s.nowMs < untilMs {
		s.valid = true
		s.fetch.wanted = true
		s.effects = append(s.effects, Effect{Kind: Resumed})
	}
}

// holds: the own key has the bytes of s.next, at a revision.
func (s *step) holds(revision uint64) {
	if s.phase == taking {
		s.phase = holding
		s.effects = append(s.effects, Effect{Kind: Hint})
	}
	s.revision, s.next = revision, nil
}

// ownKey compares the own key, as it was fetched, with what this node knows of it.
func (s *step) ownKey(stored *Stored) {
	w := s.next
	s.lookedUp = true
	switch {
	case stored == nil: // proves nothing
	case w == nil && s.phase == taking:
		s.take(stored)
	case w == nil:
		if stored.Revision > s.revision {
			s.evicted(Taken)
		}
	case stored.Revision <= w.expected:
	case string(stored.Bytes) == string(w.bytes) || s.broken&adoptOthers != 0:
		if !w.conflicted {
			return // its Acked, which extends the lease, may be on its way
		}
		// An attempt without a reply was stored. When, is not known: only the revision counts.
		left := w.record.Evicted
		s.holds(stored.Revision)
		s.drainWritten = s.drainWritten || w.record.Draining
		s.renewMs = s.nowMs
		if left {
			s.left()
		}
	case s.phase == taking:
		s.take(stored)
	default:
		s.evicted(Taken)
	}
}

// take makes the next write expect what the own key has: an earlier incarnation's record, whose
// process has ended or has dropped its rooms. If it is this incarnation's own, another node has
// seen and evicted it before this one knew that it had the lease.
func (s *step) take(stored *Stored) {
	if record, err := DecodeRecord(s.self.ID, stored.Bytes); err == nil && record.Nonce == s.self.Nonce && s.broken&retakeOwn == 0 {
		s.evicted(Taken)
		return
	}
	s.revision, s.next, s.renewMs = stored.Revision, nil, s.nowMs
}

// evicted ends the incarnation.
func (s *step) evicted(reason Reason) {
	if s.phase == over {
		return
	}
	if s.phase == leaving {
		s.left()
		return
	}
	s.end()
	s.effects = append(s.effects, Effect{Kind: Evicted, Reason: reason})
}

func (s *step) left() {
	s.end()
	s.effects = append(s.effects, Effect{Kind: Hint}, Effect{Kind: Left})
}

// end makes nothing valid.
func (s *step) end() {
	s.phase = over
	s.giveUp()
	s.next, s.move = nil, nil
}

// giveUp ends the validity of everything at once.
func (s *step) giveUp() {
	if s.validUntilMs != 0 {
		s.effects = append(s.effects, Effect{Kind: ValidUntil})
	}
	s.valid, s.validUntilMs = false, 0
	s.shards = [Shards]shard{}
	s.freezing, s.stopped = 0, 0
}

func (s *step) drainAsked() {
	if !s.draining {
		s.draining = true
		s.renewMs = s.nowMs
	}
}

// stoppedAll gives the lease back. A renewal that is under way comes first.
func (s *step) stoppedAll() {
	if s.phase == taking && s.next == nil {
		s.left()
		return
	}
	s.phase, s.renewMs = leaving, s.nowMs
	s.giveUp()
	s.move = nil
}
