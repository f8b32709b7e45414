package metrics

// TURN counts what the embedded TURN server does.
type TURN struct {
	// Allocations are the relayed addresses that clients have now.
	Allocations Gauge
	// Sent and Received are the payload bytes relayed to peers and from them.
	Sent, Received Counter
	Refused        [turnRefusals]Counter
}

// TURNRefusal is why something was refused, or dropped.
type TURNRefusal int

// The reasons.
const (
	// TURNCredential: no valid credential. TURNExpired: it has expired. TURNRevoked: its seat has
	// ended.
	TURNCredential TURNRefusal = iota
	TURNExpired
	TURNRevoked
	// TURNQuota: the seat has as many allocations as it may have. TURNPorts: no port is free.
	// TURNKind: a kind of allocation that is not served.
	TURNQuota
	TURNPorts
	TURNKind
	// TURNPeer: the peer is not allowed. TURNBandwidth: the seat relays more than it may.
	TURNPeer
	TURNBandwidth
	// TURNRate: too much from an address without an allocation. TURNNotARequest: something that
	// makes no sense without one. TURNConnections: too many connections.
	TURNRate
	TURNNotARequest
	TURNConnections
	turnRefusals
)

var turnReasons = [turnRefusals]string{
	"credential", "expired", "revoked", "quota", "ports", "kind", "peer", "bandwidth", "rate", "not-a-request", "connections",
}

// ShowTURN returns new counters, which /metrics shows.
func (m *Metrics) ShowTURN() *TURN {
	defer m.in(WithTURN)()
	t := new(TURN)
	m.showGauge("usher_turn_allocations", "Relayed addresses of the embedded TURN server.", &t.Allocations)
	const help = "Payload bytes that the embedded TURN server relayed, by direction."
	m.showCounter("usher_turn_relayed_bytes_total", help, "direction", "to_peer", &t.Sent)
	m.showCounter("usher_turn_relayed_bytes_total", help, "direction", "from_peer", &t.Received)
	for i := range t.Refused {
		m.showCounter("usher_turn_refusals_total", "What the embedded TURN server refused or dropped, by reason.",
			"reason", turnReasons[i], &t.Refused[i])
	}
	return t
}
