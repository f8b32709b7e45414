package edge

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxAccepts bounds what is accepted before the other sockets are read.
const maxAccepts = 8

// accept lets in those who have connected, but not too many in a row. Only the poller's goroutine
// calls it.
func (l *polledListener) accept() {
	for range maxAccepts {
		l.mu.Lock()
		if !l.armed {
			l.mu.Unlock()
			return
		}
		// Package unix would ask the socket for its protocol.
		fd, from, err := syscall.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil, unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			l.mu.Unlock()
			return
		default:
			l.disarm()
			l.fail("accept4", err)
		}
		l.mu.Unlock()
		if err == nil {
			l.admit(fd, addressOf(from))
		}
	}
}

// admit waits for the first request of a socket, if it may stay.
func (l *polledListener) admit(fd int, from netip.AddrPort) {
	g := l.gate
	s := &newSocket{listener: l, poller: l.assign(), fd: int32(fd), remote: from}
	p, ok := g.admit(from.Addr(), s)
	if !ok {
		g.metrics.SocketsRefused.Add(1)
		// The kernel keeps nothing of it.
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		_ = unix.Close(fd)
		return
	}
	g.http.Add(1)
	s.start(p)
}

func addressOf(from syscall.Sockaddr) netip.AddrPort {
	switch from := from.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(from.Addr).Unmap(), uint16(from.Port))
	}
	return netip.AddrPort{}
}
