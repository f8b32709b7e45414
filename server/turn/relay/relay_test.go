package relay

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/turn/v5"

	"usher/server/metrics"
	"usher/server/servertest"
	"usher/server/turn"
)

var (
	ann = turn.Seat{RoomID: "movie-night", UserID: "ann", TakenAtMs: 1}
	bob = turn.Seat{RoomID: "movie-night", UserID: "bob", TakenAtMs: 1}
	// loopback lets tests have peers of their own.
	loopback = netip.MustParsePrefix("127.0.0.0/8")
)

// open runs a server on loopback. It allows no peers but its own relayed addresses.
func open(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	config := Config{
		Listen: []string{"127.0.0.1:0"}, PublicIP: netip.MustParseAddr("127.0.0.1"), MinPort: 20000, MaxPort: 65000,
		Key: []byte("north"), MaxAllocations: 2, Bandwidth: 1 << 30, MaxLifetime: time.Hour,
		Metrics: new(metrics.TURN), Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&config)
	}
	s, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// testClock stands still until it is set.
type testClock struct{ ns atomic.Int64 }

func (c *testClock) now() time.Time { return time.Unix(0, c.ns.Load()) }

func (c *testClock) set(at time.Time) { c.ns.Store(at.UnixNano()) }

// at is a clock, and a change of the configuration that makes the server use it.
func at(t time.Time) (*testClock, func(*Config)) {
	c := new(testClock)
	c.set(t)
	return c, func(config *Config) { config.Now = c.now }
}

// address is where the server listens.
func (s *Server) address() string {
	return strings.TrimPrefix(s.urls[0], "stun:")
}

func (s *Server) refused(reason metrics.TURNRefusal) uint64 {
	return s.config.Metrics.Refused[reason].Load()
}

// user is a real TURN client.
type user struct {
	*pion.Client
	t testing.TB
}

// dial makes a client with credentials of a seat, over UDP or TCP.
func (s *Server) dial(t testing.TB, seat turn.Seat, ttl time.Duration, transport string) *user {
	t.Helper()
	servers, err := s.TURN(t.Context(), seat, ttl)
	if err != nil {
		t.Fatal(err)
	}
	last := servers[len(servers)-1]
	return s.dialAs(t, last.Username, last.Credential, transport)
}

func (s *Server) dialAs(t testing.TB, username, credential, transport string) *user {
	t.Helper()
	var conn net.PacketConn
	if transport == "tcp" {
		stream, err := net.Dial("tcp", s.address())
		if err != nil {
			t.Fatal(err)
		}
		conn = pion.NewSTUNConn(stream)
	} else {
		var err error
		if conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	client, err := pion.NewClient(&pion.ClientConfig{
		STUNServerAddr: s.address(), TURNServerAddr: s.address(), Conn: conn, Username: username, Password: credential,
		RTO: 100 * time.Millisecond, LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err == nil {
		err = client.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); _ = conn.Close() })
	return &user{client, t}
}

// allocate expects an allocation.
func (u *user) allocate() net.PacketConn {
	u.t.Helper()
	conn, err := u.Allocate()
	if err != nil {
		u.t.Fatal(err)
	}
	return conn
}

// refused expects that an allocation is refused with a code of STUN.
func (u *user) refused(code string) {
	u.t.Helper()
	if conn, err := u.Allocate(); err == nil {
		u.t.Fatalf("got %s", conn.LocalAddr())
	} else if !strings.Contains(err.Error(), code) {
		u.t.Fatalf("%v, and not %s", err, code)
	}
}

// echo is a peer that sends back what it gets.
func echo(t testing.TB) net.Addr {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buffer[:n], from)
		}
	}()
	return conn.LocalAddr()
}

// passes reports whether a packet comes from one end at the other, of as many as it takes.
func passes(t testing.TB, from, to net.PacketConn, address net.Addr) bool {
	t.Helper()
	buffer := make([]byte, 2048)
	for range 20 {
		if _, err := from.WriteTo([]byte("hello"), address); err != nil {
			return false
		}
		_ = to.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, _, err := to.ReadFrom(buffer); err == nil {
			return bytes.Equal(buffer[:n], []byte("hello"))
		}
	}
	return false
}

