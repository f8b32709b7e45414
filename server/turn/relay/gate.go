package relay

import (
	"encoding/binary"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"time"

	"usher/server/metrics"
)

const (
	// strangersPerSecond and strangersBurst bound the packets of one address, or /64, that are
	// replied to although it has no allocation. A reply has up to 4 times the bytes of its request:
	// 20 a second are 3 kB.
	strangersPerSecond, strangersBurst = 20, 100
	// gateCells bounds the memory for that. Addresses that share a cell share its budget.
	gateCells = 1 << 15
	// stunHeader is the size of the header of a STUN message, and magicCookie is in it (RFC 8489,
	// section 5).
	stunHeader  = 20
	magicCookie = 0x2112a442
)

// The types of the requests that make sense without an allocation.
const (
	bindingRequest  = 0x0001
	allocateRequest = 0x0003
	refreshRequest  = 0x0004
)

// gate bounds what is replied to those who have proved nothing: their address may be somebody
// else's.
type gate struct {
	seed  maphash.Seed
	now   func() time.Time
	mu    sync.Mutex
	cells [gateCells]bucket
}

func newGate(now func() time.Time) *gate { return &gate{seed: maphash.MakeSeed(), now: now} }

// admits charges a packet.
func (g *gate) admits(ip netip.Addr) bool {
	cell := &g.cells[maphash.Comparable(g.seed, network(ip))%gateCells]
	g.mu.Lock()
	defer g.mu.Unlock()
	return cell.take(g.now(), 1, strangersPerSecond, strangersBurst)
}

// network is what an address counts for: one subscriber has a whole /64.
func network(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64)
		return prefix.Addr()
	}
	return ip
}

// bucket is a budget that refills.
type bucket struct {
	left float64
	at   time.Time
}

// take takes n, or nothing if less is left.
func (b *bucket) take(now time.Time, n, perSecond, burst float64) bool {
	if b.at.IsZero() {
		b.left = burst
	} else if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = min(burst, b.left+passed*perSecond)
	}
	b.at = now
	if b.left < n {
		return false
	}
	b.left -= n
	return true
}

// isRequest reports whether a packet is a STUN request that makes sense without an allocation.
func isRequest(p []byte) bool {
	if len(p) < stunHeader || binary.BigEndian.Uint32(p[4:]) != magicCookie {
		return false
	}
	switch binary.BigEndian.Uint16(p) {
	case bindingRequest, allocateRequest, refreshRequest:
		return true
	}
	return false
}

// gatedConn is the socket for UDP. It gives the TURN server what comes from clients with an
// allocation, and a bounded part of the rest.
type gatedConn struct {
	*net.UDPConn
	server *Server
}

// ReadFrom implements net.PacketConn.
func (c *gatedConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.ReadFromUDPAddrPort(p)
		if err != nil {
			return 0, nil, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if a := c.server.allocationOf(client{from, false}); a != nil {
			return n, a.source, nil
		}
		switch {
		case !isRequest(p[:n]):
			c.server.refuse(metrics.TURNNotARequest)
		case !c.server.gate.admits(from.Addr()):
			c.server.refuse(metrics.TURNRate)
		default:
			return n, net.UDPAddrFromAddrPort(from), nil
		}
	}
}
