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

// checkClock reports a clock that is wrong. It is no reason to refuse a node: leases do not go by
// it, and which of the two is wrong nobody knows.
func (n *Node) checkClock(ctx context.Context) {
	before := time.Now()
	theirs, server, err := n.stream.Time(ctx)
	if err != nil || theirs.IsZero() {
		return // nobody has said what time it is
	}
	if wrong := skewError(before, time.Now(), theirs, server); wrong != nil {
		n.log.Error("the clocks of two machines differ: rooms may end early or late", "error", wrong, "hint", wrong.Hint)
	}
}

// skewError compares a clock with what a server said its time was, between two readings.
func skewError(before, after, theirs time.Time, server string) *broker.Error {
	ahead := before.Sub(theirs) // at least
	word := "ahead of"
	if behind := theirs.Sub(after); behind > ahead {
		ahead, word = behind, "behind"
	}
	if ahead <= maxSkew {
		return nil
	}
	if server == "" {
		server = "the NATS server that leads the stream"
	}
	return &broker.Error{
		Kind:    broker.ErrClock,
		Problem: fmt.Sprintf("it is %v %s that of %s", ahead.Round(time.Second), word, server),
		Hint:    "one of the two is wrong: set both by NTP, and start this node again",
	}
}
