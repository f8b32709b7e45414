package link_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"usher/protocol"
	"usher/server/cluster/link"
	"usher/server/servertest"
)

// directNode is a Direct with what it has received.
type directNode struct {
	*link.Direct
	self link.Incarnation
	log  servertest.LogBuffer

	mu    sync.Mutex
	heard [][]byte
	// block is what a message waits for before it is taken, nil for nothing.
	block chan struct{}
	stop  func()
}

// openDirect listens on loopback. cable is what the others dial, nil for the node itself.
func openDirect(t testing.TB, s *server.Server, c *cable, log *slog.Logger, wrap func(net.Listener) net.Listener) *link.Direct {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if c != nil {
		c.lead(address)
		address = c.listener.Addr().String()
	}
	if wrap != nil {
		listener = wrap(listener)
	}
	between := clusterTLS(t)
	between.ServerName = "" // it is that of the address
	d := link.OpenDirect(link.DirectConfig{
		NATS: connect(t, s, nats.InProcessServer(s)), Listener: listener, Address: address, TLS: between, From: net.IPv4(127, 0, 0, 1), Log: log,
	})
	t.Cleanup(d.Close)
	return d
}

func newDirectNode(t testing.TB, s *server.Server, self link.Incarnation, c *cable) *directNode {
	n := &directNode{self: self}
	n.Direct = openDirect(t, s, c, slog.New(slog.NewTextHandler(&n.log, nil)), nil)
	n.start(t, self)
	return n
}

func (n *directNode) start(t testing.TB, self link.Incarnation) {
	stop, err := n.Receive(self, func(message []byte) {
		n.mu.Lock()
		block := n.block
		n.mu.Unlock()
		if block != nil {
			<-block
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.heard = append(n.heard, bytes.Clone(message))
	})
	if err != nil {
		t.Fatal(err)
	}
	n.stop = stop
}

func (n *directNode) all() [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.heard)
}

// numbered is a message of a size, which no mark looks like.
func numbered(n, size int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{1}, make([]byte, size)...), uint32(n))
}

func numberOf(message []byte) int { return int(binary.BigEndian.Uint32(message[len(message)-4:])) }

var (
	nodeA = link.Incarnation{ID: "a", Nonce: 1}
	nodeB = link.Incarnation{ID: "b", Nonce: 1 << 63}
)

// reaches sends until a node is reached directly.
func (n *directNode) reaches(t *testing.T, to link.Incarnation, direct bool) {
	t.Helper()
	servertest.Eventually(t, fmt.Sprintf("direct is %t", direct), func() bool {
		_ = n.Send(to, numbered(0, 10))
		return n.Reaches(to) == direct
	})
}

// hears waits for a message with a number that is sent again and again.
func (n *directNode) hears(t *testing.T, from *directNode, number int) {
	t.Helper()
	servertest.Eventually(t, "a message arrives", func() bool {
		_ = from.Send(n.self, numbered(number, 10))
		return slices.ContainsFunc(n.all(), func(m []byte) bool { return numberOf(m) == number })
	})
}

// The sender begins over NATS and goes on directly: everything arrives, and in order.
func TestNothingIsLostOnTheWayFromNATSToAConnection(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, nil)
	sent, after := 0, 0
	servertest.Eventually(t, "messages have been sent both ways", func() bool {
		if err := a.Send(nodeB, numbered(sent, sent%3000)); err != nil {
			t.Fatal(err)
		}
		sent++
		if a.Reaches(nodeB) {
			after++
		}
		return after > 100
	})
	if err := a.Send(nodeB, numbered(sent, link.MaxMessageBytes-5)); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "all arrive", func() bool { return len(b.all()) == sent+1 })
	for i, m := range b.all() {
		if numberOf(m) != i {
			t.Fatalf("message %d came as the %dth", numberOf(m), i)
		}
	}
	if len(b.all()[sent]) != link.MaxMessageBytes {
		t.Error("the longest message has another length")
	}
	if a.Connected() != 1 || b.Connected() != 0 {
		t.Errorf("a sends to %d nodes directly, b to %d", a.Connected(), b.Connected())
	}
}

// Whatever happens to connections, what arrives of one sender is in order, and each break is
// reported to the sender once.
func TestABrokenConnectionIsReportedAndMadeAgain(t *testing.T) {
	t.Parallel()
	s, c := newBroker(t), newCable(t)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, c)
	sent, failed := 0, 0
	send := func() {
		sent++
		if err := a.Send(nodeB, numbered(sent, 100)); err != nil {
			failed++
		}
	}
	for breaks := range 2 {
		servertest.Eventually(t, "a reaches b directly", func() bool { send(); return a.Reaches(nodeB) })
		c.cut()
		servertest.Eventually(t, "the break is seen", func() bool { send(); return failed > breaks })
	}
	send()
	last := sent
	servertest.Eventually(t, "the last one arrives", func() bool {
		all := b.all()
		return len(all) > 0 && numberOf(all[len(all)-1]) == last
	})
	if failed != 2 {
		t.Errorf("2 breaks were reported %d times", failed)
	}
	for i, m := range b.all() {
		if i > 0 && numberOf(m) <= numberOf(b.all()[i-1]) {
			t.Fatalf("message %d came after %d", numberOf(m), numberOf(b.all()[i-1]))
		}
	}
}

