package lease

// The record of an incarnation that is over may end once nobody will need it as a proof of that:
// the table names no incarnation of that node, and is newer than its end. Whoever writes a later
// table has read all the nodes that it adds no earlier than this one (isRead), and so has not
// found this one alive.

// retirable reports whether a record has said for long enough that its incarnation is over.
func (s *step) retirable(p *peer) bool {
	return p.err == nil && p.record.Evicted && p.ID != s.self.ID &&
		s.nowMs >= max(p.firstMs+s.config.RetireMs, p.evictMs) && (!s.table.names(p.ID) || s.broken&retireNamed != 0)
}

// retire makes the store forget the records that it may. If the table is older than some of them,
// it is written again first.
func (s *step) retire() {
	if s.move != nil || s.blocked() || !s.proposes() {
		return
	}
	older := false
	for i := range s.peers {
		p := &s.peers[i]
		switch {
		case !s.retirable(p):
		case p.revision > s.tableRevision && s.broken&retireUnfenced == 0:
			older = true
		default:
			s.request++
			p.evict, p.evictMs = s.request, s.nowMs+s.config.ReplyMs
			record := p.record
			s.effects = append(s.effects, Effect{
				Kind: Put, Request: s.request, Key: NodePrefix + p.ID, Expected: p.revision,
				Bytes: record.Append(nil, p.ID), TTLMs: s.config.RetireMs / 2,
			})
		}
	}
	if older {
		e := s.table.edit()
		e.changed = true
		s.writeTable(e)
	}
}

// forgetMissing forgets the nodes whose record has ended, which a reply that came as far as any
// table does not have.
func (s *step) forgetMissing() {
	kept := s.peers[:0]
	for _, p := range s.peers {
		if p.err == nil && p.record.Evicted && p.readAt < s.event.Revision && s.nowMs >= p.firstMs+s.config.RetireMs/2 {
			continue
		}
		kept = append(kept, p)
	}
	clear(s.peers[len(kept):])
	s.peers = kept
}

// names reports whether the table names an incarnation of a node.
func (t *Table) names(id string) bool {
	for _, n := range t.Nodes {
		if n.ID == id {
			return true
		}
	}
	return false
}
