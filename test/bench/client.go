package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// The generator: one thread, one epoll, any number of client sockets. It
// shares two cores with the server under test, so it has no goroutine and,
// between frames, no buffer for a socket.

// sourceAddresses is how many loopback addresses, from 127.0.0.2 up, the sockets come from in turn.
// One has 28 000 ports, and a closed socket keeps its own for a minute; 64 are enough for 30 000
// connections a second.
const sourceAddresses = 64

// stallTimeout is how long a run may see no event at all before it is given up.
const stallTimeout = 30 * time.Second

// A handler is told what happens to one socket. It is called on the loop's thread.
type handler interface {
	// opened reports that the upgrade is done and frames may be sent.
	opened(c *conn)
	// text hands over one message; the payload is valid only during the call.
	text(c *conn, payload []byte)
	// closed reports once that the socket has ended: the server's close code, or closeAbnormal.
	closed(c *conn, code int)
}

type connState uint8

const (
	connecting connState = iota
	requesting           // the request of request.go is on its way
	upgrading
	open
	closing // a close frame was received and answered; waiting for the end of the stream
	ended
)

// conn is one client socket.
type conn struct {
	loop    *loop
	server  netip.AddrPort
	handler handler
	path    string // of the upgrade, "" once it was sent
	request []byte // sent before the upgrade, if set
	in, out []byte // a partial frame, and what the kernel did not take; nil mostly
	fd      int32
	// generation distinguishes events of this socket from those of an earlier one with the same fd.
	generation int32
	state      connState
	leaving    bool // a close frame was sent
}

// loop owns the sockets of one thread. Nothing of it may be used by another.
type loop struct {
	ctx        context.Context
	server     netip.AddrPort
	epoll      int
	conns      []*conn // by fd
	generation int32
	read       []byte // shared by all sockets
	frame      []byte // the frame being sent
	err        error  // the first failure; ends run
	// tick, if set, is called every tickEvery.
	tick      func(now time.Time)
	tickEvery time.Duration
	nextTick  time.Time
	// due, if set, does what is due and returns when it is to be called again: a pace to the µs.
	due func(now time.Time) (next time.Time)
	// tolerant takes a connection that fails before it is open for one that was closed.
	tolerant bool
	tls      *tls.Config // nil for plain TCP
}

func newLoop(ctx context.Context, server netip.AddrPort) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &loop{ctx: ctx, server: server, epoll: epoll, read: make([]byte, 64<<10)}, nil
}

// Close ends every socket without a close frame. Callers close it after the
// measurement, or leave their rooms first.
func (l *loop) Close() {
	for _, c := range l.conns {
		if c != nil {
			c.end()
		}
	}
	unix.Close(l.epoll)
}

// fail ends the run with its first failure.
func (l *loop) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// run handles events until done returns true, something fails or nothing happens any more.
func (l *loop) run(done func() bool) error {
	events := make([]unix.EpollEvent, 256)
	last := time.Now()
	for l.err == nil && !done() {
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		n, err := l.wait(events)
		if err != nil && err != unix.EINTR {
			return err
		}
		if n > 0 {
			last = time.Now()
		} else if time.Since(last) > stallTimeout {
			return fmt.Errorf("nothing happened for %v", stallTimeout)
		}
		l.handle(events[:max(n, 0)])
		l.runTick()
	}
	return l.err
}

// runFor handles events for a time.
func (l *loop) runFor(d time.Duration) error {
	end := time.Now().Add(d)
	return l.run(func() bool { return !time.Now().Before(end) })
}

func (l *loop) runTick() {
	if l.tick == nil {
		return
	}
	if now := time.Now(); !now.Before(l.nextTick) {
		// A tick that was missed is not made up for: it would be a burst.
		l.nextTick = now.Add(l.tickEvery)
		l.tick(now)
	}
}

// dial starts a connection; the handler is told when it is open.
func (l *loop) dial(server netip.AddrPort, path string, h handler) *conn {
	c := &conn{loop: l, server: server, handler: h, path: path, fd: -1}
	l.start(c)
	return c
}

func (l *loop) start(c *conn) {
	connect := c.connect
	if l.tls != nil {
		connect = c.connectTLS
	}
	if err := connect(); err != nil {
		l.fail(fmt.Errorf("dial %v: %w", c.server, err))
	}
}

func (c *conn) connect() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l := c.loop
	c.adopt(fd)
	source := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + l.generation%sourceAddresses)}}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// The port is chosen at connect, where one in use to another server is free.
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, &source),
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, c.interest(unix.EPOLLOUT)))
	if err != nil {
		return err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: c.server.Addr().As4(), Port: int(c.server.Port())})
	if err == unix.EINPROGRESS {
		err = nil
	}
	return err
}

