package chaos

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// links are the ways between the nodes: each node reaches each other one through a proxy, which can
// hold or delay what passes while both ends believe in the connection. Nodes tell each other where
// they are, too; nothing listens there, so that no way leads past the proxies.
type links struct {
	// routes are where the nodes listen for each other.
	routes [nodes]string
	// to[i][j] is where node i believes node j to be.
	to [nodes][nodes]string
	// cut[i][j] is above 0 while nothing passes from node i to node j: no connection between them
	// can open.
	cut     [nodes][nodes]atomic.Int32
	mu      sync.Mutex
	opened  []net.Listener
	passing map[*pass]struct{}
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
		if err != nil || l.cut[from][to].Load() > 0 || l.cut[to][from].Load() > 0 {
			_ = a.Close()
			if b != nil {
				_ = b.Close()
			}
			continue
		}
		p := &pass{ways: [2]way{{from: from, to: to, in: a, out: b}, {from: to, to: from, in: b, out: a}}}
		l.mu.Lock()
		l.passing[p] = struct{}{}
		l.mu.Unlock()
		for i := range p.ways {
			go func() {
				p.ways[i].copy()
				l.forget(p)
			}()
		}
	}
}

func (l *links) forget(p *pass) {
	p.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.passing, p)
}

// chosen says which ways between the nodes a fault is about.
type chosen func(from, to int) bool

// of chooses all ways to and from nodes.
func of(victims []int) chosen {
	return func(from, to int) bool {
		for _, i := range victims {
			if from == i || to == i {
				return true
			}
		}
		return false
	}
}

// outOf chooses the ways from nodes, and leaves those to them.
func outOf(victims []int) chosen {
	return func(from, _ int) bool { return from == victims[0] }
}

// betweenTwo chooses the ways of two nodes to each other.
func betweenTwo(victims []int) chosen {
	return func(from, to int) bool {
		return from == victims[0] && to == victims[1] || from == victims[1] && to == victims[0]
	}
}

// everyWay chooses all.
func everyWay([]int) chosen { return func(int, int) bool { return true } }

// each calls do for the chosen ways of the connections that are open.
func (l *links) each(which chosen, do func(*pass, *way)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.passing {
		for i := range p.ways {
			if w := &p.ways[i]; which(w.from, w.to) {
				do(p, w)
			}
		}
	}
}

// freeze stops all that passes the chosen ways, and returns what ends that: the connections of the
// time go on or, if drop is set, end.
func (l *links) freeze(which chosen, drop bool) (thaw func()) {
	l.cutOff(which, 1)
	type held struct {
		pass *pass
		way  *way
	}
	var stopped []held
	l.each(which, func(p *pass, w *way) {
		w.frozen.Lock()
		stopped = append(stopped, held{p, w})
	})
	return func() {
		l.cutOff(which, -1)
		for _, s := range stopped {
			if drop {
				s.pass.close()
			}
			s.way.frozen.Unlock()
		}
	}
}

func (l *links) cutOff(which chosen, by int32) {
	for from := range nodes {
		for to := range nodes {
			if which(from, to) {
				l.cut[from][to].Add(by)
			}
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
		p.close()
	}
}
