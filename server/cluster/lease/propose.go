package lease

import (
	"cmp"
	"slices"
)

// drains reports whether an incarnation lives and wants to own nothing.
func (s *step) drains(who Incarnation) bool {
	at, found := s.find(who.ID)
	return found && s.livesHere(who) && s.peers[at].record.Draining
}

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
	if !s.looked || s.blocked() {
		return
	}
	s.looked = false
	if !s.proposes() {
		return
	}
	if !s.allRead() {
		s.fetch.wanted = s.fetch.wanted || s.fetch.request == 0
		return
	}
	b := balance{edit: s.table.edit()}
	for i := range s.peers {
		if p := &s.peers[i]; s.candidate(p) && s.isRead(p) {
			b.nodes = append(b.nodes, s.peers[i].Incarnation)
		}
	}
	if len(b.nodes) == 0 {
		return
	}
	b.load = make([]int, len(b.nodes))
	var without, leaving []int
	for i := range Shards {
		owner := b.owner[i]
		if owner == (Incarnation{}) || s.gone(owner) || s.broken&takeFromLiving != 0 && b.wanted[i] != (Incarnation{}) {
			without = append(without, i)
			continue
		}
		if b.index(b.wanted[i]) < 0 || b.wanted[i] == owner {
			b.want(i, Incarnation{})
		}
		if to := b.index(b.target(i)); to >= 0 {
			b.load[to]++
		} else if s.drains(owner) { // one neither alive nor gone keeps its own
			leaving = append(leaving, i)
		}
	}
	b.share(len(without) + len(leaving))
	for _, i := range without {
		b.own(i, b.next(), s.tableRevision)
	}
	for _, i := range leaving {
		b.want(i, b.next())
	}
	b.even()
	s.writeTable(b.edit)
}

// balance is an edit with the nodes that may be given shards, in the order of their ids, how many
// each will have, and how many it should have.
type balance struct {
	*edit
	nodes []Incarnation
	load  []int
	quota []int
}

// target is who will have a shard.
func (b *balance) target(shard int) Incarnation {
	if b.wanted[shard] != (Incarnation{}) {
		return b.wanted[shard]
	}
	return b.owner[shard]
}

func (b *balance) index(n Incarnation) int { return slices.Index(b.nodes, n) }

// share sets the quotas, equal for all; what does not divide stays with those that have most, so
// that nothing moves for it.
func (b *balance) share(more int) {
	total := more
	for _, load := range b.load {
		total += load
	}
	n := len(b.nodes)
	b.quota = make([]int, n)
	order := make([]int, n)
	for i := range order {
		b.quota[i], order[i] = total/n, i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(b.load[y], b.load[x]) })
	for _, i := range order[:total%n] {
		b.quota[i]++
	}
}

// next is the first node that has less than it should; it gets one more.
func (b *balance) next() Incarnation {
	for i := range b.nodes {
		if b.load[i] < b.quota[i] {
			b.load[i]++
			return b.nodes[i]
		}
	}
	panic("lease: the quotas do not sum up to the shards")
}

// even moves shards from those that have more than they should: first those that move anyway.
func (b *balance) even() {
	for _, moving := range [2]bool{true, false} {
		for i := range Shards {
			from := b.index(b.target(i))
			if from < 0 || b.load[from] <= b.quota[from] || (b.wanted[i] != (Incarnation{})) != moving {
				continue
			}
			b.load[from]--
			to := b.next()
			if to == b.owner[i] {
				to = Incarnation{}
			}
			b.want(i, to)
		}
	}
}

// forget is for unknownIsFailed: it takes a hand-over without a reply for one that has failed.
func (s *step) forget() {
	if s.broken&unknownIsFailed == 0 {
		return
	}
	for i := range s.shards {
		if here := &s.shards[i]; here.state == stopped {
			term := here.term
			s.lose(i, Aborted)
			s.own(i, term)
		}
	}
	s.move = nil
}
