package edge

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"usher/server/frame"
	"usher/server/servertest"
)

// slowWire passes at most a few bytes at a time, so that records arrive in parts, or gathers all.
type slowWire struct {
	net.Conn
	most     int
	gathered *bytes.Buffer
}

func (w *slowWire) Write(b []byte) (written int, err error) {
	if w.gathered != nil {
		return w.gathered.Write(b)
	}
	for len(b) > 0 && err == nil {
		var n int
		n, err = w.Conn.Write(b[:min(w.most, len(b))])
		written, b = written+n, b[n:]
	}
	return written, err
}

// tlsPair returns a connection with TLS that p has taken, its other end, and the TCP connection
// beneath that.
func tlsPair(t *testing.T, p *poller, r reader, version uint16, most int) (*tlsSocket, *tls.Conn, *net.TCPConn) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // for its certificate
	config := &tls.Config{Certificates: server.TLS.Certificates, DynamicRecordSizingDisabled: true}
	server.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(&slowWire{raw, most, nil}, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
	secured := tls.Server(&gatedSocket{TCPConn: accepted.(*net.TCPConn)}, config)
	var shaking sync.WaitGroup
	shaking.Go(func() {
		if err := client.Handshake(); err != nil {
			t.Error(err)
		}
	})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	shaking.Wait()
	s, err := p.take(secured, r)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*tlsSocket), client, raw.(*net.TCPConn)
}

// heard collects what a reader reads.
type heard struct {
	heardBytes
	mu  sync.Mutex
	all []byte
}

func newHeard() *heard {
	h := &heard{}
	h.over = make(chan struct{})
	h.got = func(b []byte) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, b...)
	}
	return h
}

func (h *heard) is(want []byte) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return bytes.Equal(h.all, want)
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

func TestTLSIsReadAsItWasWritten(t *testing.T) {
	versions := map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}
	for name, version := range versions {
		for what, c := range map[string]struct {
			most  int // bytes of a segment
			sizes []int
			slice int // bytes of a slice
		}{
			"one byte":                        {1 << 20, []int{1}, 0},
			"an offer":                        {1 << 20, []int{1200}, 0},
			"records in segments of one byte": {1, []int{1, 700, 3}, 0},
			"more than a record":              {1 << 20, []int{100_000}, 0},
			"more than a record, in segments": {1400, []int{100_000}, 0},
			"many small records":              {1 << 20, many(500, 3), 0},
			"slices smaller than records":     {1 << 20, []int{9000, 9000}, 100},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				p := testPoller(t, 1<<20)
				p.running(t)
				h := newHeard()
				h.most = c.slice
				s, client, _ := tlsPair(t, p, h, version, c.most)
				s.start(nil)
				var want []byte
				for i, n := range c.sizes {
					b := pattern(n + i)[i:]
					want = append(want, b...)
					if _, err := client.Write(b); err != nil {
						t.Fatal(err)
					}
				}
				servertest.Eventually(t, "all is read, in order", h.is(want))
				s.send(frame.Text, []byte("seen"), nil)
				got := make([]byte, 6)
				if _, err := io.ReadFull(client, got); err != nil || string(got) != "\x81\x04seen" {
					t.Errorf("the client reads %q, %v", got, err)
				}
			})
		}
	}
}

func many(n, bytes int) (sizes []int) {
	for range n {
		sizes = append(sizes, bytes)
	}
	return sizes
}

// What crypto/tls has read with the handshake is in no socket, so no event tells of it.
func TestTLSThatArrivedWithTheHandshakeIsRead(t *testing.T) {
	p := testPoller(t, 1<<20)
	p.running(t)
	h := newHeard()
	s, client, raw := tlsPair(t, p, h, tls.VersionTLS13, 1<<20)
	if _, err := client.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	// As net/http does: one byte is read, and the rest of the record stays with crypto/tls.
	servertest.Eventually(t, "the record has arrived", func() bool {
		b := make([]byte, 64)
		n, _ := readNow(s.fd, b)
		if n <= 0 {
			return false
		}
		s.arrived = append(s.arrived, b[:n]...)
		return true
	})
	var first [1]byte
	if _, err := s.conn.Read(first[:]); err != nil || first[0] != 'a' {
		t.Fatalf("%q, %v", first, err)
	}
	s.start([]byte("a"))
	servertest.Eventually(t, "all is read", h.is([]byte("abcdef")))
	_ = raw.Close()
	<-h.over
}

