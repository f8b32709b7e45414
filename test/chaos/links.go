package chaos

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// links are the ways between the nodes: each node reaches each other one through a proxy, which can
// stop to pass anything while both ends believe in the connection. Nodes tell each other where they
// are, too; nothing listens there, so that no way leads past the proxies.
type links struct {
	// routes are where the nodes listen for each other.
	routes [nodes]string
	// to[i][j] is where node i believes node j to be.
	to      [nodes][nodes]string
	cut     [nodes]atomic.Bool
	mu      sync.Mutex
	opened  []net.Listener
	passing map[*pass]struct{}
}

// pass is one connection from node to node.
type pass struct {
	from, to int
	a, b     net.Conn
	// frozen is held while nothing passes.
	frozen sync.RWMutex
}

// newLinks takes an address of 127.0.0.1 for each node on which nothing listens.
func newLinks(free []string) (*links, error) {
	l := &links{passing: map[*pass]struct{}{}}
	for i := range l.routes {
		l.routes[i] = onHost(free[i], fmt.Sprintf("127.0.100.%d", i+1))
	}
	for from := range nodes {
		for to := range nodes {
			if from == to {
				l.to[from][to] = free[to] // by its port, a node finds itself among its peers
				continue
			}
			l.to[from][to] = onHost(free[to], fmt.Sprintf("127.0.%d.%d", from+1, to+1))
			listener, err := net.Listen("tcp", l.to[from][to])
			if err != nil {
				l.close()
				return nil, err
			}
			l.opened = append(l.opened, listener)
			go l.accept(listener, from, to)
		}
	}
	return l, nil
}

// onHost is an address with another host: all of 127.0.0.0/8 is loopback on Linux.
func onHost(address, host string) string {
	return host + address[strings.LastIndexByte(address, ':'):]
}

// peers is the setting of a node.
func (l *links) peers(node int) []string { return l.to[node][:] }

func (l *links) accept(listener net.Listener, from, to int) {
	for {
		a, err := listener.Accept()
		if err != nil {
			return // closed
		}
		b, err := net.Dial("tcp", l.routes[to])
		if err != nil || l.cut[from].Load() || l.cut[to].Load() {
			_ = a.Close()
			if b != nil {
				_ = b.Close()
			}
			continue
		}
		p := &pass{from: from, to: to, a: a, b: b}
		l.mu.Lock()
		l.passing[p] = struct{}{}
		l.mu.Unlock()
		go l.copy(p, a, b)
		go l.copy(p, b, a)
	}
}

// copy passes bytes one way, until either end is closed.
func (l *links) copy(p *pass, from, to net.Conn) {
	defer l.forget(p)
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.frozen.RLock()
		_, failed := to.Write(buffer[:n])
		p.frozen.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

func (l *links) forget(p *pass) {
	_ = p.a.Close()
	_ = p.b.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.passing, p)
}

// freeze stops all that passes to and from a node, and returns what ends that: the connections of
// the time go on or, if drop is set, end.
func (l *links) freeze(node int, drop bool) (thaw func()) {
	l.cut[node].Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	var stopped []*pass
	for p := range l.passing {
		if p.from == node || p.to == node {
			p.frozen.Lock()
			stopped = append(stopped, p)
		}
	}
	return func() {
		l.cut[node].Store(false)
		for _, p := range stopped {
			if drop {
				_ = p.a.Close()
				_ = p.b.Close()
			}
			p.frozen.Unlock()
		}
	}
}

func (l *links) close() {
	for _, listener := range l.opened {
		_ = listener.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.passing {
		_ = p.a.Close()
		_ = p.b.Close()
	}
}
