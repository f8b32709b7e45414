package edge

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// polledSocket is a TCP connection that a poller reads, a plain one unless it is part of a
// tlsSocket. Writes go out immediately, as far as the system takes them.
type polledSocket struct {
	socket
	poller *poller
	fd     int32
	// polled is set if the poller knows the socket. blocked is set if the rest of out is written
	// when the system takes more.
	polled, blocked bool
	// rest is what has been read and waits until the socket is served next, nil for nothing, as it
	// mostly is. Only the poller's goroutine uses it.
	rest *[]byte
}

// take turns a connection that Go's own poller had until now into one that p reads, after start.
func (p *poller) take(conn net.Conn, r reader) (connSocket, error) {
	secured, withTLS := conn.(*tls.Conn)
	if withTLS {
		conn = secured.NetConn()
	}
	gated, ok := conn.(*gatedSocket)
	if !ok {
		return nil, fmt.Errorf("a %T did not come through the gate", conn)
	}
	fd, err := takeDescriptor(gated.TCPConn)
	if err != nil {
		return nil, err
	}
	if withTLS {
		s := &tlsSocket{polledSocket: polledSocket{poller: p, fd: fd}, conn: secured}
		s.socket = socket{transport: s, reader: r, limits: p.limits}
		gated.wire = (*tlsWire)(s)
		return s, nil
	}
	s := &polledSocket{poller: p, fd: fd}
	s.socket = socket{transport: s, reader: r, limits: p.limits}
	return s, nil
}

// takeDescriptor takes a connection away from Go's own poller.
func takeDescriptor(conn *net.TCPConn) (int32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	fd := -1
	if controlErr := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); controlErr != nil {
		return 0, controlErr
	}
	if err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	_ = conn.Close() // the descriptor, not the connection
	return int32(fd), nil
}

// start reads what arrived early, with the handshake, and leaves the rest to the poller.
func (s *polledSocket) start(early []byte) {
	takeSlices(s.reader, early, s.limits)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	p := s.poller
	known := p.release(s.fd)
	p.mu.Lock()
	for int(s.fd) >= len(p.sockets) {
		p.sockets = append(p.sockets, nil)
	}
	p.sockets[s.fd] = s
	p.mu.Unlock()
	s.polled = true
	switch {
	case !known:
		s.control(unix.EPOLL_CTL_ADD)
	case s.blocked:
		s.control(unix.EPOLL_CTL_MOD)
	}
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
	var err error
	if secured := s.secured(); secured != nil {
		err = secured.writeOut()
	} else if s.out != nil {
		err = s.writeOut()
	}
	if err != nil {
		s.close()
		return
	}
	if s.done() {
		s.shutDownWrites()
	}
	if s.blocked != blocked && s.polled && !s.closed {
		s.control(unix.EPOLL_CTL_MOD)
	}
}

// secured returns the socket's TLS, nil if it has none.
func (s *polledSocket) secured() *tlsSocket {
	t, _ := s.transport.(*tlsSocket)
	return t
}

func (s *polledSocket) writeOut() error {
	n, err := s.write(s.out.rest())
	if err != nil {
		return err
	}
	s.out.at += n
	s.blocked = s.out.len() > 0
	if !s.blocked {
		s.out.release()
		s.out = nil
	}
	return nil
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
	secured := s.secured()
	if !s.shutDown {
		if secured != nil && !secured.notify() {
			return
		}
		s.shutDown = true
		_ = unix.Shutdown(int(s.fd), unix.SHUT_WR)
	}
	if !s.readOver && s.replied && secured == nil { // with TLS, the client's close_notify follows
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
	if s.polled {
		p.mu.Lock()
		p.sockets[s.fd] = nil
		p.mu.Unlock()
	} else {
		p.release(s.fd)
	}
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
		if secured := s.secured(); secured != nil {
			s.poller.receiveTLS(secured, buffer[:n])
		} else {
			s.poller.serveRead(s, buffer[:n])
		}
	case err == unix.EAGAIN, err == unix.EINTR:
	case err != nil:
		s.cut()
	default:
		s.over()
	}
}
