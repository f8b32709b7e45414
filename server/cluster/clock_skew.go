package cluster

import (
	"context"
	"fmt"
	"time"

	"usher/server/cluster/broker"
)

// maxSkew is how far this machine's clock may be from that of the server that leads the stream.
// The deadlines of a room move by it when its owner changes, if that was started since.
const maxSkew = 2 * time.Minute

// checkClock returns an error if the clock is wrong. A node that starts refuses to: it would judge
// the deadlines of all rooms that it gets by this clock. One that runs only reports it, because its
// rooms go by the time of its start, and which of the two clocks is wrong nobody knows.
func (n *Node) checkClock(ctx context.Context) *broker.Error {
	before := n.now()
	theirs, server, err := n.stream.Time(ctx)
	if err != nil || theirs.IsZero() {
		return nil // nobody has said what time it is
	}
	ahead := skew(before, n.now(), theirs)
	n.counts.skew.Store(int64(ahead))
	return skewError(ahead, server)
}

// now is the wall clock.
func (n *Node) now() time.Time {
	if n.config.wall != nil {
		return n.config.wall()
	}
	return time.Now()
}

// watchClock reports a clock that has become wrong.
func (n *Node) watchClock(ctx context.Context) {
	if wrong := n.checkClock(ctx); wrong != nil {
		n.log.Error("the clocks of two machines differ: rooms may end early or late", "error", wrong, "hint", wrong.Hint)
	}
}

// skew is how far a clock is ahead of what a server said its time was, between two readings of the
// clock, at least; negative if it is behind.
func skew(before, after, theirs time.Time) time.Duration {
	switch {
	case before.After(theirs):
		return before.Sub(theirs)
	case theirs.After(after):
		return after.Sub(theirs)
	}
	return 0
}

// skewError is nil for a clock that is ahead by no more than maxSkew.
func skewError(ahead time.Duration, server string) *broker.Error {
	if ahead.Abs() <= maxSkew {
		return nil
	}
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	if server == "" {
		server = "the NATS server that leads the stream"
	}
	return &broker.Error{
		Kind:    broker.ErrClock,
		Problem: fmt.Sprintf("it is %v %s that of %s", ahead.Abs().Round(time.Second), word, server),
		Hint:    "one of the two is wrong: set both by NTP, and start this node again",
	}
}
