package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What only some of the servers need of the generator's sockets: an HTTP request before the
// upgrade, TLS, and a pace finer than a millisecond.

// answerer is a handler whose connections send a request before they upgrade.
type answerer interface {
	// answered reads the body and returns the path of the upgrade, on the same connection.
	answered(c *conn, body []byte) (path string, err error)
}

// postRequest is a POST of JSON on a connection that is used again.
func postRequest(host, path string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, host, len(body), body)
}

// answered reads the response to the request, and upgrades.
func (c *conn) answered(data []byte) (rest []byte, err error) {
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return data, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return data, nil
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300q", response.Status, body)
	}
	if err != nil {
		c.refused(err)
		return nil, nil
	}
	if c.path, err = c.handler.(answerer).answered(c, body); err != nil {
		return nil, err
	}
	c.ask()
	return nil, nil
}

// connectTLS gives the loop one end of a socket pair, and carries what is on it over TLS: two
// goroutines, which cost the generator and not the server.
func (c *conn) connectTLS() error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(ends[1]), "tls")
	inner, err := net.FileConn(file)
	file.Close()
	if err != nil {
		unix.Close(ends[0])
		return err
	}
	c.adopt(ends[0])
	go carryTLS(inner, c.server.String(), c.loop.tls)
	return unix.EpollCtl(c.loop.epoll, unix.EPOLL_CTL_ADD, ends[0], c.interest(unix.EPOLLOUT))
}

func carryTLS(inner net.Conn, server string, config *tls.Config) {
	defer inner.Close()
	outer, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", server, config)
	if err != nil {
		return // the loop sees the end of its socket
	}
	defer outer.Close()
	go func() {
		io.Copy(outer, inner)
		outer.CloseWrite()
	}()
	io.Copy(inner, outer)
}

// waitMs is how long epoll may wait: never so long that a cancelled context goes unseen.
func (l *loop) waitMs() int {
	const longest = 50 * time.Millisecond
	wait := longest
	if l.tick != nil {
		wait = min(wait, time.Until(l.nextTick))
	}
	return int(max(0, wait+time.Millisecond-1) / time.Millisecond)
}

// wait waits for events: to the millisecond, or with due as precisely as the kernel can. That is a
// raw call, so that Go's scheduler does not take the thread's processor away meanwhile.
func (l *loop) wait(events []unix.EpollEvent) (int, error) {
	if l.due == nil {
		return unix.EpollWait(l.epoll, events, l.waitMs())
	}
	const longest = time.Millisecond
	wait := longest
	if next := l.due(time.Now()); !next.IsZero() {
		wait = min(longest, max(0, time.Until(next)))
	}
	timeout := unix.NsecToTimespec(int64(wait))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

func (l *loop) handle(events []unix.EpollEvent) {
	for _, event := range events {
		if c := l.conns[event.Fd]; c != nil && c.generation == event.Pad {
			c.ready(event.Events)
		}
	}
}

// poll handles what has come, and waits for nothing.
func (l *loop) poll() error {
	events := make([]unix.EpollEvent, 256)
	for n := len(events); n == len(events) && l.err == nil; {
		var err error
		if n, err = unix.EpollWait(l.epoll, events, 0); err != nil && err != unix.EINTR {
			return err
		}
		l.handle(events[:max(n, 0)])
	}
	return l.err
}

// precise lets the calling thread sleep without the 50 µs that the kernel adds otherwise.
func precise() error { return unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }
