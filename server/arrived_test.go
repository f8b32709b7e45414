package server

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"usher/protocol"
)

// arrivesWithin is less than the edge waits for data that has arrived.
const arrivesWithin = 250 * time.Millisecond

// The poller is held up until ann is idle by the clock, although her PING arrived before.
func TestWhatHasArrivedIsReadBeforeADeadlineIsJudged(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS: ", tls), func(t *testing.T) {
			clock := &fakeOutside{atMs: 1_700_000_000_000}
			s := launchSetUp(t, t.TempDir(), func(s *setup) {
				c := s.Config
				clock.set(s)
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			})
			ann, idle := s.open("arrived-1", "ann"), s.open("arrived-1", "bob")
			ann.create(`"protocol":1`)
			idle.join(`"protocol":1`)
			ann.expect("USER_JOINED")
			other := s.open("arrived-2", "carl")
			other.create(`"protocol":1`)

			// past the work that the server does after its start
			clock.advance(s.config.Room.IdleMs/2, func() {})

			// The only poller, or ann's own goroutine, waits with a frame that it has read.
			held := "arrived-2"
			if tls {
				held = "arrived-1"
			}
			release, once := make(chan bool), new(sync.Once)
			s.known.onReceived(func(roomID string) {
				if roomID == held {
					once.Do(func() { <-release })
				}
			})
			other.send(`{"type":"PING","timestamp":1}`)
			ann.send(`{"type":"PING","timestamp":1}`)
			rung := make(chan bool)
			go func() {
				clock.advance(s.config.Room.IdleMs/2, func() {})
				rung <- true
			}()
			// until the alarm waits for the poller, or has returned without waiting
			time.Sleep(arrivesWithin)
			release <- true
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

// A client that sends without end counts as sending, and nobody else gains time by it.
func TestFloodDoesNotPostponeOthersDeadlines(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS: ", tls), func(t *testing.T) {
			clock := &fakeOutside{atMs: 1_700_000_000_000}
			s := launchSetUp(t, t.TempDir(), func(s *setup) {
				c := s.Config
				clock.set(s)
				c.Room.MessagesPerSecond, c.Room.MessageBurst = 1_000_000, 1_000_000
				c.Room.BytesPerSecond, c.Room.ByteBurst = 1<<30, 1<<30
				c.MaxPendingBytes = 64 << 20
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			})
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
			clock.advance(s.config.Room.IdleMs-1, func() {})
			// The second frame from now on is read after the first was taken at this time.
			received := make(chan bool)
			s.known.onReceived(func(string) {
				select {
				case received <- true:
				default:
				}
			})
			<-received
			<-received
			clock.advance(1, func() {})
			idle.closed(protocol.CloseIdle)
			close(stop)
			<-stopped
		})
	}
}