// adopt makes fd the connection's socket.
func (c *conn) adopt(fd int) {
	l := c.loop
	l.generation++
	c.fd, c.generation = int32(fd), l.generation
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[fd] = c
}

func (c *conn) interest(more uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: unix.EPOLLIN | more, Fd: c.fd, Pad: c.generation}
}

func (c *conn) ready(events uint32) {
	if c.state == connecting && events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		c.upgrade()
		return
	}
	if events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.receive()
	}
}

// upgrade sends the opening handshake (RFC 6455, section 4.1) once TCP is connected.
func (c *conn) upgrade() {
	errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err != nil {
		c.refused(fmt.Errorf("connect to %v: %w", c.server, err))
		return
	}
	if c.request != nil {
		c.state = requesting
		c.write(c.request)
	} else {
		c.ask()
	}
	if len(c.out) == 0 {
		c.wait(0)
	}
}

// refused ends a connection that does not come about.
func (c *conn) refused(err error) {
	if c.loop.tolerant {
		c.end()
		return
	}
	c.loop.fail(err)
}

func (c *conn) ask() {
	c.state = upgrading
	c.write(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %v\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", c.path, c.server))
	c.path = ""
}

// wait sets which events the socket is told of besides input.
func (c *conn) wait(more uint32) {
	if err := unix.EpollCtl(c.loop.epoll, unix.EPOLL_CTL_MOD, int(c.fd), c.interest(more)); err != nil {
		c.loop.fail(err)
	}
}

// receive reads once and handles every whole frame.
func (c *conn) receive() {
	l := c.loop
	n, err := unix.Read(int(c.fd), l.read)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil || n == 0 {
		c.end()
		return
	}
	data := l.read[:n]
	if len(c.in) > 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	rest, err := c.consume(data)
	if err != nil {
		l.fail(err)
	}
	c.in = append(c.in[:0], rest...)
	if len(c.in) == 0 {
		c.in = nil
	}
}

// consume handles what is complete and returns the rest.
func (c *conn) consume(data []byte) ([]byte, error) {
	if c.state == requesting {
		return c.answered(data)
	}
	if c.state == upgrading {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return data, nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			c.refused(fmt.Errorf("upgrade refused: %.300q", data))
			return nil, nil
		}
		data = data[end+4:]
		c.state = open
		c.handler.opened(c)
	}
	for c.state == open && c.loop.err == nil {
		op, payload, n, err := parseFrame(data)
		if err != nil || n == 0 {
			return data, err
		}
		c.handle(op, payload)
		data = data[n:]
	}
	return nil, nil
}

func (c *conn) handle(op opcode, payload []byte) {
	switch op {
	case opText, opBinary:
		c.handler.text(c, payload)
	case opPing:
		c.send(opPong, payload)
	case opPong:
	case opClose:
		code := closeCode(payload)
		if !c.leaving {
			c.send(opClose, payload)
		}
		c.state = closing
		// Whoever waits for the other's end of the stream sees it.
		unix.Shutdown(int(c.fd), unix.SHUT_WR)
		c.handler.closed(c, code)
	default:
		c.loop.fail(fmt.Errorf("websocket: unexpected opcode %d", op))
	}
}

// send writes one frame, in a system call of its own as a browser would.
func (c *conn) send(op opcode, payload []byte) {
	l := c.loop
	l.frame = appendFrame(l.frame[:0], op, rand.Uint32(), payload)
	c.write(l.frame)
}

// leave begins the closing handshake.
func (c *conn) leave() {
	c.leaving = true
	c.send(opClose, closePayload(closeNormal))
}

func (c *conn) write(b []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return
	}
	n, err := unix.Write(int(c.fd), b)
	if err != nil && err != unix.EAGAIN {
		// The reason comes with the input: a close frame, or the end.
		return
	}
	if n = max(n, 0); n < len(b) {
		c.out = append(c.out, b[n:]...)
		c.wait(unix.EPOLLOUT)
	}
}

func (c *conn) flush() {
	n, err := unix.Write(int(c.fd), c.out)
	if err != nil && err != unix.EAGAIN {
		n = len(c.out)
	}
	c.out = c.out[max(n, 0):]
	if len(c.out) == 0 {
		c.out = nil
		c.wait(0)
	}
}

// end closes the socket and tells the handler unless a close frame did.
func (c *conn) end() {
	if c.state == ended {
		return
	}
	told := c.state == closing
	c.state = ended
	c.loop.conns[c.fd] = nil
	unix.Close(int(c.fd))
	if !told {
		c.handler.closed(c, closeAbnormal)
	}
}
