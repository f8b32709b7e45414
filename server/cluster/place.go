package cluster

import (
	"usher/server/cluster/lease"
	"usher/server/cluster/link"
)

// place is link.Config.Place.
func (n *Node) place(roomID string) link.Place { return *n.places[lease.ShardOf(roomID)].Load() }

// OwnerAddress returns host:port of the HTTP server of the node that owns a room, "" if none does.
func (n *Node) OwnerAddress(roomID string) string {
	owner := n.place(roomID).Owner
	n.mu.Lock()
	defer n.mu.Unlock()
	if record, ok := n.lease.Peer(owner.ID); ok && record.Nonce == owner.Nonce {
		return record.Address
	}
	return ""
}
