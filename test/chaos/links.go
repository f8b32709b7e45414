package chaos

import (
	"fmt"
	"net"
	"slices"
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
	// direct are where the nodes listen for frames, and directTo where all believe them to be.
	direct, directTo [nodes]string
	// cut is above 0 while nothing passes from one node to another: no connection between them can
	// open.
	cut     map[direction]*atomic.Int32
	mu      sync.Mutex
	opened  []net.Listener
	passing map[*pass]struct{}
}

// direction is from one node to another: of their routes or of the connections for frames.
type direction struct {
	from, to int
	isDirect bool
}

func (b direction) back() direction { return direction{b.to, b.from, b.isDirect} }

// newLinks takes two addresses of 127.0.0.1 for each node on which nothing listens.
func newLinks(free []string) (*links, error) {
	l := &links{cut: map[direction]*atomic.Int32{}, passing: map[*pass]struct{}{}}
	for from := range nodes {
		for to := range nodes {
			l.cut[direction{from, to, false}], l.cut[direction{from, to, true}] = new(atomic.Int32), new(atomic.Int32)
		}
	}
	for i := range l.routes {
		l.routes[i], l.direct[i] = onHost(free[i], hostOf(i)), onHost(free[nodes+i], hostOf(i))
		l.directTo[i] = free[nodes+i] // the host is that of the node's own route
		if err := l.listen(l.directTo[i], func(a net.Conn) (direction, string) { return direction{caller(a), i, true}, l.direct[i] }); err != nil {
			l.close()
			return nil, err
		}
	}
	for from := range nodes {
		for to := range nodes {
			if from == to {
				l.to[from][to] = free[to] // by its port, a node finds itself among its peers
				continue
			}
			l.to[from][to] = onHost(free[to], fmt.Sprintf("127.0.%d.%d", from+1, to+1))
			if err := l.listen(l.to[from][to], func(net.Conn) (direction, string) { return direction{from, to, false}, l.routes[to] }); err != nil {
				l.close()
				return nil, err
			}
		}
	}
	return l, nil
}

// hostOf is the host that a node listens on, and dials other nodes from for frames.
func hostOf(node int) string { return fmt.Sprintf("127.0.100.%d", node+1) }

// caller is the node that a connection for frames comes from.
func caller(a net.Conn) int {
	host, _, _ := net.SplitHostPort(a.RemoteAddr().String())
	for i := range nodes {
		if host == hostOf(i) {
			return i
		}
	}
	panic("chaos: a connection for frames from " + host)
}

// onHost is an address with another host: all of 127.0.0.0/8 is loopback on Linux.
func onHost(address, host string) string {
	return host + address[strings.LastIndexByte(address, ':'):]
}

// peers is the setting of a node.
func (l *links) peers(node int) []string { return l.to[node][:] }

// listen passes on what comes to an address. whither says between whom a connection is, and where
// its other end really is.
func (l *links) listen(address string, whither func(net.Conn) (direction, string)) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	l.opened = append(l.opened, listener)
	go func() {
		for {
			a, err := listener.Accept()
			if err != nil {
				return // closed
			}
			there, target := whither(a)
			l.connect(there, a, target)
		}
	}()
	return nil
}

func (l *links) connect(there direction, a net.Conn, target string) {
	b, err := net.Dial("tcp", target)
	if err != nil || l.cut[there].Load() > 0 || l.cut[there.back()].Load() > 0 {
		_ = a.Close()
		if b != nil {
			_ = b.Close()
		}
		return
	}
	p := &pass{ways: [2]way{{direction: there, in: a, out: b}, {direction: there.back(), in: b, out: a}}}
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

func (l *links) forget(p *pass) {
	p.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.passing, p)
}

// chosen says which ways between the nodes a fault is about.
type chosen func(direction) bool

// of chooses all ways to and from nodes.
func of(victims []int) chosen {
	return func(b direction) bool { return slices.Contains(victims, b.from) || slices.Contains(victims, b.to) }
}

// directOf chooses the connections for frames to and from nodes, and leaves their routes.
func directOf(victims []int) chosen {
	return func(b direction) bool { return b.isDirect && of(victims)(b) }
}

// outOf chooses the ways from nodes, and leaves those to them.
func outOf(victims []int) chosen {
	return func(b direction) bool { return b.from == victims[0] }
}

// betweenTwo chooses the ways of two nodes to each other.
func betweenTwo(victims []int) chosen {
	return func(b direction) bool {
		return b.from == victims[0] && b.to == victims[1] || b.from == victims[1] && b.to == victims[0]
	}
}

// everyWay chooses all.
func everyWay([]int) chosen { return func(direction) bool { return true } }

// each calls do for the chosen ways of the connections that are open.
func (l *links) each(which chosen, do func(*pass, *way)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.passing {
		for i := range p.ways {
			if w := &p.ways[i]; which(w.direction) {
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
	for b, cuts := range l.cut {
		if which(b) {
			cuts.Add(by)
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
