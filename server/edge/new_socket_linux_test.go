package edge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/servertest"
)

// openSocket completes a handshake, and shows that its socket is read.
func (l *listening) openSocket(roomID string) *net.TCPConn {
	l.t.Helper()
	conn := l.dial()
	write(l.t, conn, changed("GET", "GET /ws?roomId="+roomID+" HTTP/1.1")+"\x89\x80\x00\x00\x00\x00")
	readUntil(l.t, conn, "\r\n\r\n\x8a\x00")
	return conn
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// readUntil reads until what has come ends with a text.
func readUntil(t *testing.T, conn net.Conn, end string) {
	t.Helper()
	var got []byte
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(end)); got = append(got, b[0]) {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// While a handshake waits, its poller reads others, and what its client sends is kept.
func TestAHandshakeThatWaitsHoldsNobodyUp(t *testing.T) {
	loaded := make(chan struct{})
	l := listen(t, true, func(c *Config) {
		c.Rooms = &openRooms{open: func(_ context.Context, roomID string, o Opening) protocol.Code {
			if strings.HasPrefix(roomID, "slow-") {
				o.Waits()
				<-loaded
			}
			return ""
		}}
	})
	first := l.openSocket("room-1")
	var slow []*net.TCPConn
	for i := range 3 {
		conn := l.dial()
		write(t, conn, changed("GET", fmt.Sprintf("GET /ws?roomId=slow-%d HTTP/1.1", i)))
		slow = append(slow, conn)
	}
	servertest.Eventually(t, "all wait", func() bool { return l.handshakes.Load() == 3 })
	for _, conn := range slow {
		write(t, conn, "\x89\x80\x00\x00\x00\x00")
	}
	write(t, first, "\x89\x80\x00\x00\x00\x00")
	readUntil(t, first, "\x8a\x00")
	l.openSocket("room-1")
	close(loaded)
	for _, conn := range slow {
		readUntil(t, conn, "\r\n\r\n\x8a\x00")
		write(t, conn, "\x89\x81\x00\x00\x00\x00!")
		readUntil(t, conn, "\x8a\x01!")
	}
}

// Handshakes that wait, one after the other, take no more of a round than others do.
func TestSocketsAreReadBetweenHandshakesThatWait(t *testing.T) {
	ready := make(chan struct{})
	var l *listening
	var mu sync.Mutex
	var rounds []uint32
	l = listen(t, true, func(c *Config) {
		c.Rooms = &openRooms{open: func(_ context.Context, roomID string, o Opening) protocol.Code {
			if roomID == "room-1" {
				<-ready
				return ""
			}
			time.Sleep(handshakeTime) // on the poller's goroutine
			mu.Lock()
			rounds = append(rounds, l.pollers[0].round)
			mu.Unlock()
			o.Waits()
			return ""
		}}
	})
	if len(l.pollers) > 1 {
		t.Skip("several pollers count their rounds apart")
	}
	write(t, l.dial(), head(handshakeLines...))
	servertest.Eventually(t, "the poller is busy", func() bool { return l.handshakes.Load() == 1 })
	var conns []*net.TCPConn
	for range 2 * maxAccepts {
		conn := l.dial()
		write(t, conn, changed("GET", "GET /ws?roomId=room-2 HTTP/1.1"))
		conns = append(conns, conn)
	}
	close(ready)
	for _, conn := range conns {
		readUntil(t, conn, "HTTP/1.1 101 ")
	}
	mu.Lock()
	defer mu.Unlock()
	if n := len(slices.Compact(slices.Clone(rounds))); n != len(conns) {
		t.Errorf("%d handshakes in %d rounds: %d", len(conns), n, rounds)
	}
}

// A refusal that is delayed does not delay others.
func TestADelayHoldsNobodyUp(t *testing.T) {
	over := make(chan struct{})
	l := listen(t, true, func(c *Config) {
		c.RequestRate = Rate{1, 1000}
		c.Delay = func(context.Context, time.Duration) { <-over }
	})
	first := l.openSocket("room-1")
	from := l.useUp()
	late := l.dial()
	write(t, late, head(handshakeLines...))
	servertest.Eventually(t, "the refusal waits", func() bool { return from.delayed.Load() == 1 })
	write(t, first, "\x89\x80\x00\x00\x00\x00")
	readUntil(t, first, "\x8a\x00")
	close(over)
	readUntil(t, late, "HTTP/1.1 429 ")
}

// Whoever has left is waited for no longer.
func TestAHandshakeEndsWithItsClient(t *testing.T) {
	l := listen(t, true, func(c *Config) {
		c.Rooms = &openRooms{open: func(ctx context.Context, _ string, o Opening) protocol.Code {
			o.Waits()
			<-ctx.Done()
			return protocol.CodeStorageUnavailable
		}}
	})
	for _, reset := range []bool{false, true} {
		conn := l.dial()
		write(t, conn, head(handshakeLines...))
		servertest.Eventually(t, "the handshake waits", func() bool { return l.handshakes.Load() == 1 })
		if reset {
			_ = conn.SetLinger(0)
		}
		_ = conn.Close()
		servertest.Eventually(t, "nothing is left", func() bool {
			return l.handshakes.Load() == 0 && l.awaits() == 0 && l.gate.http.Load() == 0 && l.Sockets() == 0
		})
	}
}

func TestSilentSocketsAreClosed(t *testing.T) {
	l := listen(t, true, nil)
	old, recent := l.dial(), l.dial()
	servertest.Eventually(t, "both are accepted", func() bool { return l.awaits() == 2 })
	p := l.pollers[0]
	p.mu.Lock()
	for _, s := range p.awaited {
		if s.remote.String() == old.LocalAddr().String() {
			s.begun = s.begun.Add(-readHeaderTimeout)
		}
	}
	p.mu.Unlock()
	p.expire()
	if _, err := old.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	write(t, recent, head(handshakeLines...))
	readUntil(t, recent, "HTTP/1.1 101 ")
}

// However many sockets are silent, few looks at all of them end them.
func TestSilentSocketsAreLookedAtSeldom(t *testing.T) {
	p := &poller{awaited: make(map[int32]*newSocket)}
	now := time.Now()
	for i := range 1000 {
		p.awaited[int32(i)] = &newSocket{begun: now.Add(time.Duration(i) * readHeaderTimeout / 1000)}
	}
	looks := 0
	for now = now.Add(readHeaderTimeout); len(p.awaited) > 0; looks++ {
		late, next := p.lateLocked(now)
		for fd, s := range p.awaited {
			if slices.Contains(late, s) {
				delete(p.awaited, fd)
			}
		}
		now = now.Add(next)
	}
	if most := int(readHeaderTimeout/expiryPause) + 1; looks > most {
		t.Errorf("%d looks and not at most %d", looks, most)
	}
}

// A client may have left before its handshake is served, while many others were.
func TestAHandshakeWhoseClientHasLeft(t *testing.T) {
	config, left := testConfig(), false
	config.Rooms = &openRooms{open: func(ctx context.Context, _ string, _ Opening) protocol.Code {
		left = ctx.Err() != nil
		return protocol.CodeStorageUnavailable
	}}
	e, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := takeDescriptor(accepted.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	p, memory := e.pollers[0], make([]byte, readBytes)
	s := &newSocket{listener: &polledListener{gate: e.gate, router: e.router, poller: p, ended: true}, poller: p, fd: fd}
	s.start(nil)
	write(t, client, head(handshakeLines...))
	servertest.Eventually(t, "it has come", func() bool { s.receive(memory); return len(p.handshakes) == 1 })
	_ = client.Close()
	servertest.Eventually(t, "it has ended", func() bool { s.receive(memory); return s.clientLeft })
	p.handshakes[0].serve(&shift{poller: p, over: true})
	if !left {
		t.Error("it is waited for")
	}
}

// A socket without a request makes way for a newer one of its address.
func TestASilentSocketMakesWay(t *testing.T) {
	l := listen(t, true, func(c *Config) { c.MaxSockets = 1 })
	old := l.dial()
	servertest.Eventually(t, "it is accepted", func() bool { return l.awaits() == 1 })
	l.openSocket("room-1")
	if _, err := old.Read(make([]byte, 1)); err == nil {
		t.Error("it stays")
	}
	if n := l.Sockets(); n != 1 {
		t.Errorf("%d sockets are counted", n)
	}
}

func TestCloseEndsSilentSockets(t *testing.T) {
	l := listen(t, true, nil)
	conn := l.dial()
	servertest.Eventually(t, "it is accepted", func() bool { return l.awaits() == 1 })
	_ = l.Close()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
}

// While an edge is held, handshakes wait, and its poller does not.
func TestHandshakesWaitWhileAnEdgeIsHeld(t *testing.T) {
	l := listen(t, true, nil)
	first := l.openSocket("room-1")
	held := &hold{make(chan struct{})}
	l.held.Store(held)
	late := l.dial()
	write(t, late, head(handshakeLines...))
	servertest.Eventually(t, "it is accepted", func() bool { return l.awaits() == 1 })
	write(t, first, "\x89\x80\x00\x00\x00\x00")
	readUntil(t, first, "\x8a\x00")
	l.held.Store(nil)
	close(held.over)
	readUntil(t, late, "HTTP/1.1 101 ")
}

// What a held edge has not accepted waits for it, or for the next process.
func TestAHeldEdgeAcceptsNobody(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		l := listen(t, true, nil)
		l.openSocket("room-1")
		early := l.dial()
		servertest.Eventually(t, "it is accepted", func() bool { return l.awaits() == 1 })
		held := l.Hold(t.Context())
		late := l.dial()
		write(t, early, head(handshakeLines...))
		write(t, late, head(handshakeLines...))
		if leaves {
			held.Leave()
			readUntil(t, early, "HTTP/1.1 503 ")
			if n := l.gate.http.Load(); n != 1 {
				t.Errorf("%d sockets are accepted", n)
			}
			continue
		}
		held.Resume()
		readUntil(t, early, "HTTP/1.1 101 ")
		readUntil(t, late, "HTTP/1.1 101 ")
	}
}
