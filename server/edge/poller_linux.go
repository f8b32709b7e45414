package edge

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// poller reads sockets as they become readable, on one goroutine, so that an idle connection costs
// none.
//
// An event only says where to look, and the socket itself says what there is: if a descriptor is
// closed and reused by a new connection while events of the old one still wait in the batch, they
// carry the new connection's number.
type poller struct {
	epoll  int
	wake   int // an eventfd that wakes run to look at asked and stopped
	limits *socketLimits
	// late are the sockets that had more to read than one slice takes, in the order in which they
	// are served next. Only the poller's goroutine uses it and round.
	late []*polledSocket
	// over is memory for serveLate: the late sockets that are over their address's share.
	over []*polledSocket
	// round numbers the waits for ready sockets.
	round uint32
	// passes are under way. Only the poller's goroutine uses it.
	passes []pass
	// plain is what TLS decrypts to, nil if nothing has yet. Only the poller's goroutine uses it.
	plain []byte
	// batch belongs to the slice under way. Only the poller's goroutine uses it.
	batch batch
	// handshakes are the sockets whose first request waits to be served, and serving is since when
	// some are in this round, zero if none has been. Only the poller's goroutine uses them, and
	// waiter and buffer.
	handshakes []*newSocket
	serving    time.Time
	waiter     *waiter
	buffer     []byte
	// done gets the result of run.
	done chan error

	mu        sync.Mutex
	sockets   []*polledSocket // by descriptor
	listeners map[int32]*polledListener
	// awaited are the sockets that have sent no request yet or whose first one is being served, by
	// descriptor. expiring is set while a timer runs for them.
	awaited  map[int32]*newSocket
	expiring bool
	asked    []chan struct{} // by pass
	halt     *halt           // asked by pause, nil for none
	// begun: run has. stopped: it is to end, or will not begin.
	begun, stopped bool
}

// halt is a request to a poller to stand still.
type halt struct{ halted, resume chan struct{} }

const (
	// readBytes is the most that one read takes. All sockets of a poller share one buffer.
	readBytes = 16 << 10
	// closingReadBytes is the same for a client that only has to reply to a close frame.
	closingReadBytes = 4 << 10
)

func newPoller(limits *socketLimits) (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	p := &poller{
		epoll: epoll, wake: wake, limits: limits, done: make(chan error, 1),
		listeners: make(map[int32]*polledListener), awaited: make(map[int32]*newSocket),
	}
	p.batch.flow = limits.flow()
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		_ = unix.Close(wake)
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return p, nil
}

func (p *poller) closeLocked() {
	p.stopped = true
	for _, done := range p.asked {
		close(done)
	}
	p.asked = nil
	if p.halt != nil {
		close(p.halt.halted)
		p.halt = nil
	}
	p.endPasses(false)
	_ = unix.Close(p.epoll)
	_ = unix.Close(p.wake)
}

// each calls do for the reader of each socket.
func (p *poller) each(do func(reader)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sockets {
		if s != nil {
			do(s.reader)
		}
	}
}

// wakeUp makes run look at asked and stopped. The caller holds the lock.
func (p *poller) wakeUp() { _, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// serve reads one slice of data, and writes what was sent in the meantime.
func (p *poller) serve(s *polledSocket, data []byte) int {
	from := s.reader.from()
	p.batch.begun = time.Now()
	n := s.reader.read(data, &p.batch)
	p.batch.release()
	took := time.Since(p.batch.begun)
	if from != nil {
		from.served(p.round, took)
	}
	p.batch.count(took)
	return n
}

// serveRead serves what was read. What one slice does not take is served later.
func (p *poller) serveRead(s *polledSocket, data []byte) {
	if took := p.serve(s, data); took < len(data) {
		if s.rest == nil {
			s.rest = new([]byte)
		}
		*s.rest = append(*s.rest, data[took:]...)
		p.late = append(p.late, s)
	}
}

// stop ends run.
func (p *poller) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopped:
	case p.begun:
		p.stopped = true
		p.wakeUp()
	default: // nobody else will
		p.closeLocked()
	}
}

// pause makes the poller stand still between two slices, and returns what lets it go on.
func (p *poller) pause() (resume func()) {
	p.mu.Lock()
	if !p.begun || p.stopped {
		p.mu.Unlock()
		return func() {}
	}
	h := &halt{make(chan struct{}), make(chan struct{})}
	p.halt = h
	p.wakeUp()
	p.mu.Unlock()
	<-h.halted
	return func() { close(h.resume) }
}

// standStill waits if pause asks for it.
func (p *poller) standStill() {
	p.mu.Lock()
	h := p.halt
	p.halt = nil
	p.mu.Unlock()
	if h != nil {
		close(h.halted)
		<-h.resume
	}
}

// pass is one look at all sockets, which somebody waits for.
type pass struct {
	done   chan struct{}
	rounds int // that remain
}

// passRounds bounds a pass while addresses send more than their shares.
const passRounds = 64

// pass requests a look at all sockets. The channel is closed when each of them that had something
// to read has been read from, or after enough rounds for each to have been served.
func (p *poller) pass() <-chan struct{} {
	done := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		close(done)
		return done
	}
	p.asked = append(p.asked, done)
	p.wakeUp()
	return done
}

// beginPasses starts the requested passes with the next round. It returns false after stop.
func (p *poller) beginPasses(events int) bool {
	var count [8]byte
	_, _ = unix.Read(p.wake, count[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	for _, done := range p.asked {
		// The kernel reports the ready sockets in rotation, at most this many at a time.
		p.passes = append(p.passes, pass{done, len(p.sockets)/events + 1 + passRounds})
	}
	p.asked = nil
	return true
}

// endPasses ends the passes that have seen everything in this round or have used up their rounds.
func (p *poller) endPasses(left bool) {
	kept := p.passes[:0]
	for _, pass := range p.passes {
		if pass.rounds--; left && pass.rounds > 0 {
			kept = append(kept, pass)
		} else {
			close(pass.done)
		}
	}
	if p.passes = kept; len(kept) == 0 {
		p.passes = nil
	}
}
