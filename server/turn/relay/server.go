package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"

	"usher/server/metrics"
	"usher/server/turn"
)

const (
	// realm is part of what a password is hashed with.
	realm = "usher"
	// maxRevoked bounds the seats that are remembered to have ended. Of more, the oldest
	// credentials are valid until they expire.
	maxRevoked = 1 << 17
	// maxPermissions bounds the peers of one allocation.
	maxPermissions = 256
)

// Server is a STUN and TURN server. It implements turn.Provider.
type Server struct {
	config Config
	peers  *peers
	gate   *gate
	now    func() time.Time
	turn   *pion.Server
	urls   []string

	mu      sync.RWMutex
	seats   map[string]*seat
	clients map[client]*allocation
	ports   map[uint16]*allocation
	// revoked has until when the credentials of a seat that has ended would be valid, and order its
	// names in the order of their ends.
	revoked map[string]time.Time
	order   []string
}

// Open listens. The config must be valid.
func Open(config Config) (*Server, error) {
	s := &Server{
		config: config, peers: newPeers(&config), now: config.Now, seats: make(map[string]*seat),
		clients: make(map[client]*allocation), ports: make(map[uint16]*allocation), revoked: make(map[string]time.Time),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.gate = newGate(s.now)
	logs := &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	options := pion.ServerConfig{
		Realm: realm, LoggerFactory: logs, AuthHandler: s.authenticate,
		QuotaHandler: func(name, _ string, _ net.Addr) bool { return s.hasQuota(name) },
		EventHandler: pion.EventHandler{
			OnAllocationCreated: s.allocated,
			OnPermissionCreated: func(source, _ net.Addr, _, _, _ string, _ net.Addr, _ net.IP) { s.permitted(source, 1) },
			OnPermissionDeleted: func(source, _ net.Addr, _, _, _ string, _ net.Addr, _ net.IP) { s.permitted(source, -1) },
			OnAllocationDeleted: func(net.Addr, net.Addr, string, string, string) {},
		},
	}
	err := s.listen(&options)
	if err == nil {
		s.turn, err = pion.NewServer(options)
	}
	if err != nil {
		for _, c := range options.PacketConnConfigs {
			_ = c.PacketConn.Close()
		}
		for _, l := range options.ListenerConfigs {
			_ = l.Listener.Close()
		}
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(options *pion.ServerConfig) error {
	for _, address := range s.config.Listen {
		socket, listener, err := listenBoth(address)
		if err != nil {
			return err
		}
		_ = socket.SetReadBuffer(4 << 20) // a smaller one loses packets of bursts
		_ = socket.SetWriteBuffer(4 << 20)
		options.PacketConnConfigs = append(options.PacketConnConfigs, pion.PacketConnConfig{
			PacketConn: &gatedConn{socket, s}, RelayAddressGenerator: generator{s}, PermissionHandler: s.permits(false),
		})
		s.accept(options, newStreams(listener, s))
		authority := net.JoinHostPort(s.host(), strconv.Itoa(socket.LocalAddr().(*net.UDPAddr).Port))
		s.urls = append(s.urls, "stun:"+authority, "turn:"+authority+"?transport=udp", "turn:"+authority+"?transport=tcp")
	}
	for _, address := range s.config.ListenTLS {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return &ListenError{"turn-tls-listen", address, err}
		}
		port := listener.Addr().(*net.TCPAddr).Port
		s.accept(options, tls.NewListener(newStreams(listener, s), s.config.TLS))
		s.urls = append(s.urls, "turns:"+net.JoinHostPort(s.host(), strconv.Itoa(port))+"?transport=tcp")
	}
	return nil
}

// bothTries is how often a port of the system's choice is tried: that it is free for UDP does not
// mean that it is for TCP.
const bothTries = 100

// listenBoth listens on one port for UDP and for TCP.
func listenBoth(address string) (*net.UDPConn, net.Listener, error) {
	for tries := 1; ; tries++ {
		packets, err := net.ListenPacket("udp", address)
		if err != nil {
			return nil, nil, &ListenError{"turn-listen", address, err}
		}
		socket := packets.(*net.UDPConn)
		host, asked, _ := net.SplitHostPort(address)
		both := net.JoinHostPort(host, strconv.Itoa(socket.LocalAddr().(*net.UDPAddr).Port))
		listener, err := net.Listen("tcp", both)
		if err == nil {
			return socket, listener, nil
		}
		_ = socket.Close()
		if asked != "0" || tries == bothTries {
			return nil, nil, &ListenError{"turn-listen", both, err}
		}
	}
}

func (s *Server) accept(options *pion.ServerConfig, listener net.Listener) {
	options.ListenerConfigs = append(options.ListenerConfigs, pion.ListenerConfig{
		Listener: listener, RelayAddressGenerator: generator{s}, PermissionHandler: s.permits(true),
	})
}

// ListenError reports that an address cannot be listened on.
type ListenError struct {
	// Setting is the name of the flag that has the address.
	Setting, Address string
	err              error
}

// Error implements error.
func (e *ListenError) Error() string { return fmt.Sprintf("%s %s: %v", e.Setting, e.Address, e.err) }

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.err }

func (s *Server) host() string {
	if s.config.Host != "" {
		return s.config.Host
	}
	return s.config.PublicIP.String()
}

// URLs returns where clients reach the server.
func (s *Server) URLs() []string { return s.urls }

// Close ends the server and its allocations.
func (s *Server) Close() error {
	err := s.turn.Close()
	s.mu.RLock()
	var all []*allocation
	for _, a := range s.ports {
		all = append(all, a)
	}
	s.mu.RUnlock()
	for _, a := range all {
		err = errors.Join(err, a.Close())
	}
	return err
}

// STUN implements turn.Provider.
func (s *Server) STUN() []turn.ICEServer { return s.servers("stun:", "", "") }

// TURN implements turn.Provider.
func (s *Server) TURN(_ context.Context, seat turn.Seat, ttl time.Duration) ([]turn.ICEServer, error) {
	username := strconv.FormatInt(s.now().Add(ttl).Unix(), 10) + ":" + seat.Name(s.config.Key)
	return append(s.STUN(), s.servers("turn", username, turn.Credential(s.config.Key, username))...), nil
}

func (s *Server) servers(prefix, username, credential string) []turn.ICEServer {
	urls := slices.DeleteFunc(slices.Clone(s.urls), func(url string) bool { return !strings.HasPrefix(url, prefix) })
	if len(urls) == 0 {
		return nil
	}
	return []turn.ICEServer{{URLs: urls, Username: username, Credential: credential}}
}

// Expires implements turn.Provider.
func (s *Server) Expires() bool { return true }

// Revoke implements turn.Provider: it closes the allocations of the seat, and lets it make no
// others.
func (s *Server) Revoke(seat turn.Seat) {
	name := seat.Name(s.config.Key)
	s.RevokeName(name)
	if s.config.Revoked != nil {
		s.config.Revoked(name)
	}
}

// RevokeName is Revoke for the name of a seat, as Config.Revoked had it on another node. It does
// not block.
func (s *Server) RevokeName(name string) {
	if len(name) > 64 {
		return
	}
	s.mu.Lock()
	now := s.now()
	if _, known := s.revoked[name]; !known {
		for len(s.order) > 0 && (len(s.order) >= maxRevoked || now.After(s.revoked[s.order[0]])) {
			delete(s.revoked, s.order[0])
			s.order = s.order[1:]
		}
		s.revoked[name] = now.Add(turn.MaxTTL)
		s.order = append(s.order, name)
	}
	var ended []*allocation
	if seat := s.seats[name]; seat != nil {
		for a := range seat.allocations {
			ended = append(ended, a)
		}
	}
	s.mu.Unlock()
	if len(ended) > 0 {
		go func() { // the caller may hold a room's lock
			for _, a := range ended {
				_ = a.Close()
			}
		}()
	}
}

// authenticate implements pion.AuthHandler.
func (s *Server) authenticate(r *pion.RequestAttributes) (name string, key []byte, ok bool) {
	text, name, found := strings.Cut(r.Username, ":")
	seconds, err := strconv.ParseInt(text, 10, 64)
	from, known := addrPort(r.SrcAddr)
	if !found || err != nil || name == "" || !known || len(r.Username) > 64 {
		s.refuse(metrics.TURNCredential)
		return "", nil, false
	}
	s.mu.RLock()
	_, revoked := s.revoked[name]
	s.mu.RUnlock()
	switch {
	case revoked:
		s.refuse(metrics.TURNRevoked)
		return "", nil, false
	case r.Method == stun.MethodAllocate && s.now().Unix() >= seconds:
		s.refuse(metrics.TURNExpired)
		return "", nil, false
	}
	_, stream := r.SrcAddr.(*net.TCPAddr)
	if r.Method != stun.MethodAllocate && s.allocationOf(client{from, stream}) == nil {
		s.refuse(metrics.TURNCredential)
		return "", nil, false
	}
	return name, pion.GenerateAuthKey(r.Username, realm, turn.Credential(s.config.Key, r.Username)), true
}

func (s *Server) hasQuota(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mayAllocate(name) {
		return true
	}
	s.refuse(metrics.TURNQuota)
	return false
}

// mayAllocate reports whether a seat may have one more allocation. The caller holds the lock.
func (s *Server) mayAllocate(name string) bool {
	_, revoked := s.revoked[name]
	seat := s.seats[name]
	return !revoked && (seat == nil || len(seat.allocations) < s.config.MaxAllocations)
}

// allocated notes whose an allocation is.
func (s *Server) allocated(source, _ net.Addr, _, _, _ string, relayed net.Addr, _ int) {
	from, ok := addrPort(source)
	address, _ := addrPort(relayed)
	_, stream := source.(*net.TCPAddr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.ports[address.Port()]; ok && a != nil {
		a.source, a.client = source, client{from, stream}
		s.clients[a.client] = a
	}
}

// allocationOf returns the allocation of a client, nil if it has none.
func (s *Server) allocationOf(c client) *allocation {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.clients[c]
}

func (s *Server) permitted(source net.Addr, by int32) {
	from, _ := addrPort(source)
	_, stream := source.(*net.TCPAddr)
	if a := s.allocationOf(client{from, stream}); a != nil {
		a.permissions.Add(by)
	}
}

// permits returns a pion.PermissionHandler. It knows no ports; WriteTo and ReadFrom do.
func (s *Server) permits(stream bool) pion.PermissionHandler {
	return func(source net.Addr, peer net.IP) bool {
		from, _ := addrPort(source)
		ip, ok := netip.AddrFromSlice(peer)
		a := s.allocationOf(client{from, stream})
		if a == nil || !ok || ip.Unmap() != s.config.PublicIP && !s.peers.allows(ip) || a.permissions.Load() >= maxPermissions {
			s.refuse(metrics.TURNPeer)
			return false
		}
		return true
	}
}

// reach returns where to send what is for a peer. A relayed address of this server is reached
// without leaving the machine, because not every NAT lets its own public address be reached from
// inside.
func (s *Server) reach(peer netip.AddrPort) (netip.AddrPort, bool) {
	if peer.Addr() == s.config.PublicIP && s.relays(peer.Port()) {
		return netip.AddrPortFrom(s.loopback(), peer.Port()), true
	}
	return peer, s.peers.allows(peer.Addr())
}

// peerOf is the opposite of reach.
func (s *Server) peerOf(from netip.AddrPort) (netip.AddrPort, bool) {
	if (from.Addr() == s.loopback() || from.Addr() == s.config.PublicIP) && s.relays(from.Port()) {
		return netip.AddrPortFrom(s.config.PublicIP, from.Port()), true
	}
	return from, s.peers.allows(from.Addr())
}

// relays reports whether a port is that of a relayed address.
func (s *Server) relays(port uint16) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ports[port] != nil
}

func (s *Server) loopback() netip.Addr {
	if s.config.PublicIP.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

func (s *Server) refuse(reason metrics.TURNRefusal) { s.config.Metrics.Refused[reason].Add(1) }
