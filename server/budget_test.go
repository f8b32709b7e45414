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
	"usher/server/edge"
	"usher/server/servertest"
)

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
	b.running = launchSetUp(t, t.TempDir(), func(s *setup) {
		c := s.Config
		behindProxy(c)
		c.AddressRequests, c.AddressJoins = edge.Rate{PerSecond: 1, Burst: 30}, edge.Rate{PerSecond: 1, Burst: 3}
		c.AddressMessages, c.AddressBytes = edge.Rate{PerSecond: 10, Burst: 200}, edge.Rate{PerSecond: 1000, Burst: 1 << 20}
		s.runningMs = func() int64 { return b.now.Load() / int64(time.Millisecond) }
		s.delay = func(_ context.Context, d time.Duration) { b.waited.Add(int64(d)) }
	})
	b.innocent = b.open("innocent-1", "innocent", fromOther)
	b.innocent.create()
	return b
}

// refill advances the clock until all budgets are full again.
func (b *budgeted) refill() { b.now.Add(int64(time.Hour)) }

// nobodyElse checks that the other address is not affected.
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

// untilRefused sends a message repeatedly and returns how often it got a reply before RATE_LIMITED.
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
		if response, _ := s.ask("GET", "/ws?roomId=bad", fromOne); response.StatusCode == http.StatusTooManyRequests {
			t.Fatalf("request %d is refused", i)
		}
	}
	for _, path := range []string{"/ws?roomId=budgets-6", "/rooms/budgets-1", "/turn-credentials?userId=x", "/nowhere", "/", "/metrics"} {
		response, body := s.ask("GET", path, upgradeHeaders(fromOne)...)
		want := servertest.WantError
		if path == "/metrics" {
			want = servertest.WantOperatorError
		}
		want(t, response, body, protocol.CodeRateLimited)
		if response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	for _, path := range []string{"/health", "/healthz", "/readyz"} {
		if response, _ := s.ask("GET", path, fromOne); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	if want := 6*edge.RefusalDelay + 3*edge.ReliefDelay; s.waited.Load() != int64(want) {
		t.Errorf("the responses waited for %v, want %v", time.Duration(s.waited.Load()), want)
	}
	s.refill()
	s.open("budgets-6", "ann", fromOne).create()
	s.nobodyElse()
}

// Scrapes are expensive.
func TestAScrapeCountsForSeveralRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.AddressRequests = edge.Rate{PerSecond: 1, Burst: 2 * edge.ScrapeCost} })
	for range 2 {
		if response, _ := s.ask("GET", "/metrics"); response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
	}
	response, body := s.ask("GET", "/metrics")
	servertest.WantOperatorError(t, response, body, protocol.CodeRateLimited)
}

func TestSocketsThatAreOpenedTooFastAreClosedUnread(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		s.AddressRequests = edge.Rate{PerSecond: 1, Burst: 20}
		s.runningMs = func() int64 { return now.Load() / int64(time.Millisecond) }
	})
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
	if response, _ := s.ask("GET", "/healthz"); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	if n := s.metrics.SocketsRefused.Load(); n != 1 {
		t.Errorf("%d sockets are counted as refused", n)
	}
}
