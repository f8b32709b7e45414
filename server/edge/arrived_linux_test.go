package edge

import (
	"net"
	"testing"
	"time"

	"usher/server/servertest"
)

// A pass reads the data that had arrived when it was requested, even if the poller was busy then
// and other sockets have more to read all the time.
func TestPassReadsEverySocketThatHasBytes(t *testing.T) {
	p := testPoller(t, 1<<20)
	p.running(t)
	busy, release := make(chan bool), make(chan bool)
	first, client := socketPair(t, p, &heardBytes{got: func([]byte) { busy <- true; <-release }})
	first.start(nil)
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-busy
	const sockets = 600 // more than one wait returns
	heard := make(chan int, sockets)
	for i := range sockets {
		s, client := socketPair(t, p, &heardBytes{got: func([]byte) { heard <- i }})
		s.start(nil)
		if _, err := client.Write([]byte("y")); err != nil {
			t.Fatal(err)
		}
	}
	passed := p.pass()
	select {
	case <-passed:
		t.Fatal("passed before anything was read")
	default:
	}
	release <- true
	<-passed
	if len(heard) != sockets {
		t.Errorf("%d of %d were read", len(heard), sockets)
	}
}

func TestPassEndsWithThePoller(t *testing.T) {
	p := testPoller(t, 1<<20)
	before := p.pass()
	p.stop()
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	<-before
	<-p.pass()
}

func TestStreamHasBeenReadWhenItWaitsForMore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	busy, release := make(chan bool), make(chan bool)
	r := &heardBytes{got: func([]byte) { busy <- true; <-release }, over: make(chan struct{})}
	s := newStreamSocket(accepted, &socketLimits{maxPending: 1 << 20, closeGrace: time.Hour, lateSlices: make(chan struct{}, 1), full: func() bool { return false }}, &streams{all: make(map[*streamSocket]struct{})}, r)
	s.start(nil)
	look := func() *streamLook { n := s.reads.Load(); return &streamLook{s, n, n} }
	settled := func() bool {
		l := look()
		first := l.again()
		return l.again() && first // a look counts only together with the one before
	}
	send := func() {
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	servertest.Eventually(t, "it waits for more", settled)
	send()
	<-busy
	if settled() {
		t.Error("settled while what it has read is handled")
	}
	send()
	first := look()
	release <- true
	<-busy
	if first.again() {
		t.Error("settled while what had arrived is handled")
	}
	send()
	release <- true
	<-busy
	if !first.again() {
		t.Error("not settled, though what had arrived is done with and only newer bytes are handled")
	}
	release <- true
	servertest.Eventually(t, "it waits for more", settled)
	s.cut()
	<-r.over
}