// A node that cannot be dialed is reached over NATS, which is logged once, and directly later.
func TestWhatCannotBeDialedIsReachedOverNATS(t *testing.T) {
	t.Parallel()
	s, c := newBroker(t), newCable(t)
	c.refuse(true)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, c)
	b.hears(t, a, 1)
	servertest.Eventually(t, "a has tried three times", func() bool { return c.refusals() >= 3 })
	if n := strings.Count(a.log.String(), "reached over NATS only"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &a.log)
	}
	c.refuse(false)
	a.reaches(t, nodeB, true)
	b.hears(t, a, 2)
	if !strings.Contains(a.log.String(), "reached directly again") {
		t.Error(a.log.String())
	}
}

// A connection on which nothing passes, while both ends believe in it, is given up.
func TestAHalfOpenConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	s, c := newBroker(t), newCable(t)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, c)
	a.reaches(t, nodeB, true)
	c.stall(t)
	a.reaches(t, nodeB, false)
	b.hears(t, a, 1)
}

// A node without an address for links, such as one of an older release, and one with it reach each
// other over NATS.
func TestANodeWithoutAnAddressIsReachedOverNATS(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := newDirectNode(t, s, nodeA, nil)
	old := connect(t, s, nats.InProcessServer(s))
	heard := make(chan []byte, 1)
	if _, err := old.Receive(nodeB, func(m []byte) { heard <- bytes.Clone(m) }); err != nil {
		t.Fatal(err)
	}
	if err := a.Send(nodeB, numbered(7, 10)); err != nil || numberOf(<-heard) != 7 {
		t.Error("not the message", err)
	}
	if err := old.Send(nodeA, numbered(8, 10)); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the other way", func() bool { return len(a.all()) == 1 && numberOf(a.all()[0]) == 8 })
	if a.Reaches(nodeB) || a.Connected() != 0 || a.log.String() != "" {
		t.Error("it is reached directly", a.log.String())
	}
}

// What a node does not take is bounded, and the sender learns of it.
func TestASlowNodeIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, nil)
	a.reaches(t, nodeB, true)
	block := make(chan struct{})
	b.mu.Lock()
	b.block = block
	b.mu.Unlock()
	sent := 0
	for ; ; sent++ {
		if err := a.Send(nodeB, numbered(sent, 64<<10)); err != nil {
			break
		}
		if sent > 1000 {
			t.Fatal("more than 64 MiB wait")
		}
	}
	b.mu.Lock()
	b.block = nil
	b.mu.Unlock()
	close(block)
	b.hears(t, a, 1<<20)
}

// Another incarnation has connections of its own.
func TestAnotherIncarnationIsReachedDirectlyToo(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, nil)
	a.reaches(t, nodeB, true)
	b.stop()
	later := link.Incarnation{ID: nodeB.ID, Nonce: 5}
	b.start(t, later)
	b.self = later
	a.reaches(t, later, true)
	b.hears(t, a, 1)
	a.reaches(t, nodeB, false)
	a.stop()
	a.start(t, link.Incarnation{ID: nodeA.ID, Nonce: 6})
	a.reaches(t, later, true)
	b.hears(t, a, 2)
}

// Links over connections of the nodes' own do what they do over NATS.
func TestLinksOverConnections(t *testing.T) {
	t.Parallel()
	s, guests, toOwner := newBroker(t), new(hall), newCable(t)
	ownerDirect, nearDirect := openDirect(t, s, toOwner, discarded, nil), openDirect(t, s, nil, discarded, nil)
	owner := startNode(t, ownerDirect, link.Incarnation{ID: "owner", Nonce: 1}, guests)
	guests.links = owner
	near := startNode(t, nearDirect, link.Incarnation{ID: "near", Nonce: 1 << 63}, nil)
	ann := openAt(t, near)
	servertest.Eventually(t, "both are direct", func() bool { return ownerDirect.Connected() == 1 && nearDirect.Connected() == 1 })
	checkLinks(t, owner, near, ann)

	ann = openAt(t, near)
	servertest.Eventually(t, "both are direct again", func() bool { return ownerDirect.Connected() == 1 && nearDirect.Connected() == 1 })
	toOwner.refuse(true)
	toOwner.cut()
	servertest.Eventually(t, "the link breaks", func() bool { return ann.closedWith() == protocol.CloseRestart })
	opensAgain(t, near)
	if nearDirect.Connected() != 0 {
		t.Error("near reaches the owner directly")
	}
}
