package link_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
	"usher/server/rooms"
)

// hall has the rooms of a node, each of which gives everything that one person says to all.
type hall struct {
	mu     sync.Mutex
	links  *link.Links
	guests []*guest
	// refuse is what Open and Describe are refused with, and wait what they wait for first.
	refuse protocol.Code
	wait   chan struct{}
	// quiet: what is said is not given to all.
	quiet bool
	// forgets: heard is not kept.
	forgets bool
	// heard has what was said, and ended the codes of those who left.
	heard []string
	// created are the rooms that Create was called for, and known who they opened for.
	created []string
	known   []room.Identity
	ended   []protocol.CloseCode
	// wrong is the first number that did not follow the one before it.
	wrong string
}

// guest is somebody in a hall. It is an edge.Session.
type guest struct {
	hall   *hall
	roomID string
	socket edge.Socket
	over   bool
	// address is what it opened with. said is the last number that it said.
	address uint64
	said    int
}

func (h *hall) Open(_ context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	if h.wait != nil {
		<-h.wait
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != "" {
		return nil, h.refuse
	}
	if o.Identity != nil {
		h.known = append(h.known, *o.Identity)
	}
	g := &guest{hall: h, roomID: roomID, socket: s, address: o.Address}
	h.guests = append(h.guests, g)
	return g, ""
}

// Create implements edge.Rooms: a room is created when it is awaited until.
func (h *hall) Create(_ context.Context, roomID string, a room.Arrangement) (made room.Creation, refusal protocol.Code) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != "" {
		return made, h.refuse
	}
	h.created = append(h.created, fmt.Sprintf("%s %q %s", roomID, a.Name, a.Mode))
	made.CreatedAtMs = a.AwaitedUntilMs
	if a.KeepMs > 0 {
		h.created = append(h.created, fmt.Sprintf("%t %d %+v", a.RelayOnly, a.KeepMs, a.Door))
		made.EndsAtMs, made.KeepMs, made.OwnerToken = a.AwaitedUntilMs+a.KeepMs, a.KeepMs, "theirs"
	}
	return made, ""
}

// Operate implements edge.Rooms.
func (h *hall) Operate(_ context.Context, roomID string, a room.Act) protocol.Code {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse == "" {
		h.created = append(h.created, fmt.Sprintf("%s %d %s %+v %q", roomID, a.Kind, a.UserID, a.Door, a.Text))
	}
	return h.refuse
}

// View implements edge.Rooms.
func (h *hall) View(_ context.Context, roomID string) (room.View, protocol.Code) {
	return room.View{Name: "Hall", People: []room.PersonView{{UserID: roomID}}}, h.refuse
}

func (h *hall) Describe(_ context.Context, roomID string) (protocol.RoomSummary, protocol.Code) {
	return protocol.RoomSummary{ID: roomID, Name: "Hall", People: len(h.inside())}, h.refuse
}

func (h *hall) Seated(_ context.Context, roomID, userID, token string) (takenAtMs int64, refusal protocol.Code) {
	if token != userID+" of "+roomID {
		return 0, protocol.CodeInvalidResumeToken
	}
	return 1234, h.refuse
}

// inside are those whose end the hall has not heard of.
func (h *hall) inside() (inside []*guest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.guests {
		if !g.over {
			inside = append(inside, g)
		}
	}
	return inside
}

// knows reports whether the guest with an address is inside, and the last number that it said.
func (h *hall) knows(address uint64) (inside bool, said int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.guests {
		if g.address == address {
			inside, said = !g.over, g.said
		}
	}
	return inside, said
}

// sayAll sends a frame to everybody, as a turn of a room does.
func (h *hall) sayAll(frame string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.guests {
		if !g.over {
			g.socket.Send([]byte(frame), nil)
		}
	}
	h.links.Turned()
}

func (g *guest) RoomID() string { return g.roomID }

func (g *guest) Received(f *protocol.Frame, refuseSeat protocol.Code, _ any) {
	g.did(string(f.Bytes)+string(refuseSeat), func() {
		if n, err := strconv.Atoi(string(f.Bytes)); err == nil {
			if n != g.said+1 && g.hall.wrong == "" {
				g.hall.wrong = fmt.Sprintf("%d was said after %d", n, g.said)
			}
			g.said = n
		}
		for _, other := range g.hall.guests {
			if !other.over && !g.hall.quiet {
				other.socket.Send(f.Bytes, nil)
			}
		}
	})
}

// Relayed leaves each frame to Received.
func (g *guest) Relayed([]byte, *protocol.Relay, any) bool { return false }

