package edge

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// maxHTTPWhenFull bounds the sockets that are not WebSockets while memory is nearly used up.
const maxHTTPWhenFull = 256

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
		from, _ := tcp.RemoteAddr().(*net.TCPAddr)
		if p, ok := l.gate.admit(from.AddrPort().Addr(), tcp); ok {
			return &gatedSocket{TCPConn: tcp, gate: l.gate, place: p}, nil
		}
		l.gate.metrics.SocketsRefused.Add(1)
		_ = tcp.SetLinger(0) // the kernel keeps nothing of it
		_ = tcp.Close()
	}
}

// admit gives a socket a place, nil if it belongs to a trusted proxy. It returns false if none is
// free.
func (g *gate) admit(from netip.Addr, socket io.Closer) (*place, bool) {
	if g.full() && g.http.Load() >= maxHTTPWhenFull {
		return nil, false
	}
	key := g.addresses.socketKey(from)
	if key == 0 {
		return nil, true
	}
	s := g.sources.enter(key, g.nowNs())
	if !g.spend(s, accepts, 1) {
		g.sources.leave(s, g.nowNs())
		return nil, false
	}
	p := &place{source: s, socket: socket}
	return p, g.settle(p)
}

// gatedSocket is a socket that has a place until it is closed, or none if it is a trusted proxy's.
type gatedSocket struct {
	*net.TCPConn
	gate  *gate
	place *place
	// early is what a poller has read of it, and said the response to that, nil for none.
	early []byte
	said  *recorded
	// wire takes the place of TCPConn once a poller reads the socket for TLS.
	wire io.ReadWriter
}

// Read implements net.Conn.
func (s *gatedSocket) Read(b []byte) (int, error) {
	if s.wire != nil {
		return s.wire.Read(b)
	}
	if len(s.early) > 0 {
		n := copy(b, s.early)
		if s.early = s.early[n:]; len(s.early) == 0 {
			s.early = nil
		}
		return n, nil
	}
	return s.TCPConn.Read(b)
}

// Write implements net.Conn.
func (s *gatedSocket) Write(b []byte) (int, error) {
	if s.wire != nil {
		return s.wire.Write(b)
	}
	return s.TCPConn.Write(b)
}

// Close implements net.Conn.
func (s *gatedSocket) Close() error {
	s.gate.vacate(s.place)
	return s.TCPConn.Close()
}

// gatedOf returns the socket that net/http passes.
func gatedOf(socket net.Conn) *gatedSocket {
	if wrapped, ok := socket.(interface{ NetConn() net.Conn }); ok { // TLS
		socket = wrapped.NetConn()
	}
	gated, _ := socket.(*gatedSocket)
	return gated
}

// placeOf returns the place of a socket that net/http passes, nil if it has none.
func placeOf(socket net.Conn) *place {
	if gated := gatedOf(socket); gated != nil {
		return gated.place
	}
	return nil
}

// watch makes an http.Server report its sockets to the gate.
func (g *gate) watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, socket net.Conn) context.Context {
		gated := gatedOf(socket)
		if gated == nil {
			return ctx
		}
		if gated.said != nil {
			ctx = context.WithValue(ctx, recordedKey{}, gated.said)
		}
		if gated.place != nil {
			ctx = context.WithValue(ctx, placeKey{}, gated.place)
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
