package edge

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"usher/server/metrics"
)

// acceptsPerRequest is how many more sockets than requests an address may open, so that a refused
// client can be told why.
const acceptsPerRequest = 10

// gate decides which sockets and requests are let in. It counts what each network address does and
// has open; what an address has spent outlives its connections.
type gate struct {
	addresses *addressBook
	// maxSockets bounds the open sockets of an address; 0 means no bound.
	maxSockets int
	buckets    [budgets]bucket
	sources    sources
	nowNs      func() int64
	full       func() bool
	metrics    *metrics.Metrics
	// http is how many sockets net/http has, including those of trusted proxies.
	http atomic.Int64
	// wait is Config.Delay.
	wait func(ctx context.Context, d time.Duration)
	// draining is closed when nothing may wait any longer.
	draining chan struct{}
}

// newGate returns the gate of a Config.
func newGate(c *Config) *gate {
	g := &gate{
		addresses:  &addressBook{secret: c.Secret, trusted: c.TrustedProxies, log: c.Log},
		maxSockets: c.MaxSockets, full: c.Full, metrics: c.Metrics, draining: make(chan struct{}),
		nowNs: func() int64 { return c.RunningMs() * int64(time.Millisecond) },
		buckets: [budgets]bucket{
			accepts:  bucketOf(Rate{c.RequestRate.PerSecond * acceptsPerRequest, c.RequestRate.Burst}),
			requests: bucketOf(c.RequestRate),
			joins:    bucketOf(c.JoinRate),
			messages: bucketOf(c.MessageRate),
			payload:  bucketOf(c.ByteRate),
		},
	}
	if g.wait = c.Delay; g.wait == nil {
		g.wait = g.waitForReal
	}
	return g
}

type placeKey struct{}

// sweep forgets the addresses that have nothing open and whose budgets are full again.
func (g *gate) sweep() { g.sources.sweep(g.nowNs()) }

// sender returns where a request comes from. It must be released when the request is over.
func (g *gate) sender(r *http.Request) sender {
	p, _ := r.Context().Value(placeKey{}).(*place)
	if p != nil && r.Header["X-Forwarded-For"] == nil {
		return sender{address: p.source.key, source: p.source, place: p}
	}
	address, limitKey := g.addresses.keys(r)
	switch {
	case p != nil: // keys was called only for its warnings
		return sender{address: address, source: p.source, place: p}
	case limitKey == 0:
		return sender{address: address}
	}
	return sender{address: address, source: g.sources.enter(limitKey, g.nowNs()), held: true}
}

// maxDelayed is how many requests of an address wait at once; further ones are refused immediately.
const maxDelayed = 256

// delay waits, unless too many requests of the address are waiting already.
func (g *gate) delay(ctx context.Context, s *source, d time.Duration) {
	if s.delayed.Add(1) <= maxDelayed {
		beforeWaiting(ctx)
		g.wait(ctx, d)
	}
	s.delayed.Add(-1)
}

func (g *gate) waitForReal(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-g.draining:
	case <-time.After(d):
	}
}

func (g *gate) letGo(from sender) {
	if from.held {
		g.sources.leave(from.source, g.nowNs())
	}
}

// spend takes n from a budget, or returns false if the address has used it up. A nil source has no
// limits.
func (g *gate) spend(s *source, budget, n int) bool {
	if s == nil {
		return true
	}
	now := g.nowNs()
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.buckets[budget].take(&s.full[budget], now, n)
}

// spendMessage is spend for a message that has the given cost and size in bytes.
func (g *gate) spendMessage(s *source, cost, size int) bool {
	now := g.nowNs()
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.buckets[messages].take(&s.full[messages], now, cost) && g.buckets[payload].take(&s.full[payload], now, size)
}
