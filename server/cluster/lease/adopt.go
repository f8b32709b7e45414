package lease

// adopt takes a table that is newer than the known one. Then no attempt of the write under way
// can be stored any more, if it was not already: it expects an older revision.
func (s *step) adopt(table *Table, revision uint64) {
	if revision <= s.tableRevision && s.broken&oldTable == 0 {
		return
	}
	before := s.table
	s.table, s.tableRevision, s.move, s.looked, s.changedMs = table, revision, nil, true, s.nowMs
	own := uint8(0)
	for i, n := range table.Nodes {
		if n == s.self {
			own = uint8(i + 1)
		}
	}
	for i := range table.Shards {
		p := table.Shards[i]
		if s.phase == leaving {
			break
		}
		s.place(i, p, own != 0 && p.Owner == own, p.Wanted == 0 || p.Wanted == own)
	}
	for i := range table.Shards {
		to, from := table.Shards[i], before.Shards[i]
		if node := table.node(to.Owner); (to.Owner == 0 || to.Owner != own) && (to.Term != from.Term || node != before.node(from.Owner)) {
			s.effects = append(s.effects, Effect{Kind: Moved, Shard: i, Term: to.Term, Node: node})
		}
	}
}

// place compares one shard with the table. mine: the table says that it is this node's. kept: and
// that nobody else wants it.
func (s *step) place(i int, p Place, mine, kept bool) {
	here := &s.shards[i]
	switch {
	case here.state == foreign && !mine:
	case here.state == foreign:
		s.own(i, p.Term)
	case mine && here.term == p.Term && (here.state == owned || !kept):
		if here.state == stopped && s.broken&oldTable != 0 {
			s.lose(i, Aborted)
			s.own(i, p.Term)
		}
	case mine && here.term == p.Term:
		s.lose(i, Aborted)
		s.own(i, p.Term)
	default:
		reason := Taken
		if here.state == stopped {
			reason = HandedOver
		}
		s.lose(i, reason)
		if mine {
			s.own(i, p.Term)
		}
	}
}

func (s *step) own(i int, term uint64) {
	s.shards[i] = shard{state: owned, acting: term, term: term}
	s.effects = append(s.effects, Effect{Kind: Own, Shard: i, Term: term})
}

func (s *step) lose(i int, reason Reason) {
	here := &s.shards[i]
	switch here.state {
	case freezing:
		s.freezing--
	case stopped:
		s.stopped--
	}
	s.effects = append(s.effects, Effect{Kind: Lose, Shard: i, Term: here.term, Reason: reason})
	*here = shard{}
}
