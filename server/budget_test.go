package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/protocol"
)

func TestABucketFillsAtItsRateUpToItsBurst(t *testing.T) {
	const second = int64(time.Second)
	for _, test := range []struct {
		rate  Rate
		takes string // "at seconds: n ok" in order
	}{
		{Rate{2, 4}, "0: 4 yes, 0: 1 no, 0.5: 1 yes, 0.5: 1 no, 10: 5 no, 10: 4 yes, 10: 1 no"},
		{Rate{1, 1}, "5: 1 yes, 5: 1 no, 6: 1 yes"},
		{Rate{1, 3}, "5: 3 yes, 5: 1 no, 1: 3 yes"}, // a clock that was set back
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

// testGate is a gate with the budgets of a Config and a clock that stands still.
func testGate(c Config) (g *gate, now *atomic.Int64) {
	now = new(atomic.Int64)
	g = newGate(&c, &addressBook{}, func() int64 { return 0 }, nil, newMetrics())
	g.nowNs = now.Load
	return g, now
}

// The defaults must let a full room of 50 behind one address reconnect five times in a row (docs/design.md).
func TestTheDefaultsLetAFullRoomReconnectFiveTimesInARow(t *testing.T) {
	config := DefaultConfig()
	g, _ := testGate(config)
	s := g.sources.enter(1, 0)
	const people, rounds, perPeer = 50, 5, 15
	frameBytes := 1000 // offers have 700, candidates 400 bytes
	for round := range rounds {
		for range people {
			if !g.spend(s, accepts, 2) || !g.spend(s, requests, 2) { // credentials and the handshake
				t.Fatalf("round %d: no handshake", round)
			}
			if !g.spend(s, joins, 1) || !g.spendMessage(s, requestCost, 200) {
				t.Fatalf("round %d: no join", round)
			}
			for range perPeer * (people - 1) {
				if !g.spendMessage(s, 1, frameBytes) {
					t.Fatalf("round %d: no message", round)
				}
			}
		}
	}
	if config.MaxConnsPerAddress < 3*people {
		t.Error("a reconnect opens new sockets while old ones have not ended")
	}
}

func TestWhatAnAddressHasSpentIsForgottenWhenItIsFullAgain(t *testing.T) {
	g, now := testGate(Config{AddressJoins: Rate{1, 10}})
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

	// However many there are, the number that is kept is bounded, and who has spent most is kept.
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

// budgeted is a server with small budgets and a clock that stands still.
type budgeted struct {
	*running
	now, waited atomic.Int64
	innocent    *client // from another address
}

func serveBudgets(t *testing.T) *budgeted {
	t.Helper()
	t.Parallel()
	b := &budgeted{}
	b.running = launchPrepared(t, t.TempDir(), func(c *Config) {
		behindProxy(c)
		c.AddressRequests, c.AddressJoins = Rate{1, 30}, Rate{1, 3}
		c.AddressMessages, c.AddressBytes = Rate{10, 200}, Rate{1000, 1 << 20}
	}, func(s *Server) {
		s.gate.nowNs = b.now.Load
		s.gate.wait = func(_ context.Context, d time.Duration) { b.waited.Add(int64(d)) }
	})
	b.innocent = b.open("innocent-1", "innocent", fromOther)
	b.innocent.create()
	return b
}

// refill lets the time pass after which all budgets are full again.
func (b *budgeted) refill() { b.now.Add(int64(time.Hour)) }

// nobodyElse checks that the other address has noticed nothing.
func (b *budgeted) nobodyElse() {
	b.t.Helper()
	b.open("innocent-1", "other", fromOther).join()
	b.innocent.expect("USER_JOINED")
	b.innocent.quiet()
}

func TestJoinsOfAnAddressAreBoundedButReturnsByTokenAreNot(t *testing.T) {
	s := serveBudgets(t)
	var token string
	for i := range 3 {
		c := s.open("budgets-2", fmt.Sprint("user-", i), fromOne)
		token = c.create().ResumeToken
		c.drop()
	}
	for _, kind := range []string{"JOIN_ROOM", "CREATE_ROOM"} {
		c := s.open("budgets-2", "late", fromOne)
		c.say(kind, `"userName":"Late"`, `"resumeToken":"AAAA"`) // a token for no seat is none
		c.refused(protocol.CodeRateLimited)
		c.closed(protocol.CloseRateLimited)
	}
	s.open("budgets-2", "user-2", fromOne).resume(token)
	s.refill()
	s.open("budgets-2", "late", fromOne).join()
	s.nobodyElse()
}

// untilRefused sends a message again and again and returns how often it was answered before RATE_LIMITED.
func (c *client) untilRefused(message string) (sent int) {
	c.t.Helper()
	for c.trySend(message) == nil && c.next().Type != "ERROR" {
		sent++
	}
	c.closed(protocol.CloseRateLimited)
	return sent
}

func TestMessagesAndBytesOfAnAddressAreBoundedOverReconnects(t *testing.T) {
	s := serveBudgets(t)
	big := `{"type":"PING","pad":"` + strings.Repeat("x", 60<<10) + `"}`
	for _, test := range []struct {
		message string
		want    int
	}{
		{`{"type":"PING"}`, 200},
		{big, (1 << 20) / len(big)},
	} {
		for _, want := range []int{test.want, 0} { // at first, and after a reconnect
			if got := s.open("budgets-3", "ann", fromOne).untilRefused(test.message); got != want {
				t.Errorf("%d messages of %d bytes passed, want %d", got, len(test.message), want)
			}
			if want == 0 {
				s.refill()
			}
		}
	}
	s.nobodyElse()
}

func TestControlFramesOfAnAddressAreBounded(t *testing.T) {
	s := serveBudgets(t)
	c := s.dial(0).upgrade("budgets-4", nil, fromOne)
	for range 201 {
		c.write(masked(0x89, ""))
	}
	pongs, refused := 0, false
	for {
		first, payload, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		switch first {
		case 0x8a:
			pongs++
		case 0x81:
			refused = strings.Contains(string(payload), `"RATE_LIMITED"`)
		}
		if first == 0x88 {
			break
		}
	}
	if pongs < 200 || pongs > 201 || !refused {
		t.Errorf("%d PINGs are answered, refused is %v", pongs, refused)
	}
	s.nobodyElse()
}

func TestRequestsOfAnAddressAreBounded(t *testing.T) {
	s := serveBudgets(t)
	for i := range 30 {
		if answer, _ := s.ask("GET", "/ws?roomId=bad", fromOne); answer.StatusCode == http.StatusTooManyRequests {
			t.Fatalf("request %d is refused", i)
		}
	}
	for _, path := range []string{"/ws?roomId=budgets-6", "/rooms/budgets-1", "/turn-credentials?userId=x", "/nowhere", "/", "/metrics"} {
		answer, body := s.ask("GET", path, upgradeHeaders(fromOne)...)
		wantError(t, answer, body, protocol.CodeRateLimited)
		if answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	for _, path := range []string{"/health", "/healthz", "/readyz"} {
		if answer, _ := s.ask("GET", path, fromOne); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if want := 6*refusalDelay + 3*reliefDelay; s.waited.Load() != int64(want) {
		t.Errorf("the answers waited for %v, want %v", time.Duration(s.waited.Load()), want)
	}
	s.refill()
	s.open("budgets-6", "ann", fromOne).create()
	s.nobodyElse()
}

// Scrapes are dear.
func TestAScrapeCountsForSeveralRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.AddressRequests = Rate{1, 2 * scrapeCost} })
	for range 2 {
		if answer, _ := s.ask("GET", "/metrics"); answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status)
		}
	}
	answer, body := s.ask("GET", "/metrics")
	wantError(t, answer, body, protocol.CodeRateLimited)
}

func TestSocketsThatAreOpenedTooFastAreClosedUnread(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	s := launchPrepared(t, t.TempDir(), func(c *Config) { c.AddressRequests = Rate{1, 20} },
		func(s *Server) { s.gate.nowNs = now.Load })
	for range 20 {
		s.dial(0)
	}
	if socket, err := net.Dial("tcp", s.address()); err == nil { // or it is refused at once
		defer socket.Close()
		if _, err := socket.Read(make([]byte, 1)); err == nil {
			t.Error("the 21st socket is served")
		}
	}
	now.Add(int64(time.Second))
	if answer, _ := s.ask("GET", "/healthz"); answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
	if n := s.metrics.socketsRefused.Load(); n != 1 {
		t.Errorf("%d sockets are counted as refused", n)
	}
}