func (g *guest) ReceivedBinary()            { g.did("binary", nil) }
func (g *guest) Seen()                      { g.did("seen", nil) }
func (g *guest) Exceeded()                  { g.did("exceeded", nil) }
func (g *guest) Close(c protocol.CloseCode) { g.did("close", func() { g.socket.Close(c) }) }
func (g *guest) Disconnected(c protocol.CloseCode) {
	g.did(fmt.Sprint("ended ", c), func() {
		g.over = true
		g.hall.ended = append(g.hall.ended, c)
	})
}

func (g *guest) did(what string, do func()) {
	g.hall.mu.Lock()
	defer g.hall.mu.Unlock()
	if !g.hall.forgets {
		g.hall.heard = append(g.hall.heard, what)
	}
	if do != nil {
		do()
	}
	g.hall.links.Turned()
}

// client is the socket of somebody at an edge.
type client struct {
	mu       sync.Mutex
	heard    []string
	pings    int
	cut      bool
	standing room.Standing
	closed   protocol.CloseCode
	session  edge.Session
	// onSend is called for each frame. It may be nil. forgets: heard is not kept.
	onSend  func(frame []byte)
	forgets bool
}

func (c *client) Send(frame []byte, _ any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.forgets {
		c.heard = append(c.heard, string(frame))
	}
	if c.onSend != nil {
		c.onSend(frame)
	}
}

func (c *client) Ping() { c.set(func() { c.pings++ }) }
func (c *client) Close(code protocol.CloseCode) {
	c.set(func() {
		if c.closed == 0 {
			c.closed = code
		}
	})
}
func (c *client) Cut()                   { c.set(func() { c.cut = true }) }
func (c *client) Stands(s room.Standing) { c.set(func() { c.standing = s }) }

func (c *client) set(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

// say sends a text frame.
func (c *client) say(text string) {
	c.session.Received(&protocol.Frame{Bytes: []byte(text)}, "", nil)
}

// node is one node of a cluster.
type node struct {
	*link.Links
	hall *hall
	self link.Incarnation
	stop context.CancelFunc
	// thinks is where it thinks that all rooms are, nil for the truth.
	thinks *link.Place
}

// cluster is a few nodes on a network.
type cluster struct {
	network *linktest.Network
	nodes   []*node
	mu      sync.Mutex
	// owner and term are those of the one shard.
	owner link.Incarnation
	term  uint64
}

// newCluster starts nodes. The first owns all rooms.
func newCluster(nodes int, judge func(from, to link.Incarnation, message []byte) linktest.Fate) *cluster {
	c := &cluster{network: linktest.NewNetwork(judge), term: 1}
	for i := range nodes {
		c.start(link.Incarnation{ID: fmt.Sprint("node-", i), Nonce: 1})
	}
	c.owner = c.nodes[0].self
	return c
}

func (c *cluster) start(self link.Incarnation) *node {
	return c.startOf(self, link.Spoken, slog.New(slog.DiscardHandler))
}

// startOf starts a node that speaks other versions.
func (c *cluster) startOf(self link.Incarnation, speaks link.Wire, log *slog.Logger) *node {
	n := &node{hall: new(hall), self: self}
	n.Links = link.New(link.Config{
		Transport: c.network.Transport(self), Local: n.hall, Place: func(string) link.Place { return c.place(n) },
		ReadArrived: func([]edge.Socket) {}, Wire: speaks, Shards: 4, Log: log,
	})
	n.hall.links = n.Links
	if err := n.Start(self); err != nil {
		panic(err)
	}
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	go n.Run(ctx)
	c.nodes = append(c.nodes, n)
	return n
}

func (c *cluster) place(n *node) link.Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.thinks != nil {
		return *n.thinks
	}
	return link.Place{Shard: 3, Term: c.term, Owner: c.owner, Here: c.owner == n.self}
}

// close ends the nodes without a word.
func (c *cluster) close() {
	for _, n := range c.nodes {
		n.stop()
	}
	c.network.Close()
}

// open opens a connection at a node, which must succeed.
func (n *node) open(t testing.TB) *client {
	t.Helper()
	c := new(client)
	session, refusal := n.Open(t.Context(), "hall-1", edge.Opening{Address: 7, RequestID: "r"}, c)
	if refusal != "" {
		t.Fatal(refusal)
	}
	c.session = session
	return c
}

var _ rooms.Socket = edge.Socket(nil)

// interval is a little more than a beat's.
const interval = link.BeatInterval + time.Millisecond
