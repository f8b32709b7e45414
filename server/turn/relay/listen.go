package relay

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"usher/server/metrics"
)

const (
	// maxStreams and maxStreamsPerAddress bound the TCP connections.
	maxStreams, maxStreamsPerAddress = 8192, 64
	// proveTimeout is how long a connection may last without an allocation.
	proveTimeout = 30 * time.Second
	// silentTimeout is how long one with an allocation may send nothing: clients refresh theirs
	// within 10 min (RFC 8656, section 3.2).
	silentTimeout = 15 * time.Minute
	// writeTimeout is how long a client may take nothing of what is sent to it.
	writeTimeout = 10 * time.Second
)

// streams is a listener for TCP that bounds the connections of each address.
type streams struct {
	net.Listener
	server *Server

	mu  sync.Mutex
	all int
	by  map[netip.Addr]int
}

func newStreams(l net.Listener, s *Server) *streams {
	return &streams{Listener: l, server: s, by: make(map[netip.Addr]int)}
}

// Accept implements net.Listener.
func (l *streams) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, ok := addrPort(conn.RemoteAddr())
		if ok && l.enter(from.Addr()) {
			c := &stream{Conn: conn, streams: l, from: from}
			time.AfterFunc(proveTimeout, c.closeUnproved)
			return c, nil
		}
		l.server.refuse(metrics.TURNConnections)
		_ = conn.Close()
	}
}

func (l *streams) enter(ip netip.Addr) bool {
	ip = network(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxStreams || l.by[ip] >= maxStreamsPerAddress {
		return false
	}
	l.all++
	l.by[ip]++
	return true
}

func (l *streams) leave(ip netip.Addr) {
	ip = network(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.by[ip]--; l.by[ip] == 0 {
		delete(l.by, ip)
	}
}

// stream is one TCP connection. It ends by itself: pion/turn leaves it open when a TLS handshake
// fails.
type stream struct {
	net.Conn
	streams *streams
	from    netip.AddrPort
	once    sync.Once
}

func (c *stream) closeUnproved() {
	if c.streams.server.allocationOf(client{c.from, true}) == nil {
		_ = c.Close()
	}
}

// Read implements net.Conn.
func (c *stream) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(silentTimeout))
	n, err := c.Conn.Read(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// Write implements net.Conn.
func (c *stream) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// Close implements net.Conn.
func (c *stream) Close() error {
	c.once.Do(func() { c.streams.leave(c.from.Addr()) })
	return c.Conn.Close()
}

// addrPort returns an address of package net.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	var address netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		address = a.AddrPort()
	case *net.TCPAddr:
		address = a.AddrPort()
	}
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), address.IsValid()
}
