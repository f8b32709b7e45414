package edge

import (
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lateTime is how long late sockets are served between two waits for others.
	lateTime = 500 * time.Microsecond
	// handshakeTime is how long handshakes are served between two waits for others. Relays wait
	// meanwhile.
	handshakeTime = 200 * time.Microsecond
)

// run polls until stop is called. It returns an error only if the kernel refuses to wait.
func (p *poller) run() error {
	p.mu.Lock()
	p.begun = !p.stopped
	p.mu.Unlock()
	if !p.begun {
		return nil
	}
	p.waiter, p.buffer = newWaiter(p.epoll), make([]byte, readBytes)
	go p.loop()
	return <-p.done
}

// loop polls until stop is called, or another goroutine goes on.
func (p *poller) loop() {
	for p.serveHandshakes() {
		if ended, err := p.poll(); ended {
			p.close()
			p.done <- err
			return
		}
	}
}

// poll waits for sockets and serves them. It reports whether the poller is to end.
func (p *poller) poll() (ended bool, err error) {
	events, err := p.waiter.wait(len(p.late) == 0 && len(p.handshakes) == 0 && len(p.passes) == 0)
	if err != nil {
		return true, os.NewSyscallError("epoll_wait", err)
	}
	p.round++
	p.serving = time.Time{}
	woken, left := false, len(events) == maxEvents
	for i := range events {
		if events[i].Fd == int32(p.wake) {
			woken = true
		} else if !p.handle(&events[i], p.buffer) {
			left = true
		}
	}
	p.serveLate()
	p.endPasses(left)
	if woken {
		if !p.beginPasses(maxEvents) {
			return true, nil
		}
		p.standStill()
	}
	return false, nil
}

// close releases what run used. Nobody waits for a pass any longer.
func (p *poller) close() {
	p.mu.Lock()
	p.closeLocked()
	awaited := slices.Collect(maps.Values(p.awaited))
	p.mu.Unlock()
	for _, s := range awaited {
		_ = s.Close()
	}
}

// handle serves a socket. It returns false if the socket has something to read and could not be
// read from.
func (p *poller) handle(event *unix.EpollEvent, buffer []byte) bool {
	p.mu.Lock()
	var s *polledSocket
	if int(event.Fd) < len(p.sockets) {
		s = p.sockets[event.Fd]
	}
	if s == nil {
		l, n := p.listeners[event.Fd], p.awaited[event.Fd]
		p.mu.Unlock()
		p.handleNew(l, n, buffer)
		return true
	}
	p.mu.Unlock()
	if event.Events&unix.EPOLLOUT != 0 {
		s.mu.Lock()
		if !s.closed {
			s.flush()
		}
		s.mu.Unlock()
	}
	// A late socket is served separately, and is looked at again after that. What an address sends
	// beyond its share waits for the next round, in which this socket is ready again.
	if event.Events&^unix.EPOLLOUT == 0 || s.rest != nil {
		return true
	}
	if !s.reader.from().mayServe(p.round) {
		return false
	}
	s.receive(buffer)
	return true
}

// handleNew handles an event of a listener, or of a socket whose first request is awaited.
func (p *poller) handleNew(l *polledListener, s *newSocket, buffer []byte) {
	switch {
	case l != nil:
		l.accept()
	case s == nil: // it is closed
	case s.place == nil:
		s.receive(buffer)
	case s.place.source.mayServe(p.round):
		s.place.source.served(p.round, handshakeShare)
		s.receive(buffer)
	}
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
		if s.rest == nil {
			continue
		}
		if !closed {
			*s.rest = (*s.rest)[p.serve(s, *s.rest):]
		}
		if closed || len(*s.rest) == 0 {
			s.rest = nil
			if secured := s.secured(); secured != nil {
				secured.endIfServed()
			}
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

// serveHandshakes serves, for a while, the handshakes that have come. It returns false if another
// goroutine polls from now on.
func (p *poller) serveHandshakes() bool {
	if len(p.handshakes) == 0 {
		return true
	}
	if p.serving.IsZero() { // otherwise an earlier goroutine has begun
		p.serving = time.Now()
	}
	for len(p.handshakes) > 0 && time.Since(p.serving) < handshakeTime {
		next := p.handshakes[0]
		p.handshakes[0] = nil
		if p.handshakes = p.handshakes[1:]; len(p.handshakes) == 0 {
			p.handshakes = nil
		}
		t := &shift{poller: p}
		next.serve(t)
		if t.over {
			return false
		}
	}
	return true
}

// shift is a poller's goroutine while it serves a handshake.
type shift struct {
	poller *poller
	over   bool
}

// end lets another goroutine poll, because this one is about to wait.
func (t *shift) end() {
	if !t.over {
		t.over = true
		go t.poller.loop()
	}
}
