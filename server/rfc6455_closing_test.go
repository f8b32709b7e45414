package server

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/server/rooms"
	"usher/server/servertest"
)

// Any reply of the client to the server's close frame is the end: the stream ends immediately, and
// the server never sends a second close frame.
func TestAnyReplyToACloseFrameEndsTheConnection(t *testing.T) {
	withoutReplies(t, nil, func(t *testing.T, s *running) {
		for what, reply := range map[string][]byte{
			"the same code":                    masked(wsClose, coded(1003, "")),
			"another code":                     masked(wsClose, coded(4321, "bye")),
			"no code":                          masked(wsClose, ""),
			"a code that nobody may send":      masked(wsClose, coded(1005, "")),
			"a reason that is not UTF-8":       masked(wsClose, coded(1000, "\xff")),
			"one byte":                         masked(wsClose, "x"),
			"a close frame that is not masked": {wsClose, 2, 0x03, 0xe8},
			"a close frame after messages":     cat(masked(wsText, pingMessage), masked(wsPing, "x"), masked(wsClose, "")),
			"a close frame after a fragment":   cat(masked(wsTextPart, "x"), masked(wsClose, "")),
			"something that is no frame":       {0xff, 0xff, 0xff},
		} {
			for closing, provoke := range map[string][]byte{binaryClosed: masked(wsBinary, ""), broken: {0xc1}} {
				c := s.raw("answers-1")
				c.write(provoke)
				for got := c.next(); got != closing; got = c.next() {
					if got != isBinary {
						t.Fatalf("%s: %s", what, got)
					}
				}
				_, _ = c.Write(reply)
				c.over(what + " to " + closing)
				_ = c.Close()
			}
		}
		s.keepPrivate("answers-1")
	})
}

// Both closes are through: the server releases the socket even if the client keeps it open.
func TestServerLetsGoOfASocketThatIsClosedBothWays(t *testing.T) {
	s := launchSetUp(t, t.TempDir(), func(s *setup) { s.closeGrace = time.Hour })
	closing := masked(wsClose, coded(1000, ""))
	for _, provoke := range [][]byte{closing, masked(wsBinary, "")} {
		c := s.raw("let-go-1")
		c.write(provoke)
		for got := c.next(); !strings.HasPrefix(got, "close"); {
			got = c.next()
		}
		if provoke[0] != wsClose { // or it was the client that began
			c.write(closing)
		}
		c.over("both closes")
		servertest.Eventually(t, "the connection is over", func() bool { return s.metrics.Connections.Load() == 0 })
	}
	s.keepPrivate("let-go-1")
}

// A client that sends its close frame and immediately ends its stream still gets a reply.
func TestCloseFrameWithTheEndOfTheStreamIsAnswered(t *testing.T) {
	withoutReplies(t, nil, func(t *testing.T, s *running) {
		for range 20 {
			c := s.raw("half-closed-1")
			c.write(masked(wsClose, coded(4000, "")))
			c.halfClose()
			if got := c.next(); got != "close 4000" {
				t.Fatalf("answered by %q", got)
			}
			c.over("a half-closed stream")
			_ = c.Close()
		}
		s.keepPrivate("half-closed-1")
	})
}

// What a client sends after a close frame has no effect.
func TestClosingConnectionIsNotHeard(t *testing.T) {
	withoutReplies(t, nil, func(t *testing.T, s *running) {
		create := masked(wsText, `{"type":"CREATE_ROOM","roomId":"unheard-1","userId":"ann","userName":"Ann"}`)
		s.keepPrivate("unheard-1")
		for _, closing := range [][]byte{masked(wsBinary, ""), {0xc1, 0x80, 0, 0, 0, 0}, masked(wsClose, "")} {
			c := s.raw("unheard-1")
			c.write(cat(closing, create))
			for got := c.next(); !strings.HasPrefix(got, "close"); {
				got = c.next()
			}
			_, _ = c.Write(cat(create, masked(wsClose, "")))
			c.over("a closing connection")
			_ = c.Close()
			if response, _ := s.ask("GET", "/rooms/unheard-1"); response.StatusCode != 404 {
				t.Fatalf("after %x a message made the room", closing)
			}
		}
	})
}

// A parked socket is mute, but text that is not UTF-8 ends it like any other.
func TestParkedSocketIsClosedForInvalidUTF8(t *testing.T) {
	withoutReplies(t, nil, func(t *testing.T, s *running) {
		parked := s.raw("parked-utf8-1")
		parked.say("CREATE_ROOM", "parked-utf8-1", "ann", "")
		s.keepPrivate(parked.token())
		newer := s.open("parked-utf8-1", "ann")
		newer.join()
		parked.write(masked(wsText, "x")) // no message, and no reply
		parked.write(masked(wsText, "\xff"))
		if got := parked.next(); got != badText {
			t.Errorf("hears %q", got)
		}
		parked.over("a parked socket")
		newer.quiet()
	})
}

// Every frame that waits for a client counts, including pongs.
func TestPongsForAClientThatReadsNothingAreBounded(t *testing.T) {
	onBothTransports(t, func(c *Config) {
		c.MaxFrameBytes, c.MaxPendingBytes = 16<<10, 64<<10
		c.Room.BytesPerSecond, c.Room.ByteBurst = 1<<30, 1<<30
		c.Room.MessagesPerSecond, c.Room.MessageBurst = 1_000_000, 1_000_000
	}, func(t *testing.T, s *running) {
		c := s.raw("pongs-1")
		s.keepPrivate("pongs-1")
		pings := bytes.Repeat(masked(wsPing, strings.Repeat("p", 125)), 100)
		sent := 0
		for ; sent < 64<<20; sent += len(pings) {
			if _, err := c.Write(pings); err != nil {
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Fatal("the server neither reads nor cuts off")
				}
				break
			}
			// The frames of a slice, four at most, are queued before they are counted.
			if n := s.known.pending(); n > 64<<10+4*(2+125) {
				t.Fatalf("%d bytes are pending", n)
			}
		}
		if sent >= 64<<20 {
			t.Error("never cut off")
		}
		servertest.Eventually(t, "the connection is over", func() bool { return s.metrics.Connections.Load() == 0 })
	})
}

// A panic ends the connection that caused it, and nothing else.
func TestPanicEndsItsConnection(t *testing.T) {
	var fault atomic.Bool
	onBothSetUp(t, func(s *setup) { s.clock = &faultyClock{newClock(time.Now()), &fault} }, func(t *testing.T, s *running) {
		ann, bob := s.pair("panic-1")
		c := s.raw("panic-2")
		s.keepPrivate("panic-2")
		servertest.Eventually(t, "the room knows the connection", func() bool { return s.metrics.Connections.Load() == 3 })
		fault.Store(true)
		c.write(masked(wsText, pingMessage))
		if got := c.next(); got != "close 1011 internal error" {
			t.Errorf("hears %q", got)
		}
		_, _ = c.Write(masked(wsClose, ""))
		c.over("a panic")
		ann.offer("bob", "still here")
		bob.expect("WEBRTC_OFFER")
		if log := s.log.String(); strings.Count(log, "a connection was given up") != 1 || !strings.Contains(log, "a defect") {
			t.Errorf("log: %s", log)
		}
	})
}

// faultyClock panics once.
type faultyClock struct {
	*clock
	fault *atomic.Bool
}

func (c *faultyClock) Now() rooms.Moment {
	if c.fault.CompareAndSwap(true, false) {
		panic("a defect")
	}
	return c.clock.Now()
}
