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
