package edge

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher/server/frame"
	"usher/server/servertest"
)

// heardBytes is a reader that reads a bounded number of bytes per slice.
type heardBytes struct {
	most int // 0 for all
	got  func([]byte)
	over chan struct{}
	// address is the network address that its slices are counted under.
	address *source
}

func (h *heardBytes) read(data []byte, _ *batch) int {
	if h.most > 0 {
		data = data[:min(h.most, len(data))]
	}
	if h.got != nil {
		h.got(data)
	}
	return len(data)
}

func (h *heardBytes) from() *source { return h.address }

func (h *heardBytes) ended() { close(h.over) }

func testPoller(t *testing.T, maxPending int) *poller {
	t.Helper()
	p, err := newPoller(&socketLimits{maxPending: maxPending, closeGrace: time.Hour, lateSlices: make(chan struct{}, 1), full: func() bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// running runs a poller until the test ends.
func (p *poller) running(t *testing.T) {
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.run(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		p.stop()
		running.Wait()
	})
}

// socketPair returns a connection that p has taken, and its other end.
func socketPair(t *testing.T, p *poller, r *heardBytes) (*polledSocket, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r.over = make(chan struct{})
	s, err := p.take(&gatedSocket{TCPConn: accepted.(*net.TCPConn)}, r)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*polledSocket), client.(*net.TCPConn)
}

// A descriptor that is reused while events of its last owner wait must not affect the new owner.
// The batch is made by hand, as epoll_wait would return it: the old connection's end comes after
// the new one has its descriptor.
func TestAnEventOfAClosedConnectionIsNotTheNextOnes(t *testing.T) {
	p := testPoller(t, 1<<20)
	old, oldClient := socketPair(t, p, new(heardBytes))
	old.start(nil)
	_ = oldClient.Close()
	batch := make([]unix.EpollEvent, 4)
	n, err := unix.EpollWait(p.epoll, batch, 10_000)
	if err != nil || n != 1 {
		t.Fatal("no event of the end", n, err)
	}
	old.cut()

	next, client := socketPair(t, p, new(heardBytes))
	next.start(nil)
	batch[0].Fd = next.fd // as if the kernel had given it the descriptor of the old one
	p.handle(&batch[0], make([]byte, readBytes))
	if next.closed {
		t.Fatal("the end of the old connection has closed the new one")
	}
	next.send(frame.Text, []byte("x"), nil)
	if n, err := client.Read(make([]byte, 3)); n != 3 || err != nil {
		t.Fatal("the new connection is dead", err)
	}
	next.cut()
}

// Data that the socket does not take is queued in order, and sent when the socket can take it.
func TestWritesWaitForASlowReader(t *testing.T) {
	p := testPoller(t, 64<<20)
	p.running(t)
	r := new(heardBytes)
	s, client := socketPair(t, p, r)
	s.start(nil)
	const size, count = 64 << 10, 256
	payload := make([]byte, size)
	for i := range count {
		for j := range payload {
			payload[j] = byte(i)
		}
		s.send(frame.Binary, payload, nil)
	}
	got := make([]byte, frame.MaxHeaderBytes+size)
	for i := range count {
		for n := 0; n < len(got); {
			m, err := client.Read(got[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
		if got[frame.MaxHeaderBytes] != byte(i) || got[len(got)-1] != byte(i) {
			t.Fatalf("frame %d is damaged", i)
		}
	}
	servertest.Eventually(t, "nothing is pending", func() bool { return s.pending() == 0 })
	// Beyond the bound the reader is cut off.
	p.limits.maxPending = 1 << 10
	for i := 0; ; i++ {
		s.send(frame.Ping, nil, nil)
		s.send(frame.Pong, payload[:125], nil)
		select {
		case <-r.over:
		default:
			if i*127 > 64<<20 {
				t.Fatal("never cut off")
			}
			continue
		}
		break
	}
	if s.pending() != 0 {
		t.Error("a closed connection keeps what it cannot write")
	}
	s.send(frame.Text, payload, nil)
	if s.pending() != 0 {
		t.Error("a closed connection takes a frame")
	}
}

// A slice of one connection is bounded, and the others are served before its next slice.
func TestWhoSendsMuchWaitsForTheOthers(t *testing.T) {
	p := testPoller(t, 1<<20)
	var served []string
	saw := func(name string) func([]byte) {
		return func(b []byte) { served = append(served, fmt.Sprint(name, " ", len(b))) }
	}
	loud, loudClient := socketPair(t, p, &heardBytes{most: 10, got: saw("loud")})
	quiet, quietClient := socketPair(t, p, &heardBytes{got: saw("quiet")})
	// look handles the data that has arrived, once this many sockets have some.
	look := func(sockets int) {
		events := make([]unix.EpollEvent, 8)
		for n := 0; n != sockets; {
			var err error
			if n, err = unix.EpollWait(p.epoll, events, 10_000); err != nil || n == 0 {
				t.Fatal(n, err)
			}
		}
		for i := range sockets {
			p.handle(&events[i], make([]byte, readBytes))
		}
	}
	loud.start(nil)
	quiet.start(nil)
	_, _ = loudClient.Write(make([]byte, 35))
	look(1)
	_, _ = quietClient.Write(make([]byte, 1))
	look(1)
	_, _ = loudClient.Write(make([]byte, 15)) // behind what was read before
	_, _ = quietClient.Write(make([]byte, 2))
	look(2)
	p.serveLate()
	look(1)
	p.serveLate()
	if want := []string{"loud 10", "quiet 1", "quiet 2", "loud 10", "loud 10", "loud 5", "loud 10", "loud 5"}; !slices.Equal(served, want) {
		t.Errorf("served: %q", served)
	}
	if len(p.late) > 0 || loud.rest != nil {
		t.Error("something is kept of what was read")
	}
}

// The sockets of one address share its time, however many there are.
func TestTheSocketsOfAnAddressShareItsTurns(t *testing.T) {
	p := testPoller(t, 1<<20)
	crowd, other := new(source), new(source)
	var served []string
	saw := func(name string, from *source) *heardBytes {
		return &heardBytes{most: 10, address: from, got: func(b []byte) {
			served = append(served, name)
			if from == crowd {
				from.served(p.round, addressShare) // a long slice
			}
		}}
	}
	var clients []*net.TCPConn
	for _, member := range []struct {
		name string
		from *source
	}{{"crowd 1", crowd}, {"crowd 2", crowd}, {"crowd 3", crowd}, {"other 1", other}, {"other 2", other}, {"nobody", nil}} {
		s, client := socketPair(t, p, saw(member.name, member.from))
		s.start(nil)
		clients = append(clients, client)
	}
	write := func(bytes int, to ...*net.TCPConn) {
		for _, client := range to {
			_, _ = client.Write(make([]byte, bytes))
		}
	}
	// round does one round of run, once this many sockets are ready.
	round := func(ready int, want ...string) {
		t.Helper()
		events := make([]unix.EpollEvent, 8)
		for n := 0; n < ready; {
			var err error
			if n, err = unix.EpollWait(p.epoll, events, 10_000); err != nil {
				t.Fatal(err)
			}
		}
		served = nil
		p.round++
		for i := range ready {
			p.handle(&events[i], make([]byte, readBytes))
		}
		p.serveLate()
		if !slices.Equal(served, want) {
			t.Errorf("served: %q, want %q", served, want)
		}
	}
	write(15, clients[0], clients[1], clients[2])
	round(3, "crowd 1")
	write(5, clients[3], clients[4], clients[5])
	round(5, "crowd 2", "other 1", "other 2", "nobody")
	write(5, clients[3])
	round(2, "crowd 3", "other 1")
	round(0, "crowd 1")
	write(15, clients[4])
	round(1, "other 2", "crowd 2", "other 2")
	round(0, "crowd 3")
	round(0)
	if p.late != nil || p.over != nil {
		t.Error("something is kept")
	}
}

// Everything sent during a slice goes out at its end, all at once and in order. Frames that others
// send to the same client in the meantime do not wait, nor does a close frame.
func TestWritesOfATurnGoOutTogether(t *testing.T) {
	p := testPoller(t, 1<<20)
	wrote := func(client net.Conn, want string) {
		t.Helper()
		got := make([]byte, len(want))
		_ = client.SetReadDeadline(time.Now().Add(servertest.Patience))
		if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	for what, then := range map[string]struct {
		do   func(*polledSocket)
		want string
	}{
		"the end of the slice": {func(*polledSocket) { p.batch.release() }, ""},
		"another's frame":      {func(s *polledSocket) { s.send(frame.Text, []byte("c"), nil) }, "\x81\x01c"},
		"a close frame":        {func(s *polledSocket) { s.shut(1000, "") }, "\x88\x02\x03\xe8"},
	} {
		s, client := socketPair(t, p, new(heardBytes))
		s.start(nil)
		s.send(frame.Text, []byte("a"), &p.batch)
		s.send(frame.Text, []byte("b"), &p.batch)
		if s.pending() != 6 || len(p.batch.sockets) != 1 {
			t.Errorf("before %s %d bytes wait on %d sockets", what, s.pending(), len(p.batch.sockets))
		}
		then.do(s)
		wrote(client, "\x81\x01a\x81\x01b"+then.want)
		p.batch.release()
		if s.pending() != 0 || s.batched || len(p.batch.sockets) != 0 {
			t.Errorf("after %s something still waits", what)
		}
		s.cut()
	}
}
