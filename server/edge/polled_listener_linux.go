package edge

import (
	"errors"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// polledListener is a listener whose sockets a poller accepts, and of whose first requests it
// serves the handshakes. All others are for net/http, which gets their sockets by Accept.
type polledListener struct {
	net.Listener
	gate   *gate
	router *router
	poller *poller
	// assign returns the poller of a new socket.
	assign func() *poller

	mu sync.Mutex
	// fd is -1 once nothing more is accepted.
	fd int
	// armed is set if the poller looks at it, and held if it must not now.
	armed, held bool
	// failure is why nothing can be accepted, for the next Accept.
	failure error
	passed  []*gatedSocket
	// ended is set once net/http takes no more.
	ended bool
	// wake holds one: Accept is to look at what has changed.
	wake chan struct{}
}

func (p *poller) listen(l *polledListener, fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners[int32(fd)] = l
}

func (p *poller) unlisten(fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.listeners, int32(fd))
}

// Accept implements net.Listener for net/http: it returns the sockets whose first request is not
// for the poller.
func (l *polledListener) Accept() (net.Conn, error) {
	for {
		if next, err := l.next(); next != nil || err != nil {
			return next, err
		}
		<-l.wake
	}
}

func (l *polledListener) next() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return nil, net.ErrClosed
	case len(l.passed) > 0:
		next := l.passed[0]
		l.passed[0], l.passed = nil, l.passed[1:]
		return next, nil
	case l.failure != nil:
		err := l.failure
		l.failure = nil
		return nil, err
	}
	l.arm() // after a failure, net/http has waited a while
	return nil, nil
}

// pass gives a socket to net/http. It returns false if net/http takes no more.
func (l *polledListener) pass(s *gatedSocket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.passed = append(l.passed, s)
	l.wakeUp()
	return true
}

func (l *polledListener) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// arm makes the poller look at the listener, and disarm makes it stop. The caller holds the lock.
func (l *polledListener) arm() {
	if l.armed || l.held || l.fd < 0 {
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(l.fd)}
	if err := unix.EpollCtl(l.poller.epoll, unix.EPOLL_CTL_ADD, l.fd, &event); err != nil {
		l.fail("epoll_ctl", err)
		return
	}
	l.armed = true
}

// fail leaves a failed system call to net/http. The caller holds the lock.
func (l *polledListener) fail(call string, err error) {
	l.failure = &acceptError{&net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: os.NewSyscallError(call, err)}}
	l.wakeUp()
}

// acceptError is a failure that net/http logs, and after which it calls Accept again in a while,
// unless nothing can ever be accepted: a system that is short of memory, say, gets over it.
type acceptError struct{ *net.OpError }

// Temporary implements net.Error.
func (e *acceptError) Temporary() bool {
	return !errors.Is(e, unix.EBADF) && !errors.Is(e, unix.EINVAL) && !errors.Is(e, unix.ENOTSOCK)
}

func (l *polledListener) disarm() {
	if l.armed {
		// Closing the descriptor would not do: others of the same socket may be open.
		_ = unix.EpollCtl(l.poller.epoll, unix.EPOLL_CTL_DEL, l.fd, nil)
	}
	l.armed = false
}

// setHeld lets clients wait in the system's queue, or accepts them again.
func (l *polledListener) setHeld(held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held = held; held {
		l.disarm()
	} else {
		l.arm()
	}
}

// stop ends accepting. net/http still gets what it has to serve.
func (l *polledListener) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return
	}
	l.disarm()
	l.poller.unlisten(l.fd)
	_ = unix.Close(l.fd)
	l.fd = -1
}

// Close implements net.Listener.
func (l *polledListener) Close() error {
	l.stop()
	l.mu.Lock()
	passed := l.passed
	l.passed, l.ended = nil, true
	l.mu.Unlock()
	l.wakeUp()
	for _, s := range passed {
		_ = s.Close()
	}
	return l.Listener.Close()
}
