package server

import (
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// poller reads sockets as they become readable, on one goroutine, so that an
// idle connection costs none.
//
// It is not nbio's because that finds a connection by its file descriptor
// alone and believes the event: when a descriptor is closed and used again by
// a new connection while events of the old one still wait in the batch, the
// new one is closed for them. Under load that was seen once in some eighty thousand joins.
// Here an event only says where to look, and the socket itself says what there is.
type poller struct {
	epoll int
	wake  int // an eventfd, to end run

	mu      sync.Mutex
	sockets map[int32]*polledConn // by descriptor
}

// readBufferBytes is what one read takes at most. All sockets of a poller share one buffer.
const readBufferBytes = 64 << 10

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	p := &poller{epoll: epoll, wake: wake, sockets: make(map[int32]*polledConn)}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		_ = unix.Close(wake)
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return p, nil
}

// polledConn is a plain TCP connection that a poller reads. Writes go out at
// once as far as the socket takes them; the rest waits, up to a bound.
type polledConn struct {
	net.Conn   // nil: what is not defined here must not be called
	poller     *poller
	fd         int32
	maxPending int
	// ended is called once, on a goroutine that holds no locks.
	ended func()
	// read is called with bytes that are valid until it returns.
	read func([]byte)

	mu      sync.Mutex
	closed  bool
	polled  bool
	pending []byte
}

// take makes a connection of a socket that Go's own poller had until now. It is not read before poll.
func (p *poller) take(tcp *net.TCPConn, maxPending int) (*polledConn, error) {
	raw, err := tcp.SyscallConn()
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
	_ = tcp.Close() // the descriptor, not the connection
	return &polledConn{poller: p, fd: int32(fd), maxPending: maxPending}, nil
}

// poll begins to read the connection.
func (c *polledConn) poll() error {
	p := c.poller
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	p.mu.Lock()
	p.sockets[c.fd] = c
	p.mu.Unlock()
	c.polled = true
	return c.control(unix.EPOLL_CTL_ADD)
}

// control tells the kernel what to wait for. The caller holds the lock.
func (c *polledConn) control(operation int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: c.fd}
	if len(c.pending) > 0 {
		event.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.poller.epoll, operation, int(c.fd), &event))
}

// Write implements net.Conn. It takes all of b or closes the connection.
func (c *polledConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	rest := b
	if len(c.pending) == 0 {
		n, err := c.write(b)
		if err != nil {
			c.close()
			return 0, err
		}
		if rest = b[n:]; len(rest) == 0 {
			return len(b), nil
		}
	}
	if len(c.pending)+len(rest) > c.maxPending {
		c.close()
		return 0, io.ErrShortWrite
	}
	waited := len(c.pending) > 0
	c.pending = append(c.pending, rest...)
	if !waited && c.polled {
		if err := c.control(unix.EPOLL_CTL_MOD); err != nil {
			c.close()
			return 0, err
		}
	}
	return len(b), nil
}

// write returns how much the socket takes now.
func (c *polledConn) write(b []byte) (int, error) {
	for {
		n, err := unix.Write(int(c.fd), b)
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

// flush writes what waited.
func (c *polledConn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	n, err := c.write(c.pending)
	if err == nil {
		if c.pending = c.pending[n:]; len(c.pending) > 0 {
			return
		}
		c.pending = nil
		err = c.control(unix.EPOLL_CTL_MOD)
	}
	if err != nil {
		c.close()
	}
}

// Close implements net.Conn. What waits to be written is lost.
func (c *polledConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close()
	return nil
}

// close closes once. The caller holds the lock, and maybe that of a room, so
// the end is told from elsewhere.
func (c *polledConn) close() {
	if c.closed {
		return
	}
	c.closed, c.pending = true, nil
	p := c.poller
	p.mu.Lock()
	if p.sockets[c.fd] == c {
		delete(p.sockets, c.fd)
	}
	p.mu.Unlock()
	_ = unix.Close(int(c.fd)) // which takes it out of the epoll set
	go c.ended()
}

// run polls until stop. It returns an error only where the kernel refuses to wait.
func (p *poller) run() error {
	defer func() {
		_ = unix.Close(p.epoll)
		_ = unix.Close(p.wake)
	}()
	events := make([]unix.EpollEvent, 256)
	buffer := make([]byte, readBufferBytes)
	for {
		n, err := unix.EpollWait(p.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			if events[i].Fd == int32(p.wake) {
				return nil
			}
			p.handle(&events[i], buffer)
		}
	}
}

func (p *poller) handle(event *unix.EpollEvent, buffer []byte) {
	p.mu.Lock()
	c := p.sockets[event.Fd]
	p.mu.Unlock()
	if c == nil {
		return // it is closed
	}
	if event.Events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	if event.Events&^unix.EPOLLOUT != 0 {
		c.receive(buffer)
	}
}

// receive reads once. What is left makes the next wait return at once, and
// the other sockets get their turn before.
func (c *polledConn) receive(buffer []byte) {
	c.mu.Lock()
	if c.closed { // its descriptor may be another's by now
		c.mu.Unlock()
		return
	}
	n, err := unix.Read(int(c.fd), buffer)
	c.mu.Unlock()
	switch {
	case n > 0:
		c.read(buffer[:n])
	case err == unix.EAGAIN, err == unix.EINTR:
	default: // the end of the stream, or an error
		_ = c.Close()
	}
}

// stop ends run.
func (p *poller) stop() {
	_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}