// crypto/tls may have more than fits into the memory for one read.
func TestAllThatTLSHasIsTakenAtOnce(t *testing.T) {
	p := testPoller(t, 1<<20)
	s, client, _ := tlsPair(t, p, newHeard(), tls.VersionTLS13, 1<<20)
	wire := client.NetConn().(*slowWire)
	wire.gathered = new(bytes.Buffer)
	want := pattern(100_000)
	if _, err := client.Write(want); err != nil {
		t.Fatal(err)
	}
	for _, memory := range [][]byte{nil, make([]byte, 1), make([]byte, 0, 200_000)} {
		if memory != nil {
			wire.gathered.Reset()
			if _, err := client.Write(want); err != nil {
				t.Fatal(err)
			}
		}
		s.mu.Lock()
		got, err := s.open(wire.gathered.Bytes(), memory)
		s.mu.Unlock()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
		}
	}
}

// What came before a close_notify is served, even if it takes several slices.
func TestWhatCameBeforeTheEndOfTLSIsServed(t *testing.T) {
	p := testPoller(t, 1<<20)
	p.running(t)
	h := newHeard()
	h.most = 100
	s, client, raw := tlsPair(t, p, h, tls.VersionTLS13, 1<<20)
	s.start(nil)
	wire := client.NetConn().(*slowWire)
	wire.gathered = new(bytes.Buffer)
	want := pattern(5000)
	if _, err := client.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = raw.SetWriteDeadline(time.Time{}) // CloseWrite has set one
	if _, err := raw.Write(wire.gathered.Bytes()); err != nil {
		t.Fatal(err)
	}
	<-h.over
	if !h.is(want)() {
		t.Errorf("%d of %d bytes are served", len(h.all), len(want))
	}
}

func TestASlowReaderWithTLSGetsAllOrIsCutOff(t *testing.T) {
	message := pattern(10_000)
	for what, c := range map[string]struct {
		maxPending, messages int
		whole                bool
	}{
		"within the bound":     {64 << 20, 2000, true},
		"more than the bound":  {256 << 10, 4000, false},
		"nothing but a little": {64 << 10, 1, true},
	} {
		t.Run(what, func(t *testing.T) {
			p := testPoller(t, c.maxPending)
			p.running(t)
			h := newHeard()
			s, client, _ := tlsPair(t, p, h, tls.VersionTLS13, 1<<20)
			s.start(nil)
			for range c.messages {
				s.send(frame.Text, message, nil)
			}
			s.shut(1001, "")
			all := make([]byte, c.messages*(len(message)+4)+4)
			n, err := io.ReadFull(client, all)
			if whole := err == nil; whole != c.whole {
				t.Errorf("%d of %d bytes arrive, %v", n, len(all), err)
			}
			if !c.whole {
				<-h.over
			}
		})
	}
}

func TestTheEndOfTLSIsTheEndOfTheConnection(t *testing.T) {
	for what, end := range map[string]func(*tls.Conn, *net.TCPConn) error{
		"a close_notify": func(c *tls.Conn, _ *net.TCPConn) error { return c.CloseWrite() },
		"a FIN":          func(_ *tls.Conn, raw *net.TCPConn) error { return raw.CloseWrite() },
		"a reset":        func(_ *tls.Conn, raw *net.TCPConn) error { _ = raw.SetLinger(0); return raw.Close() },
		"no record": func(_ *tls.Conn, raw *net.TCPConn) error {
			_, err := raw.Write([]byte("GET / HTTP/1.1\r\n"))
			return err
		},
		"a forged record": func(_ *tls.Conn, raw *net.TCPConn) error {
			_, err := raw.Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
			return err
		},
		"part of a record": func(_ *tls.Conn, raw *net.TCPConn) error {
			_, _ = raw.Write([]byte{23, 3, 3, 0})
			return raw.CloseWrite()
		},
	} {
		t.Run(what, func(t *testing.T) {
			p := testPoller(t, 1<<20)
			p.running(t)
			h := newHeard()
			s, client, raw := tlsPair(t, p, h, tls.VersionTLS13, 1<<20)
			s.start(nil)
			if err := end(client, raw); err != nil {
				t.Fatal(err)
			}
			<-h.over
			if !h.is(nil)() {
				t.Errorf("%q was taken for data", h.all)
			}
		})
	}
}

// The close_notify tells the client that nothing was cut off.
func TestTheServersEndWithTLSIsACloseNotify(t *testing.T) {
	p := testPoller(t, 1<<20)
	p.running(t)
	h := newHeard()
	s, client, _ := tlsPair(t, p, h, tls.VersionTLS13, 1<<20)
	s.start(nil)
	s.shut(1000, "")
	s.finish(true)
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, []byte{0x88, 2, 3, 0xe8}) {
		t.Errorf("%x, %v", got, err)
	}
	_ = client.Close()
	<-h.over
}

func TestAnIdleConnectionWithTLSHasNoGoroutine(t *testing.T) {
	p := testPoller(t, 1<<20)
	p.running(t)
	before := runtime.NumGoroutine()
	for range 20 {
		s, client, _ := tlsPair(t, p, newHeard(), tls.VersionTLS13, 1<<20)
		s.start(nil)
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	servertest.Eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() < before+10 })
}
