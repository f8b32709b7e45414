package link

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
)

const (
	// natsPendingBytes bounds what NATS has delivered and nobody has handled. What comes beyond it
	// is lost, and breaks the links.
	natsPendingBytes = 32 << 20
	// natsSubjects bounds the subjects that are remembered.
	natsSubjects = 4 * MaxNodes
	// subjectPrefix begins the subject of an incarnation.
	subjectPrefix = "u.to."
)

// NATS is a Transport on core NATS: the messages to an incarnation have the subject
// u.to.<id>-<nonce>.
type NATS struct {
	conn *nats.Conn

	mu       sync.Mutex
	subjects map[Incarnation]string
}

// NewNATS returns a transport on a connection of its own, apart from the one that leases are
// renewed on. The connection should have no reconnect buffer (nats.ReconnectBufSize(-1)), which
// would send what is out of date, and a flusher time-out, which bounds how long Send can wait for a
// server that takes nothing.
func NewNATS(conn *nats.Conn) *NATS {
	return &NATS{conn: conn, subjects: make(map[Incarnation]string)}
}

// Send implements Transport.
func (n *NATS) Send(to Incarnation, message []byte) error {
	return n.conn.Publish(n.subject(to), message)
}

// subject returns the subject of an incarnation. Ids have neither dots nor wildcards, and the nonce
// has one length.
func (n *NATS) subject(to Incarnation) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.subjects[to]
	if s == "" {
		if len(n.subjects) >= natsSubjects {
			clear(n.subjects)
		}
		nonce := strconv.FormatUint(to.Nonce, 16)
		s = subjectPrefix + to.ID + "-" + "0000000000000000"[len(nonce):] + nonce
		n.subjects[to] = s
	}
	return s
}

// Receive implements Transport.
func (n *NATS) Receive(self Incarnation, received func(message []byte)) (stop func(), err error) {
	subscription, err := n.conn.Subscribe(n.subject(self), func(m *nats.Msg) { received(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribing to the messages of other nodes: %w", err)
	}
	if err := subscription.SetPendingLimits(-1, natsPendingBytes); err != nil {
		return nil, fmt.Errorf("bounding the messages of other nodes: %w", err)
	}
	// Whoever is told of this incarnation from now on reaches it.
	if err := n.conn.Flush(); err != nil {
		return nil, fmt.Errorf("subscribing to the messages of other nodes: %w", err)
	}
	return func() { _ = subscription.Unsubscribe() }, nil
}
