package server

import (
	"net"

	"golang.org/x/sys/unix"
)

// Take implements edge.Takeable. The listener keeps a descriptor of its own, which nobody polls.
func (l *heldListener) Take() (fd int, err error) {
	fd = -1
	err = l.control(func(original int) (err error) {
		if err = keepAlive(original); err == nil {
			err = unix.SetsockoptInt(original, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
		if err == nil {
			fd, err = unix.FcntlInt(uintptr(original), unix.F_DUPFD_CLOEXEC, 0)
		}
		return err
	})
	if err != nil {
		return -1, err
	}
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken, l.kept = true, kept
	_ = l.TCPListener.Close()
	return fd, nil
}

// control calls do with the descriptor.
func (l *heldListener) control(do func(fd int) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		if l.kept < 0 {
			return net.ErrClosed
		}
		return do(l.kept)
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// Close implements net.Listener.
func (l *heldListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.taken:
		return l.TCPListener.Close()
	case l.kept < 0:
		return net.ErrClosed
	}
	err := unix.Close(l.kept)
	l.kept = -1
	return err
}