func TestTwoWhoRelayMeet(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := open(t, nil)
			a, b := s.dial(t, ann, time.Hour, transport).allocate(), s.dial(t, bob, time.Hour, transport).allocate()
			if _, err := b.WriteTo([]byte("x"), a.LocalAddr()); err != nil { // permits Ann
				t.Fatal(err)
			}
			if !passes(t, a, b, b.LocalAddr()) {
				t.Error("nothing came through")
			}
			if m := s.config.Metrics; m.Allocations.Load() != 2 || m.Sent.Load() == 0 || m.Received.Load() == 0 {
				t.Errorf("%d allocations, %d and %d bytes", m.Allocations.Load(), m.Sent.Load(), m.Received.Load())
			}
		})
	}
}

func TestCredentialsAreChecked(t *testing.T) {
	_, still := at(time.Unix(1_800_000_000, 0))
	s := open(t, still)
	name := ann.Name(s.config.Key)
	in := func(seconds int64) string { return strconv.FormatInt(1_800_000_000+seconds, 10) + ":" + name }
	for what, test := range map[string]struct {
		username string
		key      string
		ok       bool
	}{
		"a good one":         {in(1), "north", true},
		"one of another key": {in(1), "south", false},
		"an expired one":     {in(0), "north", false},
		"no time":            {":" + name, "north", false},
		"no name":            {"1800000001:", "north", false},
		"no colon":           {"1800000001", "north", false},
		"a long name":        {in(1) + strings.Repeat("x", 64), "north", false},
	} {
		u := s.dialAs(t, test.username, turn.Credential([]byte(test.key), test.username), "udp")
		if conn, err := u.Allocate(); (err == nil) != test.ok {
			t.Errorf("%s: %v", what, err)
		} else if err == nil {
			_ = conn.Close()
		}
	}
	if s.refused(metrics.TURNExpired) == 0 || s.refused(metrics.TURNCredential) == 0 {
		t.Error("the refusals are not counted")
	}
}

// Each node honours what another has made, because they have one key.
func TestCredentialsOfAnotherNode(t *testing.T) {
	near, far := open(t, nil), open(t, nil)
	servers, _ := far.TURN(t.Context(), ann, time.Hour)
	near.dialAs(t, servers[1].Username, servers[1].Credential, "udp").allocate()
}

// An allocation that was made in time goes on when the credential has expired.
func TestAllocationOutlivesItsCredential(t *testing.T) {
	clock, still := at(time.Now())
	s := open(t, func(c *Config) {
		still(c)
		c.AllowPeers = []netip.Prefix{loopback}
	})
	conn := s.dial(t, ann, time.Hour, "udp").allocate()
	clock.set(time.Now().Add(2 * time.Hour))
	if !passes(t, conn, conn, echo(t)) { // needs a permission
		t.Error("the allocation does not go on")
	}
	s.dial(t, ann, -time.Second, "udp").refused("error")
}

func TestSeatHasAQuotaOfAllocations(t *testing.T) {
	s := open(t, nil)
	first := s.dial(t, ann, time.Hour, "udp").allocate()
	s.dial(t, ann, 2*time.Hour, "tcp").allocate() // with other credentials
	s.dial(t, ann, time.Hour, "udp").refused("486")
	s.dial(t, bob, time.Hour, "udp").allocate()
	if s.refused(metrics.TURNQuota) != 1 {
		t.Errorf("%d refusals", s.refused(metrics.TURNQuota))
	}
	_ = first.Close()
	servertest.Eventually(t, "the place is free", func() bool { return s.hasQuota(ann.Name(s.config.Key)) })
	s.dial(t, ann, time.Hour, "udp").allocate()
}

