package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher/protocol"
	"usher/server/servertest"
)

// takeable is a listener for a poller.
type takeable struct{ *net.TCPListener }

func (l takeable) Take() (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err
	}
	_ = raw.Control(func(original uintptr) { fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, l.Close())
}

// openRooms are rooms that let everybody in.
type openRooms struct {
	Rooms
	open func(ctx context.Context, roomID string, o Opening) protocol.Code
}

func (r *openRooms) Open(ctx context.Context, roomID string, o Opening, _ Socket) (Session, protocol.Code) {
	if r.open != nil {
		if refusal := r.open(ctx, roomID, o); refusal != "" {
			return nil, refusal
		}
	}
	return new(deafSession), ""
}

// listening is an edge with a listener.
type listening struct {
	*Edge
	t       *testing.T
	address string
}

// listen serves clients until the test ends: a poller reads first requests, or net/http.
func listen(t *testing.T, polled bool, change func(*Config)) *listening {
	t.Helper()
	config := testConfig()
	config.Rooms, config.MaxFrameBytes, config.MaxPendingBytes = new(openRooms), 64<<10, 1<<20
	config.Delay = func(context.Context, time.Duration) {}
	if change != nil {
		change(&config)
	}
	e, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(e.Run)
	running.Go(func() {
		if polled {
			_ = e.Serve(takeable{l.(*net.TCPListener)})
		} else {
			_ = e.HTTP().Serve(e.Gated(l))
		}
	})
	t.Cleanup(func() {
		_ = e.HTTP().Close()
		_ = e.Close()
		running.Wait()
	})
	return &listening{e, t, l.Addr().String()}
}

// dial connects a client that waits for nothing for ever.
func (l *listening) dial() *net.TCPConn {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(servertest.Patience))
	return conn.(*net.TCPConn)
}

// awaits returns how many sockets have sent no request, or one that is being served.
func (l *listening) awaits() (n int) {
	for _, p := range l.pollers {
		p.mu.Lock()
		n += len(p.awaited)
		p.mu.Unlock()
	}
	return n
}

// ask sends the parts, each once the server has the one before, ends what it sends, and returns
// everything that comes back.
func (l *listening) ask(parts ...string) string {
	l.t.Helper()
	conn := l.dial()
	for i, part := range parts {
		if i > 0 {
			servertest.Eventually(l.t, "net/http has the socket", func() bool { return l.awaits() == 0 && l.gate.http.Load() == 1 })
		}
		if _, err := conn.Write([]byte(part)); err != nil {
			l.t.Fatal(err)
		}
	}
	_ = conn.CloseWrite()
	response, err := io.ReadAll(conn)
	if err != nil {
		l.t.Fatal(err)
	}
	_ = conn.Close()
	servertest.Eventually(l.t, "the socket has ended", func() bool { return l.gate.http.Load() == 0 && l.metrics.Connections.Load() == 0 })
	return unlike.ReplaceAllString(string(response), "$1$2?")
}

// useUp uses up the requests of the test's address.
func (l *listening) useUp() *source {
	from := l.gate.sources.enter(l.gate.addresses.socketKey(netip.MustParseAddr("127.0.0.1")), 0)
	for l.gate.spend(from, requests, 1) {
	}
	return from
}

// unlike is what differs between two responses to the same request.
var unlike = regexp.MustCompile(`(Date: |X-Request-Id: )[^\r\n]*|("timestamp":|"requestId":)[^,}]*`)

