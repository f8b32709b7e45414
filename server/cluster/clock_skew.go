package cluster

import (
	"context"
	"fmt"
	"time"

	"usher/server/cluster/broker"
)

// maxSkew is how far this machine's clock may be from that of the server that leads the stream.
// The deadlines of a room move by it when its owner changes.
const maxSkew = 2 * time.Minute

// checkClock refuses a node whose clock, or that of the stream's leader, is wrong. While a node runs
// its rooms do not look at the system's clock, and then it is only logged.
func (n *Node) checkClock(ctx context.Context) error {
	before := time.Now()
	theirs, server, err := n.stream.Time(ctx)
	if err != nil || theirs.IsZero() {
		return nil // nobody has said what time it is
	}
	return skewError(before, time.Now(), theirs, server)
}

// skewError compares a clock with what a server said its time was, between two readings.
func skewError(before, after, theirs time.Time, server string) error {
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
