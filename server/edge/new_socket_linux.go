package edge

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// handshakeShare is what a handshake takes of its address's share of a round.
	handshakeShare = 50 * time.Microsecond
	// expiryPause is the least time between two looks at all silent sockets.
	expiryPause = readHeaderTimeout / 10
)

// newSocket is a socket that has been accepted and whose first request is awaited, or being served.
type newSocket struct {
	listener *polledListener
	poller   *poller
	fd       int32
	remote   netip.AddrPort
	place    *place
	begun    time.Time
	// sent is what it has sent first, and head how many bytes of that are a handshake, once serving
	// is set. Only the poller's goroutine and whoever serves it use them.
	sent *buffer
	head int

	mu sync.Mutex
	// serving: its request has been read. taken: a Conn has its descriptor. unpolled: the poller no
	// longer looks at it. over: nothing of this is true any longer. clientLeft: the client has
	// ended while its request is served.
	serving, taken, unpolled, over, clientLeft bool
	// gone is called when the client does that.
	gone func()
}

// start waits for the first request.
func (s *newSocket) start(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place, s.begun = p, time.Now(); s.over {
		return
	}
	s.poller.await(s)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.fd}
	if err := unix.EpollCtl(s.poller.epoll, unix.EPOLL_CTL_ADD, int(s.fd), &event); err != nil {
		s.end()
	}
}

// receive reads what comes first. A whole handshake is served once the other sockets have been
// read; anything else is for net/http.
func (s *newSocket) receive(memory []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return
	case s.serving: // what it sends must wait
		s.unpoll()
		n, _, err := unix.Recvfrom(int(s.fd), memory[:1], unix.MSG_PEEK)
		if s.clientLeft = n == 0 && err == nil || err == unix.ECONNRESET; s.clientLeft && s.gone != nil {
			s.gone()
		}
		return
	}
	n, err := readNow(s.fd, memory)
	switch {
	case n > 0:
		s.sent = buffers.Get().(*buffer)
		s.sent.bytes = append(s.sent.bytes, memory[:n]...)
		s.head = handshakeBytes(s.sent.bytes)
		s.serving = true
		s.place.setBusy(true)
		s.poller.handshakes = append(s.poller.handshakes, s)
	case err == unix.EAGAIN, err == unix.EINTR:
	default:
		s.end()
	}
}

// unpoll makes the poller look away. The caller holds the lock.
func (s *newSocket) unpoll() {
	if !s.unpolled {
		s.unpolled = true
		_ = unix.EpollCtl(s.poller.epoll, unix.EPOLL_CTL_DEL, int(s.fd), nil)
	}
}

// end closes the socket. The caller holds the lock.
func (s *newSocket) end() {
	if s.leave() {
		_ = unix.Close(int(s.fd))
		s.listener.gate.vacate(s.place)
	}
}

// leave gives up the descriptor without removing it from the epoll set. The caller holds the lock.
func (s *newSocket) leave() bool {
	if s.over {
		return false
	}
	s.over = true
	s.listener.gate.http.Add(-1)
	s.poller.forget(s.fd)
	return true
}

// Close makes way for another socket of the address. Whoever serves the request closes the
// descriptor.
func (s *newSocket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over, s.taken:
	case s.serving:
		_ = unix.Shutdown(int(s.fd), unix.SHUT_RDWR)
	default:
		s.end()
	}
	return nil
}

// expire closes the socket if it has sent nothing.
func (s *newSocket) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.serving {
		s.end()
	}
}

// pass gives the socket to net/http, which begins with what has been read of it. said is its
// response to that, nil for none.
func (s *newSocket) pass(read []byte, said *recorded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.unpoll()
	gated, err := s.gated()
	if err != nil {
		s.end()
		return
	}
	gated.early, gated.said = read, said
	s.place.setBusy(said != nil) // net/http has yet to see a request
	s.leave()
	_ = unix.Close(int(s.fd))
	if !s.place.moved(gated.TCPConn) || !s.listener.pass(gated) {
		_ = gated.Close()
	}
}

// gated returns the socket as one of package net, with a descriptor of its own.
func (s *newSocket) gated() (*gatedSocket, error) {
	duplicate, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(duplicate), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok || tcp.RemoteAddr() == nil { // the client has ended it
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return &gatedSocket{TCPConn: tcp, gate: s.listener.gate, place: s.place}, nil
}

// await adds a socket to those whose first request is awaited, for as long as net/http would.
func (p *poller) await(s *newSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaited[s.fd] = s
	if !p.expiring {
		p.expiring = true
		time.AfterFunc(readHeaderTimeout, p.expire)
	}
}

func (p *poller) forget(fd int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.awaited, fd)
}

// release ends what await began, for a Conn that has the descriptor. It reports whether the epoll
// set has it.
func (p *poller) release(fd int32) bool {
	p.mu.Lock()
	s := p.awaited[fd]
	delete(p.awaited, fd)
	p.mu.Unlock()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return !s.unpolled
}

// expire closes the sockets that have sent nothing for too long.
func (p *poller) expire() {
	p.mu.Lock()
	late, next := p.lateLocked(time.Now())
	if p.expiring = next > 0; p.expiring {
		time.AfterFunc(next, p.expire)
	} else if len(p.awaited) == 0 {
		p.awaited = make(map[int32]*newSocket) // a map keeps the memory of its busiest hour
	}
	p.mu.Unlock()
	for _, s := range late {
		s.expire()
	}
}

// lateLocked returns the sockets whose time is over, and how long the others have at least, 0 if
// there are none.
func (p *poller) lateLocked(now time.Time) (late []*newSocket, next time.Duration) {
	for _, s := range p.awaited {
		if left := readHeaderTimeout - now.Sub(s.begun); left <= 0 {
			late = append(late, s)
		} else if left = max(left, expiryPause); next == 0 || left < next {
			next = left
		}
	}
	return late, next
}
