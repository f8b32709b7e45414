package edge

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/server/metrics"
)

func TestABucketFillsAtItsRateUpToItsBurst(t *testing.T) {
	const second = int64(time.Second)
	for _, test := range []struct {
		rate  Rate
		takes string // "at seconds: n ok" in order
	}{
		{Rate{2, 4}, "0: 4 yes, 0: 1 no, 0.5: 1 yes, 0.5: 1 no, 10: 5 no, 10: 4 yes, 10: 1 no"},
		{Rate{1, 1}, "5: 1 yes, 5: 1 no, 6: 1 yes"},
		{Rate{1, 3}, "5: 3 yes, 5: 1 no, 1: 3 yes"}, // the clock was set back
		{Rate{}, "0: 1000000 yes, 0: 1000000 yes"},
		{Rate{1 << 30, 1 << 30}, "0: 1073741824 yes, 0: 1 no"},
	} {
		b, full := bucketOf(test.rate), int64(0)
		for _, take := range strings.Split(test.takes, ", ") {
			var at float64
			var n int
			var want string
			if _, err := fmt.Sscanf(take, "%g: %d %s", &at, &n, &want); err != nil {
				t.Fatal(err)
			}
			if got := b.take(&full, int64(at*float64(second)), n); got != (want == "yes") {
				t.Errorf("%v, %s of %s: %v", test.rate, take, test.takes, got)
			}
		}
	}
}

// testGate returns a gate with the budgets of a Config and a clock that stands still.
func testGate(c Config) (g *gate, now *atomic.Int64) {
	now = new(atomic.Int64)
	c.Full, c.RunningMs, c.Metrics = func() bool { return false }, func() int64 { return 0 }, metrics.New()
	g = newGate(&c)
	g.nowNs = now.Load
	return g, now
}

// The defaults must let a full room of 50 behind one address reconnect five times in a row
// (docs/design.md).
func TestTheDefaultsLetAFullRoomReconnectFiveTimesInARow(t *testing.T) {
	g, _ := testGate(Config{
		RequestRate: DefaultRequestRate, JoinRate: DefaultJoinRate, MessageRate: DefaultMessageRate, ByteRate: DefaultByteRate,
	})
	s := g.sources.enter(1, 0)
	const people, rounds, perPeer = 50, 5, 15
	frameBytes := 1000 // an offer has 700 bytes, a candidate 400
	for round := range rounds {
		for range people {
			// credentials and the handshake
			if !g.spend(s, accepts, 2) || !g.spend(s, requests, 2) {
				t.Fatalf("round %d: no handshake", round)
			}
			if !g.spend(s, joins, 1) || !g.spendMessage(s, RequestCost, 200) {
				t.Fatalf("round %d: no join", round)
			}
			for range perPeer * (people - 1) {
				if !g.spendMessage(s, 1, frameBytes) {
					t.Fatalf("round %d: no message", round)
				}
			}
		}
	}
	if DefaultMaxSockets < 3*people {
		t.Error("a reconnect opens new sockets while old ones have not ended")
	}
}

func TestWhatAnAddressHasSpentIsForgottenWhenItIsFullAgain(t *testing.T) {
	g, now := testGate(Config{JoinRate: Rate{1, 10}})
	known := func() (n int) {
		for i := range g.sources.shards {
			n += len(g.sources.shards[i].byKey)
		}
		return n
	}
	spend := func(key uint64) bool {
		s := g.sources.enter(key, now.Load())
		defer g.sources.leave(s, now.Load())
		return g.spend(s, joins, 1)
	}
	for range 10 {
		spend(1)
	}
	if spend(1) {
		t.Error("the budget is renewed by coming back")
	}
	held := g.sources.enter(2, 0)
	g.sources.leave(g.sources.enter(3, 0), 0)
	if known() != 2 {
		t.Errorf("%d addresses are kept, of one that has spent, one with a socket and one with neither", known())
	}
	now.Add(int64(9 * time.Second))
	if g.sweep(); known() != 2 {
		t.Errorf("after 9 s it knows %d addresses", known())
	}
	now.Add(int64(time.Second))
	if g.sweep(); known() != 1 {
		t.Errorf("after 10 s it knows %d addresses", known())
	}
	g.sources.leave(held, now.Load())
	if known() != 0 {
		t.Errorf("at the end it knows %d addresses", known())
	}

	// The number of addresses that are kept is bounded, and the address that has spent the most
	// is kept.
	held = g.sources.enter(0, 0)
	for range 10 {
		spend(gateShards)
	}
	for key := range uint64(4 * maxSources) {
		spend(key)
	}
	if n := known(); n > maxSources+gateShards {
		t.Errorf("it keeps %d addresses", n)
	}
	if spend(gateShards) {
		t.Error("whoever had spent all was forgotten for others who had spent little")
	}
	if g.sources.enter(0, 0) != held {
		t.Error("an address with a socket was forgotten")
	}
}

// Most addresses have an open socket: the others are bounded all the same, and no look at all of
// them is taken.
func TestAddressesAreBoundedWhileMostHaveSockets(t *testing.T) {
	g, _ := testGate(Config{JoinRate: Rate{1, 10}})
	const open = 2 * maxSources
	for key := range uint64(open) {
		g.sources.enter(key, 0)
	}
	for key := range uint64(2 * open) {
		s := g.sources.enter(open+key, 0)
		g.spend(s, joins, 1)
		g.sources.leave(s, 0)
	}
	var all int
	for i := range g.sources.shards {
		all += len(g.sources.shards[i].byKey)
	}
	if all > 2*open {
		t.Errorf("%d addresses are kept for %d with sockets", all, open)
	}
}

func BenchmarkEnterWhileMostHaveSockets(b *testing.B) {
	g, _ := testGate(Config{})
	const open = 4 * maxSources
	for key := range uint64(open) {
		g.sources.enter(key, 0)
	}
	for key := uint64(open); b.Loop(); key++ {
		g.sources.leave(g.sources.enter(key, 0), 0)
	}
}
