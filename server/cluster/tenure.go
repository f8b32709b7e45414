package cluster

import (
	"sync/atomic"

	"usher/server/cluster/lease"
	"usher/server/cluster/stream"
	"usher/server/rooms"
)

// tenure is one term of this node for one shard. It implements rooms.Tenure.
type tenure struct {
	node    *Node
	shard   int
	term    stream.Term
	since   rooms.Moment
	leaving atomic.Bool // nobody may enter any more
	over    atomic.Bool // nothing may be seen any more
	// occupied is what lease was told: whether the rooms have connected people. The node's lock
	// guards it.
	occupied bool
}

// Valid implements rooms.Tenure.
func (t *tenure) Valid() bool {
	return !t.over.Load() && t.node.clock.glance() < t.node.validUntil.Load()
}

// isOver reports whether nobody may enter the rooms any more.
func (t *tenure) isOver() bool { return t.over.Load() || t.leaving.Load() }

// Since implements rooms.Tenure.
func (t *tenure) Since() rooms.Moment { return t.since }

// Tenure implements rooms.Owner.
func (n *Node) Tenure(roomID string) rooms.Tenure {
	if t := n.tenures[lease.ShardOf(roomID)].Load(); t != nil && !t.leaving.Load() {
		return t
	}
	return nil
}

// term is for stream.Config: what this node may write.
func (n *Node) term(shard int) (stream.Term, bool) {
	if t := n.tenures[shard].Load(); t != nil && !t.over.Load() {
		return t.term, true
	}
	return stream.Term{}, false
}
