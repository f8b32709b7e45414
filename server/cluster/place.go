package cluster

import (
	"context"

	"usher/protocol"
	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/edge"
	"usher/server/rooms"
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

// localRooms are the rooms of this node for its links.
type localRooms struct{ rooms *rooms.Rooms }

// Open implements edge.Rooms.
func (l localRooms) Open(ctx context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	session, refusal := l.rooms.Open(ctx, roomID, rooms.Opening(o), s)
	if refusal != "" {
		return nil, refusal
	}
	return session, ""
}

// Describe implements edge.Rooms.
func (l localRooms) Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code) {
	return l.rooms.Describe(ctx, roomID)
}
