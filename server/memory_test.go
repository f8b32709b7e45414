package server

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/server/servertest"
)

func TestWhileMemoryIsNearlyUsedUpNewcomersAreRefusedAndRelaysGoOn(t *testing.T) {
	t.Parallel()
	var used atomic.Int64
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		s.MaxMemoryBytes = 64 << 20
		s.prepare = func(s *Server) { s.memory.live = used.Load }
	})
	ann, bob := s.pair("memory-1")
	early := s.open("memory-2", "carl")
	joining := s.open("memory-1", "dora")
	ready := func(want int) {
		t.Helper()
		servertest.Eventually(t, "readiness", func() bool {
			response, _ := s.ask("GET", "/readyz")
			return response.StatusCode == want
		})
	}
	used.Store(41 << 20)
	ready(http.StatusServiceUnavailable)
	response, body := s.ask("GET", "/ws?roomId=memory-1", upgradeHeaders()...)
	servertest.WantError(t, response, body, protocol.CodeServerFull)
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	early.say("CREATE_ROOM", `"userName":"Carl"`)
	early.refused(protocol.CodeServerFull)
	early.closed(protocol.CloseTryLater)
	ann.offer("bob", "still here")
	bob.expect("WEBRTC_OFFER")
	joining.join() // a room and a connection that exist take nothing more
	if response, _ := s.ask("GET", "/healthz"); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	used.Store(33 << 20) // not yet
	time.Sleep(2 * memoryEvery)
	ready(http.StatusServiceUnavailable)
	used.Store(31 << 20)
	ready(http.StatusOK)
	s.open("memory-2", "carl").create()
	log := s.log.String()
	if strings.Count(log, "memory is nearly used up") != 1 || strings.Count(log, "memory is free again") != 1 {
		t.Errorf("the log has\n%s", log)
	}
}

// Near its memory limit, a server can do without the frames that wait for slow readers.
func TestSlowReadersAreCutOffWhenMemoryIsNearlyUsedUp(t *testing.T) {
	t.Parallel()
	var used atomic.Int64
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		s.MaxFrameBytes = 16 << 10
		s.prepare = func(s *Server) { s.memory.live = used.Load }
	})
	ann, bob := s.pair("slow-memory-1")
	slow := s.dial(4<<10).upgrade("slow-memory-1", nil)
	slow.say("JOIN_ROOM", "slow-memory-1", "slow", `,"protocol":1`) // offers never wait for it
	s.keepPrivate(slow.token())
	ann.expect("USER_JOINED")
	bob.expect("USER_JOINED")
	sdp := strings.Repeat("x", 15<<10)
	for s.known.pending() < 256<<10 {
		ann.offer("slow", sdp)
		ann.quiet()
	}
	used.Store(s.memory.max)
	if h := ann.next(); h.LeftUserID != "slow" {
		t.Errorf("ann hears %s", h.raw)
	}
	bob.next()
	ann.offer("bob", sdp)
	bob.expect("WEBRTC_OFFER")
}

func TestGarbageIsCollectedWhileMemoryIsNearlyUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var collected, used atomic.Int64
		used.Store(100)
		log := new(servertest.LogBuffer)
		m := newMemory(100, slog.New(slog.NewTextHandler(log, nil)), func() {})
		m.live = used.Load
		m.collect = func() {
			if collected.Add(1) == 3 {
				used.Store(10)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go m.watch(ctx)
		time.Sleep(2*collectWhenFull - 1)
		if synctest.Wait(); collected.Load() != 2 || !m.full() {
			t.Errorf("%d collections, full is %v", collected.Load(), m.full())
		}
		time.Sleep(time.Hour)
		if synctest.Wait(); collected.Load() != 3 || m.full() {
			t.Errorf("%d collections, full is %v", collected.Load(), m.full())
		}
		cancel()
		synctest.Wait()
	})
}

func TestLiveBytesLeaveGarbageOut(t *testing.T) {
	live := liveBytes()
	runtime.GC()
	before := live()
	const size = 64 << 20
	keep := make([]byte, size)
	keep[size/2] = 1
	runtime.GC()
	with := live()
	runtime.KeepAlive(keep)
	runtime.GC()
	after := live()
	if with-before < size/2 || after-before > size/2 || before < 1<<20 {
		t.Errorf("%d before, %d with and %d after %d bytes", before, with, after, size)
	}
}

func TestWithoutABoundMemoryIsNeverFull(t *testing.T) {
	if m := newMemory(0, nil, nil); m.full() {
		t.Error("full")
	}
}
