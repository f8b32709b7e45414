package chaos

import (
	"net"
	"sync"
	"sync/atomic"
)

// links are the ways between the nodes: each node reaches each other one through a proxy, which can
// stop to pass anything while both ends believe in the connection.
type links struct {
	routes []string
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

func newLinks(routes []string) (*links, error) {
	l := &links{routes: routes, passing: map[*pass]struct{}{}}
	for from := range nodes {
		for to := range nodes {
			if from == to {
				l.to[from][to] = routes[from]
				continue
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				l.close()
				return nil, err
			}
			l.opened = append(l.opened, listener)
			l.to[from][to] = listener.Addr().String()
			go l.accept(listener, from, to)
		}
	}
	return l, nil
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
