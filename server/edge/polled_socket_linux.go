package edge

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// polledSocket is a plain TCP connection that a poller reads. Writes go out immediately, as far as
// the system takes them.
type polledSocket struct {
	socket
	poller *poller
	fd     int32
	// polled is set if the poller knows the socket. blocked is set if the rest of out is written
	// when the system takes more.
	polled, blocked bool
	// rest is what has been read and waits until the socket is served next. Only the poller's
	// goroutine uses it.
	rest []byte
}

// take turns a connection that Go's own poller had until now into a polledSocket. It is not read
// before start.
func (p *poller) take(conn net.Conn, r reader) (*polledSocket, error) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if controlErr := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	_ = conn.Close() // the descriptor, not the connection
	s := &polledSocket{poller: p, fd: int32(fd)}
	s.socket = socket{transport: s, reader: r, limits: p.limits}
	return s, nil
}

// start reads what arrived early, with the handshake, and leaves the rest to the poller.
func (s *polledSocket) start(early []byte) {
	takeSlices(s.reader, early, s.limits.lateSlices)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	p := s.poller
	p.mu.Lock()
	for int(s.fd) >= len(p.sockets) {
		p.sockets = append(p.sockets, nil)
	}
	p.sockets[s.fd] = s
	p.mu.Unlock()
	s.polled = true
	s.control(unix.EPOLL_CTL_ADD)
}

// control tells the kernel which events to wait for.
func (s *polledSocket) control(operation int) {
	event := unix.EpollEvent{Fd: s.fd}
	if !s.readOver {
		event.Events |= unix.EPOLLIN
	}
	if s.blocked {
		event.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(s.poller.epoll, operation, int(s.fd), &event); err != nil {
		s.close()
	}
}

func (s *polledSocket) waiting() int { return s.out.len() }

// push writes, unless the poller will do so when the client takes more.
func (s *polledSocket) push() {
	if !s.blocked {
		s.flush()
	} else if s.readOver && s.polled {
		s.control(unix.EPOLL_CTL_MOD)
	}
}

// flush writes as much as the system takes now.
func (s *polledSocket) flush() {
	blocked := s.blocked
	if s.out != nil {
		n, err := s.write(s.out.rest())
		if err != nil {
			s.close()
			return
		}
		s.out.at += n
		s.blocked = s.out.len() > 0
		if !s.blocked {
			s.out.release()
			s.out = nil
		}
	}
	if s.done() {
		s.shutDownWrites()
	}
	if s.blocked != blocked && s.polled && !s.closed {
		s.control(unix.EPOLL_CTL_MOD)
	}
}

// write returns how much the system took.
func (s *polledSocket) write(b []byte) (int, error) {
	for {
		n, err := writeNow(s.fd, b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// shutDownWrites ends what the client can read. If the client has ended its side too, the
// connection is over.
func (s *polledSocket) shutDownWrites() {
	if !s.shutDown {
		s.shutDown = true
		_ = unix.Shutdown(int(s.fd), unix.SHUT_WR)
	}
	if !s.readOver && s.replied {
		var unread [1]byte
		n, err := unix.Read(int(s.fd), unread[:])
		s.readOver = n == 0 || err == unix.EAGAIN
	}
	if s.readOver {
		s.close()
	}
}

func (s *polledSocket) close() {
	if !s.end() {
		return
	}
	p := s.poller
	p.mu.Lock()
	if s.polled {
		p.sockets[s.fd] = nil
	}
	p.mu.Unlock()
	_ = unix.Close(int(s.fd)) // which removes it from the epoll set
}

// receive reads once. If bytes remain, the next wait returns at once, and the other sockets are
// served first.
func (s *polledSocket) receive(buffer []byte) {
	s.mu.Lock()
	if s.closed { // its descriptor may belong to another connection by now
		s.mu.Unlock()
		return
	}
	if s.last {
		buffer = buffer[:closingReadBytes]
	}
	n, err := readNow(s.fd, buffer)
	s.mu.Unlock()
	switch {
	case n > 0:
		if took := s.poller.serve(s, buffer[:n]); took < n {
			s.rest = append(s.rest, buffer[took:n]...)
			s.poller.late = append(s.poller.late, s)
		}
	case err == unix.EAGAIN, err == unix.EINTR:
	case err != nil:
		s.cut()
	default:
		s.over()
	}
}
