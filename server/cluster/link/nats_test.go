package link_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"usher/protocol"
	"usher/server/cluster/link"
	"usher/server/edge"
	"usher/server/servertest"
)

// newBroker starts a NATS server in this process, which listens on loopback.
func newBroker(t testing.TB) *server.Server {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(servertest.Patience) {
		t.Fatal("the NATS server does not start")
	}
	t.Cleanup(s.Shutdown)
	return s
}

// connect returns a transport on a connection of its own, in the process or on loopback.
func connect(t testing.TB, s *server.Server, options ...nats.Option) *link.NATS {
	options = append(options, nats.ReconnectBufSize(-1), nats.FlusherTimeout(time.Second), nats.ReconnectWait(10*time.Millisecond))
	conn, err := nats.Connect(s.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return link.NewNATS(conn)
}

// pair are an owner and an edge on NATS.
func pair(t testing.TB, s *server.Server, guests *hall, options ...nats.Option) (owner, near *link.Links) {
	owner = startNode(t, connect(t, s, options...), link.Incarnation{ID: "owner", Nonce: 1}, guests)
	guests.links = owner
	return owner, startNode(t, connect(t, s, options...), link.Incarnation{ID: "near", Nonce: 1 << 63}, nil)
}

// hears waits until a client has heard so many frames.
func (c *client) hears(t *testing.T, frames int) {
	t.Helper()
	servertest.Eventually(t, "the client hears", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.heard) >= frames
	})
}

func TestLinksOverNATS(t *testing.T) {
	t.Parallel()
	s, guests := newBroker(t), new(hall)
	owner, near := pair(t, s, guests, nats.InProcessServer(s))
	checkLinks(t, owner, near, openAt(t, near))
}

// checkLinks is what links must do over any transport. The owner is another one at the end.
func checkLinks(t *testing.T, owner, near *link.Links, ann *client) {
	bob := openAt(t, near)
	frames := []string{"one", strings.Repeat("2", 1<<20), "three"}
	for _, frame := range frames {
		ann.say(frame)
	}
	for _, c := range []*client{ann, bob} {
		c.hears(t, len(frames))
		for i, frame := range frames {
			if c.heard[i] != frame {
				t.Errorf("frame %d has %d bytes", i, len(c.heard[i]))
			}
		}
	}
	if summary, refusal := near.Describe(t.Context(), "hall-1"); refusal != "" || summary.People != 2 {
		t.Errorf("%+v %q", summary, refusal)
	}
	owner.Stop()
	servertest.Eventually(t, "the sockets are closed", func() bool {
		return ann.closedWith() == protocol.CloseRestart && bob.closedWith() == protocol.CloseRestart
	})
	if err := owner.Start(link.Incarnation{ID: "owner", Nonce: 1}); err != nil {
		t.Fatal(err)
	}
	opensAgain(t, near)
}

// What NATS loses while it is away breaks the links, and they open again.
func TestLinksBreakWithNATS(t *testing.T) {
	t.Parallel()
	s, guests := newBroker(t), new(hall)
	_, near := pair(t, s, guests, nats.MaxReconnects(-1))
	ann := openAt(t, near)
	options := server.Options{Host: "127.0.0.1", Port: s.Addr().(*net.TCPAddr).Port, NoSigs: true, NoLog: true}
	s.Shutdown()
	s.WaitForShutdown()
	servertest.Eventually(t, "both ends break", func() bool { return ann.closedWith() == protocol.CloseRestart && len(guests.inside()) == 0 })
	again, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	go again.Start()
	t.Cleanup(again.Shutdown)
	opensAgain(t, near)
}

func opensAgain(t *testing.T, l *link.Links) {
	t.Helper()
	servertest.Eventually(t, "the link opens again", func() bool {
		_, refusal := l.Open(t.Context(), "hall-1", edge.Opening{}, new(client))
		return refusal == ""
	})
}

func openAt(t testing.TB, l *link.Links) *client { return (&node{Links: l}).open(t) }

func (c *client) closedWith() protocol.CloseCode {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
