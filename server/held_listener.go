package server

import (
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// heldListener is a listener that can stop accepting for a while, in which clients wait in the
// system's queue.
type heldListener struct {
	*net.TCPListener
	mu   sync.Mutex
	held chan struct{} // closed when it goes on, nil if it accepts
	// taken is set once a poller of the edge accepts. kept is a descriptor from then on, -1 once it
	// is closed.
	taken bool
	kept  int
}

// holdable returns the listeners as those that can be held, if they are of TCP.
func holdable(listeners []net.Listener) []net.Listener {
	listeners = slices.Clone(listeners)
	for i, listener := range listeners {
		if tcp, ok := listener.(*net.TCPListener); ok {
			listeners[i] = &heldListener{TCPListener: tcp}
		}
	}
	return listeners
}

// Accept implements net.Listener.
func (l *heldListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.TCPListener.Accept()
		if !os.IsTimeout(err) {
			return conn, err
		}
		l.mu.Lock()
		held := l.held
		l.mu.Unlock()
		if held != nil {
			<-held
		}
	}
}

func (l *heldListener) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
	_ = l.SetDeadline(time.Unix(1, 0))
}

func (l *heldListener) goOn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.SetDeadline(time.Time{})
	close(l.held)
	l.held = nil
}