func TestRevocationClosesAllocations(t *testing.T) {
	heard := make(chan string, 1)
	s := open(t, func(c *Config) {
		c.AllowPeers = []netip.Prefix{loopback}
		c.Revoked = func(name string) { heard <- name }
	})
	u := s.dial(t, ann, time.Hour, "udp")
	conn, other, peer := u.allocate(), s.dial(t, bob, time.Hour, "udp").allocate(), echo(t)
	if !passes(t, conn, conn, peer) {
		t.Fatal("nothing came through")
	}
	s.Revoke(ann)
	servertest.Eventually(t, "the allocation is closed", func() bool { return s.config.Metrics.Allocations.Load() == 1 })
	if name := <-heard; name != ann.Name(s.config.Key) {
		t.Error(name)
	}
	if passes(t, conn, conn, peer) {
		t.Error("it is still relayed")
	}
	s.dial(t, ann, time.Hour, "udp").refused("error")
	if s.refused(metrics.TURNRevoked) == 0 {
		t.Error("the refusal is not counted")
	}
	if !passes(t, other, other, peer) {
		t.Error("Bob's allocation is gone too")
	}
	again := ann
	again.TakenAtMs++ // a new seat of the same user
	s.dial(t, again, time.Hour, "udp").allocate()
}

func TestRevocationOfAnotherNode(t *testing.T) {
	s := open(t, nil)
	s.dial(t, ann, time.Hour, "tcp").allocate()
	s.RevokeName(ann.Name(s.config.Key))
	s.RevokeName(strings.Repeat("x", 1000))
	servertest.Eventually(t, "the allocation is closed", func() bool { return s.config.Metrics.Allocations.Load() == 0 })
	if len(s.revoked) != 1 {
		t.Errorf("%d names", len(s.revoked))
	}
}

func TestRevocationsAreBounded(t *testing.T) {
	s := open(t, nil)
	for i := range maxRevoked + 10 {
		s.RevokeName(strconv.Itoa(i))
	}
	if len(s.revoked) != maxRevoked || len(s.order) != maxRevoked {
		t.Errorf("%d and %d", len(s.revoked), len(s.order))
	}
}

func TestAllocationEndsByItsAge(t *testing.T) {
	s := open(t, func(c *Config) { c.MaxLifetime = 50 * time.Millisecond })
	s.dial(t, ann, time.Hour, "udp").allocate()
	servertest.Eventually(t, "the allocation ends", func() bool { return s.config.Metrics.Allocations.Load() == 0 })
}

func TestBandwidthIsBounded(t *testing.T) {
	_, still := at(time.Now())
	s := open(t, func(c *Config) {
		still(c)
		c.Bandwidth, c.AllowPeers = 2000, []netip.Prefix{loopback}
	})
	conn, peer := s.dial(t, ann, time.Hour, "udp").allocate(), echo(t)
	if !passes(t, conn, conn, peer) {
		t.Fatal("nothing came through")
	}
	for range 10 {
		_, _ = conn.WriteTo(make([]byte, 1000), peer)
	}
	servertest.Eventually(t, "packets are dropped", func() bool { return s.refused(metrics.TURNBandwidth) > 0 })
	if sent := s.config.Metrics.Sent.Load(); sent > 2000 {
		t.Errorf("%d bytes were relayed", sent)
	}
}

func TestPortsRunOut(t *testing.T) {
	s := open(t, func(c *Config) { c.MaxPort = c.MinPort })
	s.dial(t, ann, time.Hour, "udp").allocate()
	s.dial(t, bob, time.Hour, "udp").refused("508")
	if s.refused(metrics.TURNPorts) == 0 {
		t.Error("the refusal is not counted")
	}
}

func TestKindsThatAreNotServed(t *testing.T) {
	g := generator{open(t, nil)}
	for what, c := range map[string]pion.AllocateListenerConfig{
		"an even port": {Network: "udp4"}, "a port": {Network: "udp4", UserID: "a", RequestedPort: 5000}, "IPv6": {Network: "udp6", UserID: "a"},
	} {
		if _, _, err := g.AllocatePacketConn(c); err == nil {
			t.Errorf("%s is served", what)
		}
	}
	if _, _, err := g.AllocateListener(pion.AllocateListenerConfig{}); err == nil {
		t.Error("TCP is relayed")
	}
	if _, err := g.AllocateConn(pion.AllocateConnConfig{}); err == nil {
		t.Error("TCP is relayed")
	}
	if err := g.Validate(); err != nil {
		t.Error(err)
	}
}
