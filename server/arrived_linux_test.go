package server

import (
	"fmt"
	"net"
	"testing"
	"time"

	"usher/protocol"
)

// A pass reads what had come when it was asked for, though it was asked for while the poller was busy,
// and others have more to read all the time.
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

// The poller is held up until ann is idle by the clock. Her PING has arrived before.
func TestWhatHasArrivedIsReadBeforeADeadlineIsJudged(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS: ", tls), func(t *testing.T) {
			clock := &fakeOutside{atMs: 1_700_000_000_000}
			s := launchPrepared(t, t.TempDir(), func(c *Config) {
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			}, func(s *Server) { s.startedMs, s.outside = clock.atMs, clock.outside() })
			ann, idle := s.open("arrived-1", "ann"), s.open("arrived-1", "bob")
			ann.create(`"protocol":1`)
			idle.join(`"protocol":1`)
			ann.expect("USER_JOINED")
			other := s.open("arrived-2", "carl")
			other.create(`"protocol":1`)

			clock.advance(s.config.Room.IdleMs/2, func() {}) // past what the server does after its start

			// Whoever reads a frame of the room waits for its lock: the one poller, or ann's own goroutine.
			held := s.liveRoom("arrived-2")
			if tls {
				held = s.liveRoom("arrived-1")
			}
			held.mu.Lock()
			other.send(`{"type":"PING","timestamp":1}`)
			ann.send(`{"type":"PING","timestamp":1}`)
			rung := make(chan bool)
			go func() {
				clock.advance(s.config.Room.IdleMs/2, func() {})
				rung <- true
			}()
			for began := time.Now(); time.Since(began) < arrivalTimeout/4 && !s.pollers[0].isAsked(); {
				time.Sleep(time.Millisecond) // until the alarm waits for the poller, or has not waited for anything
			}
			held.mu.Unlock()
			<-rung
			ann.expect("PONG")
			if got := ann.expect("USER_DISCONNECTED"); got.LeftUserID != "bob" {
				t.Error(got.raw)
			}
			idle.closed(protocol.CloseIdle)
			ann.quiet()
		})
	}
}

func (p *poller) isAsked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked) > 0
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
	s := newStreamSocket(accepted, &socketLimits{maxPending: 1 << 20, closeGrace: time.Hour, lateTurns: make(chan struct{}, 1)}, r)
	s.start(nil)
	look := func() *streamLook { n := s.reads.Load(); return &streamLook{s, n, n} }
	settled := func() bool {
		l := look()
		first := l.again()
		return l.again() && first // a look counts only with the one before
	}
	send := func() {
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it waits for more", settled)
	send()
	<-busy
	if settled() {
		t.Error("settled while what it has read is handled")
	}
	send()
	eventually(t, "more is unread", func() bool { return unread(accepted) })
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
	eventually(t, "it waits for more", settled)
	s.cut()
	<-r.over
}

// Whoever sends without end has been sending, and nobody else is the better for it.
func TestFloodDoesNotPostponeOthersDeadlines(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS: ", tls), func(t *testing.T) {
			clock := &fakeOutside{atMs: 1_700_000_000_000}
			s := launchPrepared(t, t.TempDir(), func(c *Config) {
				c.Room.MessagesPerSecond, c.Room.MessageBurst = 1_000_000, 1_000_000
				c.Room.BytesPerSecond, c.Room.ByteBurst = 1<<30, 1<<30
				c.MaxPendingBytes = 64 << 20
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			}, func(s *Server) { s.startedMs, s.outside = clock.atMs, clock.outside() })
			flooding, idle := s.open("flooded-1", "ann"), s.open("flooded-1", "bob")
			flooding.create(`"protocol":1`)
			idle.join(`"protocol":1`)
			stop, stopped := make(chan bool), make(chan bool)
			go func() {
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					default:
						_ = flooding.trySend(`{"type":"PONG","timestamp":1}`)
					}
				}
			}()
			clock.advance(s.config.Room.IdleMs, func() {})
			idle.closed(protocol.CloseIdle)
			close(stop)
			<-stopped
		})
	}
}

// liveRoom is a room in memory.
func (r *running) liveRoom(id string) *liveRoom {
	r.t.Helper()
	r.rooms.mu.Lock()
	defer r.rooms.mu.Unlock()
	l := r.rooms.m[id]
	if l == nil {
		r.t.Fatal("no such room")
	}
	return l
}