// equivalent are requests whose responses must not depend on who has read them.
var equivalent = []string{
	head(handshakeLines...),
	head(handshakeLines...) + "\x89\x80\x00\x00\x00\x00\x88\x82\x00\x00\x00\x00\x03\xe8",
	changed("GET", "GET /rooms/room-1/ws HTTP/1.1"),
	changed("GET", "GET /rooms/room-1/ws/ HTTP/1.1"),
	changed("GET", "GET /rooms/ws HTTP/1.1"),
	changed("GET", "GET /ws?roomId=x HTTP/1.1"),
	changed("GET", "GET /ws?roomId=%zz HTTP/1.1"),
	changed("GET", "GET /%77s?roomId=room-1 HTTP/1.1"),
	changed("GET", "GET /%zz?roomId=room-1 HTTP/1.1"),
	changed("GET", "GET //ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "GET /./ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "GET /ws//?roomId=room-1 HTTP/1.1"),
	changed("GET", "GET /nothing HTTP/1.1"),
	changed("GET", "GET /healthz HTTP/1.1"),
	changed("GET", "GET http://usher.test/ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "GET /ws?roomId=room-1 HTTP/1.0"),
	changed("GET", "GET /ws?roomId=room-1 HTTP/2.0"),
	changed("GET", "GET /ws?roomId=room-1 HTTP/1.2"),
	changed("GET", "HEAD /ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "POST /ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "OPTIONS /ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "BREW /ws?roomId=room-1 HTTP/1.1"),
	changed("GET", "G\x01T /ws?roomId=room-1 HTTP/1.1"),
	changed("Host", "X: x"),
	changed("Host", "Host: a b"),
	changed("Host", "Host:"),
	changed("", "Host: y"),
	changed("Upgrade", "Upgrade: websockets"),
	changed("Upgrade", "Upgrade: h2c, websocket"),
	changed("Upgrade", "X: x"),
	changed("Connection", "Connection: keep-alive, Upgrade"),
	changed("Connection", "Connection: close"),
	changed("Connection", "Connection: close, Upgrade"),
	changed("Connection", "X: x"),
	changed("Origin", "Origin: https://other.test"),
	changed("", "Origin: https://usher.test"),
	changed("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
	changed("", "Sec-WebSocket-Version: 13"),
	changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: short"),
	changed("", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
	withHeaders(maxHandshakeHeaders),
	withHeaders(maxHandshakeHeaders + 1),
	changed("", "Sec-WebSocket-Protocol: usher"),
	changed("", "Sec-WebSocket-Protocol: "+protocol.AuthSubprotocol+", "+protocol.TokenSubprotocolPrefix+"x.y.z"),
	changed("", "Authorization: Bearer x.y.z"),
	changed("GET", "GET /ws?roomId=room-1&invite=x HTTP/1.1"),
	changed("GET", "GET /ws?roomId=room-1&invite=x&ticket=y HTTP/1.1"),
	changed("", "X-Forwarded-For: 192.0.2.1"),
	changed("", "X-Request-Id: 0123456789"),
	changed("", "Content-Length: 0"),
	changed("", "Content-Length: 3") + "abc",
	changed("", "Content-Length: x"),
	changed("", "Transfer-Encoding: chunked") + "0\r\n\r\n",
	changed("", "Transfer-Encoding: gzip"),
	changed("", "Expect: 100-continue"),
	changed("", "Expect: more"),
	changed("Pragma", "Pragma: a\r\n b"),
	changed("Pragma", "Pragma : a"),
	changed("Pragma", "Pragma: a\x00b"),
	changed("Pragma", "Pragma: \u00e4"),
	changed("Pragma", "Pr gma: a"),
	changed("Pragma", "Pragma: "+strings.Repeat("a", maxHandshakeBytes)),
	changed("Pragma", "Pragma: "+strings.Repeat("a", maxHeaderBytes/2)),
	strings.ReplaceAll(head(handshakeLines...), "\r\n", "\n"),
	"\r\n" + head(handshakeLines...),
	"",
	"G",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	head("GET /healthz HTTP/1.1", "Host: x"),
	head("GET /healthz HTTP/1.1", "Host: x") + head(handshakeLines...),
	// What follows a refused handshake is a request.
	changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: short") + head("GET /healthz HTTP/1.1", "Host: x"),
	changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: short") + head(handshakeLines...) + "\x89\x80\x00\x00\x00\x00",
	changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: short") + "what follows",
}

// A client cannot tell who has read its first request.
func TestAPollersResponsesAreThoseOfNetHTTP(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"all are let in":   nil,
		"of a few origins": func(c *Config) { c.AllowOrigins = []string{"https://usher.test"} },
		"full":             func(c *Config) { c.Full = func() bool { return true } },
		"asked too often":  func(c *Config) { c.RequestRate = Rate{1, 1000} },
		"refused by its room": func(c *Config) {
			c.Rooms = &openRooms{open: func(context.Context, string, Opening) protocol.Code { return protocol.CodeStorageUnavailable }}
		},
		"behind a proxy": func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} },
		"a panic": func(c *Config) {
			c.Rooms = &openRooms{open: func(context.Context, string, Opening) protocol.Code { panic("by the test") }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			polled, plain := listen(t, true, change), listen(t, false, change)
			if name == "asked too often" {
				polled.useUp()
				plain.useUp()
			}
			for _, sent := range equivalent {
				if got, want := polled.ask(sent), plain.ask(sent); got != want {
					t.Errorf("%.600q\nis answered by\n%s\nand by net/http with\n%s", sent, got, want)
				}
			}
		})
	}
}

// So it does not matter how the network cuts the request.
func TestAHandshakeInTwoPieces(t *testing.T) {
	polled := listen(t, true, nil)
	whole := head(handshakeLines...) + "\x89\x80\x00\x00\x00\x00"
	want := polled.ask(whole)
	if !strings.HasPrefix(want, "HTTP/1.1 101 ") || !strings.HasSuffix(want, "\x8a\x00") {
		t.Fatalf("%q", want)
	}
	for cut := 1; cut < strings.Index(whole, "\x89"); cut++ {
		if got := polled.ask(whole[:cut], whole[cut:]); got != want {
			t.Fatalf("cut at %d: %q", cut, got)
		}
	}
}

// net/http decides what becomes of a listener that fails.
func TestAListenersFailureIsNetHTTPs(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, true, nil)
	err = l.Serve(deadListener{fd})
	if !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
}

