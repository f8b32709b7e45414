package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"testing"

	"usher/protocol"
	"usher/server/edge"
	"usher/server/servertest"
)

// behindProxy makes loopback a trusted proxy, so that a test may come from any address.
func behindProxy(c *Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// limited is behindProxy with a limit on connections.
func limited(max int) func(*Config) {
	return func(c *Config) {
		behindProxy(c)
		c.MaxConnsPerAddress = max
	}
}

const (
	fromOne   = "X-Forwarded-For: 192.0.2.7"
	fromOther = "X-Forwarded-For: 192.0.2.8"
)

func TestSocketsWithoutASeatMakeWayOldestFirst(t *testing.T) {
	t.Parallel()
	s := serve(t, limited(3))
	ann := s.open("ways-1", "ann", fromOne)
	ann.create()
	first, second := s.open("ways-1", "bob", fromOne), s.open("ways-2", "carl", fromOne)
	third := s.open("ways-3", "dora", fromOne)
	first.closed(protocol.CloseTryLater)
	s.open("ways-1", "elsa", fromOther).quiet()
	s.open("ways-1", "fred").quiet() // the proxy's own are not counted
	s.open("ways-1", "gina").quiet()
	fourth := s.open("ways-2", "hans", fromOne)
	second.closed(protocol.CloseTryLater)
	third.quiet()
	fourth.create()
	ann.quiet()
	if got := s.metrics.MadeWay.Load(); got != 2 {
		t.Errorf("%d sockets made way", got)
	}
}

func TestParkedSocketsMakeWayNextAndThenNobody(t *testing.T) {
	t.Parallel()
	s := serve(t, limited(3))
	older := s.open("parked-1", "ann", fromOne)
	older.create()
	newer := s.open("parked-1", "ann", fromOne)
	newer.join()
	bob := s.open("parked-1", "bob", fromOne)
	bob.join()
	newer.expect("USER_JOINED")
	carl := s.open("parked-1", "carl", fromOne)
	older.closedAtLast(protocol.CloseNormal)
	carl.join()
	for _, path := range []string{"/ws?roomId=parked-1", "/rooms/parked-1/ws"} {
		dora := s.openAt(path, "parked-1", "dora", fromOne)
		dora.say("JOIN_ROOM", `"userName":"Dora"`)
		dora.refused(protocol.CodeTooManyConnections)
		dora.drop()
	}
	for _, c := range []*client{newer, bob, carl} {
		c.say("PING")
	}
	carl.leave() // its place is free at once
	servertest.Eventually(t, "its place is free", func() bool { return s.metrics.Connections.Load() == 2 })
	s.open("parked-1", "dora", fromOne).join()
}

// One address opens many more sockets than it may, and still gets in with its token.
func TestAFloodOfSocketsLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for _, flood := range []struct {
		name  string
		spare int
		open  func(s *running)
	}{
		{"nothing said", 0, func(s *running) { s.dial(0) }},
		{"half a request", edge.SpareSockets, func(s *running) { s.dial(0).write([]byte("GET /health HTTP/1.1\r\nHost: x\r\n")) }},
		{"an answered request", 0, func(s *running) {
			c := s.dial(0)
			c.write([]byte("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))
			_, _ = c.r.ReadByte()
		}},
		{"WebSockets", 0, func(s *running) { s.raw("flood-2") }},
	} {
		t.Run(flood.name, func(t *testing.T) {
			t.Parallel()
			const most = 8
			// no proxy: everything comes from loopback
			s := serve(t, func(c *Config) { c.MaxConnsPerAddress = most })
			host := s.open("flood-1", "host")
			token := host.create().ResumeToken
			for range 2 * (most + edge.SpareSockets) {
				flood.open(s)
			}
			host.quiet()
			servertest.Eventually(t, "no more sockets than allowed are open", func() bool { return s.edge.Sockets() <= most+flood.spare })
			host.drop()
			back := s.open("flood-1", "host")
			back.resume(token)
			back.quiet()
		})
	}
}

// An address whose connections all have seats is told so, and probes are answered.
func TestAnAddressFullOfSeatsStillGetsReplies(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxConnsPerAddress = 2 })
	s.open("seats-1", "ann").create()
	s.open("seats-1", "bob").join()
	for range 3 * edge.SpareSockets {
		carl := s.open("seats-1", "carl")
		carl.say("JOIN_ROOM", `"userName":"Carl"`)
		carl.refused(protocol.CodeTooManyConnections)
	}
	if response, _ := s.ask("GET", "/healthz"); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	s.web.CloseIdleConnections()
	for range 3 * edge.SpareSockets {
		s.dial(0)
	}
	servertest.Eventually(t, "sockets past the spare ones are closed", func() bool { return s.edge.Sockets() <= 2+edge.SpareSockets })
}

