package server

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/coder/websocket"

	"usher/protocol"
)

// behindProxy makes loopback a trusted proxy, so that a test may come from any address.
func behindProxy(c *Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func TestConnectionsOfAnAddressAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) {
		behindProxy(c)
		c.MaxConnsPerAddress = 2
	})
	const from = "X-Forwarded-For: 192.0.2.7"
	first, second := s.open("conns-1", "ann", from), s.open("conns-2", "bob", from)
	first.quiet()
	refused := func() {
		t.Helper()
		for _, path := range []string{"/ws?roomId=conns-1", "/rooms/conns-3/ws"} {
			answer, body := s.ask("GET", path, upgradeHeaders(from)...)
			wantError(t, answer, body, protocol.CodeTooManyConnections)
		}
	}
	refused()
	s.open("conns-1", "carl", "X-Forwarded-For: 192.0.2.8").quiet()
	for i := range 5 { // the proxy's own are not counted, neither are other answers
		s.open("conns-1", fmt.Sprint(i)).quiet()
		s.ask("GET", "/health", from)
		s.ask("GET", "/ws?roomId=bad", upgradeHeaders(from)...)
	}
	for _, end := range []func(*client){(*client).leave, (*client).drop, func(c *client) {
		_ = c.ws.Write(t.Context(), websocket.MessageBinary, []byte("binary"))
	}} {
		end(second)
		eventually(t, "its place is free", func() bool {
			answer, _ := s.ask("GET", "/ws?roomId=conns-4", upgradeHeaders(from)...)
			return answer.StatusCode == 101
		})
		eventually(t, "the probe is gone", func() bool { return s.gate.sources.places() == 2 })
		second = s.open("conns-2", "bob", from)
		refused()
	}
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
	// Joining, and creating a room that is there, is no new room; others and the proxy have their own count.
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
		eventually(t, "no connection", func() bool { return s.metrics.connections.Load() == 0 })
		eventually(t, "no room", func() bool { return len(s.rooms.all()) == 0 })
		if rooms, people := s.metrics.rooms.Load(), s.metrics.participants.Load(); rooms != 0 || people != 0 {
			t.Errorf("%d rooms and %d participants are counted", rooms, people)
		}
		for i := range s.roomLimit.shards {
			if counts := s.roomLimit.shards[i].counts; counts != nil {
				t.Errorf("the rooms of addresses are %v", counts)
			}
		}
		if rooms := stored(t, s.copyStore()); len(rooms) != 0 {
			t.Errorf("stored is %v", rooms)
		}
		s.web.CloseIdleConnections()
		eventually(t, "no goroutine more than before", func() bool { return runtime.NumGoroutine() <= goroutines })
	}
}
