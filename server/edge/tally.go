package edge

import (
	"time"

	"usher/protocol"
	"usher/server/metrics"
)

// tally counts how long the messages of one slice took. The clock is read for the slice, which has
// few messages, and not for each of them.
type tally struct {
	// flow is nil if no times are taken.
	flow *metrics.Flow
	// types are those of the messages that have been handled, n of them, and relayed counts the
	// frames that were passed on to sockets of this node.
	types   [maxSliceFrames]protocol.Type
	n       int
	relayed int
	// deferred is set if the rooms count the message under way.
	deferred bool
}

// handled adds a message, unless the rooms count it.
func (t *tally) handled(m protocol.Type) {
	if t.flow != nil && !t.deferred && t.n < len(t.types) {
		t.types[t.n] = m
		t.n++
	}
	t.deferred = false
}

// Defer implements rooms.Batch: the message under way is counted by the rooms, once what it changed
// is stored.
func (t *tally) Defer() bool {
	t.deferred = true
	return t.flow != nil
}

// count is for the end of a slice that took that long, after everything that waited for it has been
// written.
func (t *tally) count(took time.Duration) {
	for _, m := range t.types[:t.n] {
		t.flow.Handled(m, took)
	}
	if t.relayed > 0 {
		t.flow.Relayed(took, t.relayed)
	}
	t.n, t.relayed = 0, 0
}
