package edge

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"usher/server/metrics"
)

const (
	// acceptsPerRequest is how many more sockets than requests an address may open, so that a
	// refused client can be told why.
	acceptsPerRequest = 10
	// maxHTTPWhenFull bounds the sockets that are not WebSockets while memory is nearly used up.
	maxHTTPWhenFull = 256
)

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

// gatedListener counts the sockets of each address before they have sent anything.
type gatedListener struct {
	net.Listener
	gate *gate
}

// Accept returns the next socket that is let in, and closes all others.
func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		socket, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp := socket.(*net.TCPConn)
		if admitted := l.gate.admit(tcp); admitted != nil {
			return admitted, nil
		}
		l.gate.metrics.SocketsRefused.Add(1)
		_ = tcp.SetLinger(0) // the kernel keeps nothing of it
		_ = tcp.Close()
	}
}

// admit gives a socket a place. It returns nil if none is free, and the socket itself if it belongs
// to a trusted proxy.
func (g *gate) admit(tcp *net.TCPConn) net.Conn {
	if g.full() && g.http.Load() >= maxHTTPWhenFull {
		return nil
	}
	key := g.addresses.socketKey(tcp)
	if key == 0 {
		return tcp
	}
	s := g.sources.enter(key, g.nowNs())
	if !g.spend(s, accepts, 1) {
		g.sources.leave(s, g.nowNs())
		return nil
	}
	p := &place{source: s, socket: tcp}
	if !g.settle(p) {
		return nil
	}
	return &gatedSocket{tcp, g, p}
}

// gatedSocket is a socket that has a place until it is closed.
type gatedSocket struct {
	*net.TCPConn
	gate  *gate
	place *place
}

// Close implements net.Conn.
func (s *gatedSocket) Close() error {
	s.gate.vacate(s.place)
	return s.TCPConn.Close()
}

// placeOf returns the place of a socket that net/http passes, nil if it has none.
func placeOf(socket net.Conn) *place {
	if wrapped, ok := socket.(interface{ NetConn() net.Conn }); ok { // TLS
		socket = wrapped.NetConn()
	}
	if gated, ok := socket.(*gatedSocket); ok {
		return gated.place
	}
	return nil
}

// plainTCP returns the TCP socket that net/http handed over, nil for one with TLS.
func plainTCP(socket net.Conn) *net.TCPConn {
	switch socket := socket.(type) {
	case *net.TCPConn:
		return socket
	case *gatedSocket:
		return socket.TCPConn
	}
	return nil
}

type placeKey struct{}

// watch makes an http.Server report its sockets to the gate.
func (g *gate) watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, socket net.Conn) context.Context {
		if p := placeOf(socket); p != nil {
			return context.WithValue(ctx, placeKey{}, p)
		}
		return ctx
	}
	server.RegisterOnShutdown(func() { close(g.draining) })
	server.ConnState = func(socket net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			g.http.Add(1)
		case http.StateHijacked, http.StateClosed:
			g.http.Add(-1)
		default:
			placeOf(socket).setBusy(state == http.StateActive)
		}
	}
}

// sweep forgets the addresses that have nothing open and whose budgets are full again.
func (g *gate) sweep() { g.sources.sweep(g.nowNs()) }

// sender describes where a request comes from.
type sender struct {
	// address is the key of the client's network address.
	address uint64
	// source has its budgets, and place is its socket; both are nil if it is not counted.
	source *source
	place  *place
	// held is set if source must be left when the request is over.
	held bool
}

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
