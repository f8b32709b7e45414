package relay

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v5"

	"usher/server/metrics"
)

// portTries is how many ports are tried before the range counts as full.
const portTries = 256

// client is where a client is, as the server sees it.
type client struct {
	netip.AddrPort
	stream bool
}

// seat is what the allocations of one seat share.
type seat struct {
	allocations map[*allocation]bool
	mu          sync.Mutex
	// sent and received are what may still be relayed to peers and from them.
	sent, received bucket
}

// allocation is the relayed address of a client: a socket that reaches only peers that are allowed.
type allocation struct {
	*net.UDPConn
	server *Server
	name   string
	seat   *seat
	port   uint16
	// source and client are set once the allocation is made; the server's lock guards them.
	source net.Addr
	client client
	// permissions counts the peers that the client may send to.
	permissions atomic.Int32
	expiry      *time.Timer
	once        sync.Once
	// peer is the address of the last packet, so that one stream of packets needs no other.
	peer *net.UDPAddr
	last netip.AddrPort
}

var (
	errQuota = errors.New("the seat has as many allocations as it may have")
	errPorts = errors.New("no port is free")
	errKind  = errors.New("only UDP is relayed, on any port")
)

// generator implements turn.RelayAddressGenerator.
type generator struct{ *Server }

// Validate implements turn.RelayAddressGenerator.
func (generator) Validate() error { return nil }

// AllocateListener implements turn.RelayAddressGenerator: nothing is relayed over TCP to peers.
func (generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errKind
}

// AllocateConn implements turn.RelayAddressGenerator.
func (generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errKind }

// AllocatePacketConn implements turn.RelayAddressGenerator. pion/turn asks without a user for a
// port that is even, which nobody needs.
func (g generator) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	s := g.Server
	if c.UserID == "" || c.RequestedPort != 0 || (c.Network == "udp4") != s.config.PublicIP.Is4() {
		s.refuse(metrics.TURNKind)
		return nil, nil, errKind
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mayAllocate(c.UserID) {
		s.refuse(metrics.TURNQuota)
		return nil, nil, errQuota
	}
	socket := s.freeSocket(c.Network)
	if socket == nil {
		s.refuse(metrics.TURNPorts)
		return nil, nil, errPorts
	}
	a := &allocation{UDPConn: socket, server: s, name: c.UserID, port: uint16(socket.LocalAddr().(*net.UDPAddr).Port)}
	if a.seat = s.seats[a.name]; a.seat == nil {
		a.seat = &seat{allocations: make(map[*allocation]bool)}
		s.seats[a.name] = a.seat
	}
	a.seat.allocations[a] = true
	s.ports[a.port] = a
	s.config.Metrics.Allocations.Add(1)
	a.expiry = time.AfterFunc(s.config.MaxLifetime, func() { _ = a.Close() })
	return a, &net.UDPAddr{IP: s.config.PublicIP.AsSlice(), Port: int(a.port)}, nil
}

// freeSocket opens a port of the range. The caller holds the lock.
func (s *Server) freeSocket(network string) *net.UDPConn {
	size := int(s.config.MaxPort) - int(s.config.MinPort) + 1
	for range portTries {
		port := uint16(int(s.config.MinPort) + rand.IntN(size))
		if s.ports[port] != nil {
			continue
		}
		if socket, err := net.ListenUDP(network, &net.UDPAddr{Port: int(port)}); err == nil {
			return socket
		}
	}
	return nil
}

// Close implements net.PacketConn. pion/turn forgets an allocation whose socket is closed.
func (a *allocation) Close() error {
	a.once.Do(func() {
		s := a.server
		s.mu.Lock()
		defer s.mu.Unlock()
		a.expiry.Stop()
		delete(s.ports, a.port)
		if s.clients[a.client] == a {
			delete(s.clients, a.client)
		}
		delete(a.seat.allocations, a)
		if len(a.seat.allocations) == 0 && s.seats[a.name] == a.seat {
			delete(s.seats, a.name)
		}
		s.config.Metrics.Allocations.Add(-1)
	})
	return a.UDPConn.Close()
}

// ReadFrom implements net.PacketConn: it returns what a peer has sent.
func (a *allocation) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := a.ReadFromUDPAddrPort(p)
		if err != nil {
			return 0, nil, err
		}
		peer, ok := a.server.peerOf(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		switch {
		case !ok:
			a.server.refuse(metrics.TURNPeer)
		case !a.seat.affords(&a.seat.received, n, a.server):
			a.server.refuse(metrics.TURNBandwidth)
		default:
			a.server.config.Metrics.Received.Add(uint64(n))
			if a.last != peer {
				a.last, a.peer = peer, net.UDPAddrFromAddrPort(peer)
			}
			return n, a.peer, nil
		}
	}
}

// WriteTo implements net.PacketConn: it sends to a peer. What may not be sent is dropped, as in any
// network.
func (a *allocation) WriteTo(p []byte, to net.Addr) (int, error) {
	peer, ok := addrPort(to)
	if ok {
		peer, ok = a.server.reach(peer)
	}
	switch {
	case !ok:
		a.server.refuse(metrics.TURNPeer)
	case !a.seat.affords(&a.seat.sent, len(p), a.server):
		a.server.refuse(metrics.TURNBandwidth)
	default:
		a.server.config.Metrics.Sent.Add(uint64(len(p)))
		return a.WriteToUDPAddrPort(p, peer)
	}
	return len(p), nil
}

// affords charges a packet to the bandwidth of a seat, of which a second's worth may come at once.
func (s *seat) affords(b *bucket, n int, server *Server) bool {
	perSecond := float64(server.config.Bandwidth)
	s.mu.Lock()
	defer s.mu.Unlock()
	return b.take(server.now(), float64(n), perSecond, perSecond)
}