// A failure that may pass ends no listener, whichever system call fails.
func TestAListenerOutlivesFailures(t *testing.T) {
	e, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p := e.pollers[0]
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	event := unix.EpollEvent{Fd: int32(fd)}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		t.Fatal(err)
	}
	l := &polledListener{Listener: deadListener{fd}, poller: p, fd: fd, wake: make(chan struct{}, 1)}
	for range 2 { // it is in the epoll set already
		l.setHeld(false)
		select {
		case <-l.wake:
		default:
			t.Fatal("Accept waits")
		}
		temporary, err := acceptFails(l)
		if !errors.Is(err, unix.EEXIST) || !temporary {
			t.Errorf("%v, temporary %t", err, temporary)
		}
	}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		t.Fatal(err)
	}
	if conn, err := l.next(); conn != nil || err != nil || !l.armed {
		t.Error(conn, err, l.armed)
	}
	for failure, want := range map[unix.Errno]bool{
		unix.EMFILE: true, unix.ENFILE: true, unix.ENOMEM: true, unix.ENOBUFS: true, unix.EPERM: true, unix.EPROTO: true,
		unix.EBADF: false, unix.EINVAL: false, unix.ENOTSOCK: false,
	} {
		l.fail("accept4", failure)
		if temporary, err := acceptFails(l); temporary != want || !errors.Is(err, failure) {
			t.Errorf("%v: temporary is %t", err, temporary)
		}
	}
}

// acceptFails returns why Accept does, and whether net/http calls it again.
func acceptFails(l *polledListener) (temporary bool, err error) {
	_, err = l.next()
	failed, ok := err.(interface{ Temporary() bool }) // what net/http asks
	return ok && failed.Temporary(), err
}

// deadListener does not listen.
type deadListener struct{ fd int }

func (l deadListener) Take() (int, error)        { return l.fd, nil }
func (l deadListener) Accept() (net.Conn, error) { return nil, http.ErrServerClosed }
func (l deadListener) Close() error              { return nil }
func (l deadListener) Addr() net.Addr            { return new(net.TCPAddr) }
