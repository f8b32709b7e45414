package server

import (
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"usher/protocol"
	"usher/server/servertest"
)

// A member that stops reading is cut off when more than MaxPendingBytes wait for it. The others go
// on, and the waiting bytes are released.
func TestSlowReaderIsCutOffAloneAndMemoryIsBounded(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[tls], func(t *testing.T) {
			s := serve(t, func(c *Config) {
				c.MaxFrameBytes, c.MaxPendingBytes = 16<<10, 64<<10
				c.Room.BytesPerSecond, c.Room.ByteBurst = 1<<30, 1<<30
				c.Room.MessagesPerSecond, c.Room.MessageBurst = 1_000_000, 1_000_000
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			})
			ann, bob := s.pair("slow-room-1")
			slow := s.dial(4<<10).upgrade("slow-room-1", nil)
			slow.say("JOIN_ROOM", "slow-room-1", "slow", "")
			s.keepPrivate(slow.token())
			ann.expect("USER_JOINED")
			bob.expect("USER_JOINED")

			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			sdp := strings.Repeat("x", 15<<10)
			sent := 0
			for cut := false; !cut; {
				ann.offer("slow", sdp)
				ann.offer("bob", sdp)
				sent += len(sdp)
				for { // bob hears his offer, and perhaps that the slow one is gone
					got := bob.next()
					cut = cut || got.Type == "USER_LEFT" && got.LeftUserID == "slow"
					if got.Type == "WEBRTC_OFFER" {
						break
					}
				}
				if sent > 64<<20 {
					t.Fatal("never cut off")
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			servertest.Eventually(t, "the slow one is gone", func() bool { return s.metrics.Connections.Load() == 2 })
		})
	}
}

// Large messages travel in several WebSocket frames; they must not add up for a client that reads
// them all.
func TestReaderOfManyLargeMessagesIsNotTakenForASlowOne(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[tls], func(t *testing.T) {
			s := serve(t, func(c *Config) {
				c.MaxPendingBytes = 256 << 10
				c.Room.BytesPerSecond, c.Room.ByteBurst = 1<<30, 1<<30
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			})
			ann, bob := s.pair("large-1")
			sdp := strings.Repeat("x", 60<<10)
			for range 40 {
				ann.offer("bob", sdp)
				if got := bob.expect("WEBRTC_OFFER"); !strings.Contains(got.raw, sdp) {
					t.Fatal("damaged")
				}
			}
			servertest.Eventually(t, "nothing is pending", func() bool {
				return s.known.pending() == 0
			})
		})
	}
}

// A frame that is kept during a slow commit must not change, although its bytes belong to the
// reader. Of the names that wait, only the last counts.
func TestFramesRelayedDuringACommitAreThoseThatCame(t *testing.T) {
	s := serve(t, func(c *Config) { c.Room.MessageBurst = 10_000 })
	ann, bob := s.pair("commit-1")
	for i := range 200 {
		ann.say("RENAME_ROOM", `"newRoomName":"name `+strings.Repeat("n", i%20)+`"`)
		ann.offer("bob", strings.Repeat("a", i))
		ann.offer("bob", strings.Repeat("b", i+50))
	}
	renamed := ""
	for i := range 200 {
		for _, want := range []string{strings.Repeat("a", i), strings.Repeat("b", i+50)} {
			got := bob.next()
			for ; got.Type == "ROOM_RENAMED"; got = bob.next() {
				renamed = got.NewRoomName
			}
			if got.Type != "WEBRTC_OFFER" || !strings.Contains(got.raw, `"v=0 `+want+`"`) {
				t.Fatalf("%s instead of %s", got.raw, want)
			}
		}
	}
	if want := "name " + strings.Repeat("n", 199%20); renamed != want {
		t.Errorf("the last name is %q, not %q", renamed, want)
	}
}

// A client that the server closes while much waits for it still gets all of it first.
func TestCloseComesAfterWhatWasSentBefore(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("after-all-1")
	for range 100 {
		ann.offer("bob", strings.Repeat("x", 5_000))
	}
	ann.quiet() // all are on their way
	_ = bob.ws.Write(t.Context(), websocket.MessageBinary, []byte("binary"))
	for range 100 {
		bob.expect("WEBRTC_OFFER")
	}
	bob.refused(protocol.CodeBinaryFrame)
	bob.closed(protocol.CloseBinary)
}
