package server

import (
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// socketPair returns a connection that p has taken, and its other end.
func socketPair(t *testing.T, p *poller, read func([]byte), ended func()) (*polledConn, net.Conn) {
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
	c, err := p.take(accepted.(*net.TCPConn), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	c.read, c.ended = read, ended
	return c, client
}

// A descriptor that is used again while events of its last owner wait must
// not cost the new owner anything. The batch is made by hand, as epoll_wait
// would return it: the old connection's end comes after the new one has its descriptor.
func TestAnEventOfAClosedConnectionIsNotTheNextOnes(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	none := func() {}
	old, oldClient := socketPair(t, p, func([]byte) {}, none)
	if err := old.poll(); err != nil {
		t.Fatal(err)
	}
	_ = oldClient.Close()
	batch := make([]unix.EpollEvent, 4)
	n, err := unix.EpollWait(p.epoll, batch, 10_000)
	if err != nil || n != 1 {
		t.Fatal("no event of the end", n, err)
	}
	_ = old.Close()

	next, client := socketPair(t, p, func([]byte) {}, none)
	if err := next.poll(); err != nil {
		t.Fatal(err)
	}
	batch[0].Fd = next.fd // as if the kernel had given it the descriptor of the old one
	p.handle(&batch[0], make([]byte, 1<<10))
	if next.closed {
		t.Fatal("the end of the old connection has closed the new one")
	}
	if _, err := next.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatal("the new connection is dead", err)
	}
	_ = next.Close()
}

// What the socket does not take waits, in order, and goes out when it can.
func TestWritesWaitForASlowReader(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.run(); err != nil {
			t.Error(err)
		}
	})
	over := make(chan struct{})
	c, client := socketPair(t, p, func([]byte) {}, func() { close(over) })
	if err := c.poll(); err != nil {
		t.Fatal(err)
	}
	c.maxPending = 64 << 20
	const size, count = 64 << 10, 256
	frame := make([]byte, size)
	for i := range count {
		for j := range frame {
			frame[j] = byte(i)
		}
		if n, err := c.Write(frame); n != size || err != nil {
			t.Fatal(n, err)
		}
	}
	got := make([]byte, size)
	for i := range count {
		for n := 0; n < size; {
			m, err := client.Read(got[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
		if got[0] != byte(i) || got[size-1] != byte(i) {
			t.Fatalf("frame %d is damaged", i)
		}
	}
	// Past the bound the reader is cut off.
	c.maxPending = 1 << 10
	for err = error(nil); err == nil; {
		_, err = c.Write(frame)
	}
	<-over
	if _, err := c.Write(frame); err == nil {
		t.Error("a closed connection takes a write")
	}
	p.stop()
	running.Wait()
}
