package lease

// broken are the rules that a node breaks, so that the tests can show that they find it. Only
// they can set it.
type broken uint16

const (
	evictEarly broken = 1 << iota
	evictWithoutCAS
	tableWithoutCAS
	oldLeases
	oldTable
	actHandingOver
	actSuspended
	noMargin
	adoptOthers
	retakeOwn
	takeFromLiving
	sameTerm
	unknownIsFailed
	retireNamed
	retireUnfenced
	nameUnread
)

// anyRevision is the revision that a broken node expects.
const anyRevision = ^uint64(0)

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
