package lease

// candidate reports whether a node may be given shards.
func (s *step) candidate(p *peer) bool { return p.lives() && !p.record.Draining }

// proposes reports whether this node is the one that proposes: of those that live, the lowest id.
func (s *step) proposes() bool {
	for i := range s.peers {
		if p := &s.peers[i]; p.lives() {
			return p.Incarnation == s.self
		}
	}
	return false
}

// propose writes the table that should be: what nobody owns, or only somebody who is gone, gets
// an owner; of what a living node owns, only who shall have it is written.
func (s *step) propose() {
	if w := s.move; w != nil {
		if !w.conflicted && s.nowMs >= w.againMs {
			s.send(w)
			s.forget()
		}
		return
	}
	if !s.looked {
		return
	}
	s.looked = false
	if !s.proposes() {
		return
	}
	b := balance{edit: s.table.edit()}
	for i := range s.peers {
		if s.candidate(&s.peers[i]) {
			b.nodes = append(b.nodes, s.peers[i].Incarnation)
		}
	}
	if len(b.nodes) == 0 {
		return
	}
	b.load = make([]int, len(b.nodes))
	var without []int
	for i := range Shards {
		owner := b.owner[i]
		switch {
		case owner == (Incarnation{}) || s.gone(owner) || s.broken&takeFromLiving != 0 && b.wanted[i] != (Incarnation{}):
			without = append(without, i)
			continue
		case b.index(b.wanted[i]) < 0 || b.wanted[i] == owner:
			b.want(i, Incarnation{})
		}
		if to := b.index(b.target(i)); to >= 0 {
			b.load[to]++
		}
	}
	for _, i := range without {
		to := b.least()
		b.own(i, b.nodes[to], s.tableRevision)
		b.load[to]++
	}
	b.leave()
	b.even()
	s.writeTable(b.edit)
}

// balance is an edit with the nodes that may be given shards, in the order of their ids, and how
// many each will have.
type balance struct {
	*edit
	nodes []Incarnation
	load  []int
}

// target is who will have a shard.
func (b *balance) target(shard int) Incarnation {
	if b.wanted[shard] != (Incarnation{}) {
		return b.wanted[shard]
	}
	return b.owner[shard]
}

func (b *balance) index(n Incarnation) int {
	for i := range b.nodes {
		if b.nodes[i] == n {
			return i
		}
	}
	return -1
}

func (b *balance) least() (at int) {
	for i := range b.load {
		if b.load[i] < b.load[at] {
			at = i
		}
	}
	return at
}

func (b *balance) most() (at int) {
	for i := range b.load {
		if b.load[i] > b.load[at] {
			at = i
		}
	}
	return at
}

// leave finds somebody else for the shards of those that drain.
func (b *balance) leave() {
	for i := range Shards {
		if b.index(b.target(i)) < 0 {
			to := b.least()
			b.want(i, b.nodes[to])
			b.load[to]++
		}
	}
}

// even moves shards until no node will have two more than another: first those that are to move
// anyway, and so rather to another node.
func (b *balance) even() {
	for _, moving := range [2]bool{true, false} {
		for i := range Shards {
			most, least := b.most(), b.least()
			if b.load[most]-b.load[least] <= 1 {
				return
			}
			from := b.index(b.target(i))
			if from < 0 || b.load[from]-b.load[least] <= 1 || (b.wanted[i] != (Incarnation{})) != moving {
				continue
			}
			to := b.nodes[least]
			if b.owner[i] == to {
				to = Incarnation{}
			}
			b.want(i, to)
			b.load[from]--
			b.load[least]++
		}
	}
}
