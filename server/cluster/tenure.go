package cluster

import (
	"usher/server/cluster/lease"
	"usher/server/cluster/stream"
	"usher/server/rooms"
)

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

// isValid is for stream.Config: whether no other node can own a shard that is this node's.
func (n *Node) isValid(shard int) bool {
	t := n.tenures[shard].Load()
	return t != nil && t.Valid()
}

// term is for stream.Config: what this node may write.
func (n *Node) term(shard int) (stream.Term, bool) {
	if t := n.tenures[shard].Load(); t != nil && !t.over.Load() {
		return t.term, true
	}
	return stream.Term{}, false
}
