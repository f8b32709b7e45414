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
	// batch belongs to the slice under way. Only the poller's goroutine uses it.
	batch batch

	mu      sync.Mutex
	sockets []*polledSocket // by descriptor
	asked   []chan struct{} // by pass
	// begun: run has. stopped: it is to end, or will not begin.
	begun, stopped bool
}

const (
	// readBytes is the most that one read takes. All sockets of a poller share one buffer.
	readBytes = 16 << 10
	// closingReadBytes is the same for a client that only has to reply to a close frame.
	closingReadBytes = 4 << 10
	// lateTime is how long late sockets are served between two waits for others.
	lateTime = 500 * time.Microsecond
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
	p := &poller{epoll: epoll, wake: wake, limits: limits}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		_ = unix.Close(wake)
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return p, nil
}

// run polls until stop is called. It returns an error only if the kernel refuses to wait.
func (p *poller) run() error {
	p.mu.Lock()
	p.begun = !p.stopped
	p.mu.Unlock()
	if !p.begun {
		return nil
	}
	defer p.close()
	w := newWaiter(p.epoll)
	buffer := make([]byte, readBytes)
	for {
		events, err := w.wait(len(p.late) == 0 && len(p.passes) == 0)
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		p.round++
		woken, left := false, len(events) == maxEvents
		for i := range events {
			if events[i].Fd == int32(p.wake) {
				woken = true
			} else if !p.handle(&events[i], buffer) {
				left = true
			}
		}
		p.serveLate()
		p.endPasses(left)
		if woken && !p.beginPasses(maxEvents) {
			return nil
		}
	}
}

// close releases what run used. Nobody waits for a pass any longer.
func (p *poller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeLocked()
}

func (p *poller) closeLocked() {
	p.stopped = true
	for _, done := range p.asked {
		close(done)
	}
	p.asked = nil
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

// handle serves a socket. It returns false if the socket has something to read and could not be
// read from.
func (p *poller) handle(event *unix.EpollEvent, buffer []byte) bool {
	p.mu.Lock()
	var s *polledSocket
	if int(event.Fd) < len(p.sockets) {
		s = p.sockets[event.Fd]
	}
	p.mu.Unlock()
	if s == nil {
		return true // it is closed
	}
	if event.Events&unix.EPOLLOUT != 0 {
		s.mu.Lock()
		if !s.closed {
			s.flush()
		}
		s.mu.Unlock()
	}
	// A late socket is served separately, and is looked at again after that. What an address sends
	// beyond its share waits for the next round, in which this socket is ready again.
	if event.Events&^unix.EPOLLOUT == 0 || len(s.rest) > 0 {
		return true
	}
	if !s.reader.from().mayServe(p.round) {
		return false
	}
	s.receive(buffer)
	return true
}

// serve reads one slice of data, and writes what was sent in the meantime.
func (p *poller) serve(s *polledSocket, data []byte) int {
	from := s.reader.from()
	if from == nil {
		n := s.reader.read(data, &p.batch)
		p.batch.release()
		return n
	}
	begun := time.Now()
	n := s.reader.read(data, &p.batch)
	p.batch.release()
	from.served(p.round, time.Since(begun))
	return n
}

// serveLate serves, for a while, the late sockets whose addresses have something left of their
// shares.
func (p *poller) serveLate() {
	if len(p.late) == 0 {
		return
	}
	begun := time.Now()
	looked := 0
	for looked < len(p.late) && (looked == len(p.over) || time.Since(begun) < lateTime) {
		s := p.late[looked]
		p.late[looked] = nil
		looked++
		if !s.reader.from().mayServe(p.round) {
			p.over = append(p.over, s)
			continue
		}
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if !closed {
			s.rest = s.rest[p.serve(s, s.rest):]
		}
		if closed || len(s.rest) == 0 {
			s.rest = nil
		} else {
			p.late = append(p.late, s)
		}
	}
	// The sockets that were passed over come first in the next round.
	p.over = append(p.over, p.late[looked:]...)
	clear(p.late[looked:])
	p.late, p.over = p.over, p.late[:0]
	if len(p.late) == 0 {
		p.late, p.over = nil, nil
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