// A client with a token gets in while everybody at its address has a seat, even if some of these
// are its own dead connections.
func TestATokenGetsInAtAnAddressFullOfSeats(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxConnsPerAddress = 3 })
	ann, bob, carl := s.open("full-1", "ann"), s.open("full-1", "bob"), s.open("full-1", "carl")
	token := ann.create().ResumeToken
	bob.join()
	carl.join()
	for range 4 {
		again := s.open("full-1", "ann")
		again.resume(token)
		ann.closedAtLast(protocol.CloseResumed)
		ann = again
	}
	dora := s.open("full-1", "dora")
	dora.say("JOIN_ROOM", `"userName":"Dora"`)
	dora.refused(protocol.CodeTooManyConnections)
}

func TestRoomsOfAnAddressAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	settings := func(c *Config) {
		behindProxy(c)
		c.MaxRoomsPerAddress = 2
	}
	s := launch(t, dir, settings)
	const from = "X-Forwarded-For: 192.0.2.7"
	refused := func(s *running) {
		t.Helper()
		c := s.open("rooms-refused", "ann", from)
		c.say("CREATE_ROOM", `"userName":"Ann"`)
		c.refused(protocol.CodeTooManyRooms)
		c.say("JOIN_ROOM", `"userName":"Ann"`)
		c.refused(protocol.CodeRoomNotFound)
		c.drop()
	}
	ann, bob := s.open("rooms-1", "ann", from), s.open("rooms-2", "bob", from)
	ann.create()
	bob.create()
	refused(s)
	// Joining, or creating a room that exists, makes no new room. Others and the proxy have
	// their own count.
	s.open("rooms-1", "bert", from).create()
	ann.expect("USER_JOINED")
	s.open("rooms-3", "carl", "X-Forwarded-For: 192.0.2.8").create()
	for i := range 3 {
		s.open(fmt.Sprint("rooms-own-", i), "dora").create()
	}
	bob.say("LEAVE_ROOM")
	bob.closed(protocol.CloseNormal)
	s.open("rooms-4", "bob", from).create()
	refused(s)

	// A restart keeps the count.
	s.cutOff()
	s.stop()
	s = launch(t, dir, settings)
	refused(s)
	s.open("rooms-4", "bob", from).join() // tokenless, from its address
	s.open("rooms-1", "bert", from).join()
	refused(s)
}

// After everybody has left, nothing is left.
func TestNothingIsLeftWhenEverybodyHasLeft(t *testing.T) {
	s := serve(t, behindProxy)
	s.ask("GET", "/health")
	s.web.CloseIdleConnections()
	goroutines := runtime.NumGoroutine()
	for round := range 3 {
		var clients []*client
		for i := range 30 {
			from := fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i)
			id := fmt.Sprint("left-over-", i/3)
			c := s.open(id, fmt.Sprint("user-", i), from)
			if i%3 == 0 {
				c.create()
			} else {
				c.join()
			}
			clients = append(clients, c)
		}
		s.open("left-over-unseated", "nobody", "X-Forwarded-For: 198.51.100.99").drop()
		for i, c := range clients {
			if i%2 == round%2 {
				c.leave()
			} else {
				c.say("LEAVE_ROOM")
				c.closedAtLast(protocol.CloseNormal)
			}
		}
		servertest.Eventually(t, "no connection", func() bool { return s.metrics.Connections.Load() == 0 })
		servertest.Eventually(t, "no room", func() bool { return len(s.rooms.InMemory()) == 0 })
		if rooms, people := s.metrics.Rooms.Load(), s.metrics.Participants.Load(); rooms != 0 || people != 0 {
			t.Errorf("%d rooms and %d participants are counted", rooms, people)
		}
		if rooms := stored(t, s.copyStore()); len(rooms) != 0 {
			t.Errorf("stored is %v", rooms)
		}
		s.web.CloseIdleConnections()
		servertest.Eventually(t, "no goroutine more than before", func() bool { return runtime.NumGoroutine() <= goroutines })
	}
}
