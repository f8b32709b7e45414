package edge

import (
	"net"
	"sync"
	"testing"
)

// placed returns a gate without a bound, and places of one address.
func placed(t *testing.T, n int) (*gate, []*place) {
	t.Helper()
	config := testConfig()
	g := newGate(&config)
	places := make([]*place, n)
	for i := range places {
		places[i] = &place{source: g.sources.enter(1, 0), socket: new(net.TCPConn)}
		g.settle(places[i])
	}
	return g, places
}

// A socket that was closed to make way may still have a request inside net/http.
func TestHandshakeOnASocketThatMadeWayIsRefused(t *testing.T) {
	g, places := placed(t, 2)
	if !g.closeHTTP(places[1], false) {
		t.Fatal("nothing makes way")
	}
	if p, ok := g.occupy(sender{source: places[0].source, place: places[0]}); ok || p != nil {
		t.Error("it becomes a WebSocket")
	}
	if open := places[0].source.webSockets(); open != 0 {
		t.Errorf("%d WebSockets are counted", open)
	}
}

// This test is for the race detector, and for one rule: a socket either makes way or becomes a
// WebSocket.
func TestSocketsMakeWayWhileOthersAreUpgraded(t *testing.T) {
	g, places := placed(t, 1000)
	newcomer := places[len(places)-1]
	upgraded := make([]bool, len(places))
	var group sync.WaitGroup
	group.Go(func() {
		for i, p := range places[:len(places)-1] {
			if _, ok := g.occupy(sender{source: p.source, place: p}); ok {
				upgraded[i] = true
				p.upgraded(new(Conn))
			}
		}
	})
	group.Go(func() {
		for g.closeHTTP(newcomer, false) {
		}
	})
	group.Wait()
	for i, p := range places {
		if p.left && upgraded[i] {
			t.Fatal("a WebSocket has made way")
		}
	}
}

// A socket that has gone to net/http since it was looked at makes way there.
func TestASocketMakesWayWhereverItIs(t *testing.T) {
	g, places := placed(t, 2)
	seen := places[1].others()[0]
	now := new(net.TCPConn)
	if !places[0].moved(now) {
		t.Fatal("it is closed already")
	}
	if socket, ok := g.madeWay(seen); !ok || socket != now {
		t.Errorf("%v is closed, and %v stays", socket, now)
	}
	if places[0].moved(new(net.TCPConn)) {
		t.Error("it may move on")
	}
}
