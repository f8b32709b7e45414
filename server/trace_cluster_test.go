package server

import (
	"slices"
	"testing"

	"usher/server/cluster/stream"
)

// notOnNodes are the transcripts that a cluster cannot go through: the store refuses while relays
// go on. It does so for less than a second only, because what keeps a node from storing rooms keeps
// it from renewing its lease. TestEveryTraceIsSeenOverALink has them.
var notOnNodes = []string{"auth-arrange-storage", "door-storage", "kept-storage", "kick-storage", "operate-storage", "report-storage", "role-set", "storage-unavailable", "storage-unavailable-resume"}

// The people of a room may be on three nodes, each person's next socket on the next node: they get
// the same frames. Nodes, links, leases and stream are real; what rooms take for the time is not.
func TestEveryTraceIsSeenOnThreeNodes(t *testing.T) {
	t.Parallel()
	const atOnce = 3 // more would take the time in which each node must renew its lease
	nats := operate(t, atOnce)
	eachTrace(t, func(p *replay) {
		if raced && len(p.trace.Name)%7 != 0 {
			p.t.Skip("the race detector gets some, so that it does not take minutes: NATS is slow under it")
		}
		if slices.Contains(notOnNodes, p.trace.Name) {
			p.t.Skip("no cluster refuses to store and has a lease")
		}
		p.account = nats.account(p.t)
	})
}

// settleLinks waits until all nodes have handled what others had sent them: a question about the
// room passes the same links, after everything before it.
func (p *replay) settleLinks() {
	for _, s := range p.servers {
		s.node.Links().Describe(p.t.Context(), p.trace.RoomID)
	}
}

// crash ends all nodes, and leaves in the stream what it had when they were cut off.
func (p *replay) crash() {
	p.eventually("what could wait is stored", func() bool {
		return !p.server().view(p.trace.RoomID).IsUnsaved && p.server().store.(*stream.Stream).Stats().Queued == 0
	})
	records := p.account.rooms(p.t)
	p.cut()
	p.stop()
	p.account.put(p.t, records)
}
