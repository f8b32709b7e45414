package cluster

import "github.com/nats-io/nats.go"

// revokedSubject is where the names of seats are published whose TURN credentials have ended. The
// stream has no such key.
const revokedSubject = "u.revoked"

// Revoked tells all nodes that the TURN credentials of a seat have ended. It does not block. A node
// that does not hear it takes the credentials until they expire.
func (n *Node) Revoked(name string) {
	if err := n.broker.Conn().Publish(revokedSubject, []byte(name)); err != nil {
		n.log.Warn("other nodes do not hear of revoked credentials; they end by their ttl", "error", err)
	}
}

// HearRevoked calls hear with what other nodes, and this one, have Revoked, until Close.
func (n *Node) HearRevoked(hear func(name string)) {
	if _, err := n.broker.Conn().Subscribe(revokedSubject, func(m *nats.Msg) { hear(string(m.Data)) }); err != nil {
		n.log.Warn("revoked credentials of other nodes are not heard; they end by their ttl", "error", err)
	}
}
