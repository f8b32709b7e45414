package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

// gateCommits holds back the report of a commit while the gate is locked, and lets no other commit
// begin.
func gateCommits(gate *sync.Mutex, further ...func(*Config)) func(*setup) {
	return func(s *setup) {
		for _, change := range further {
			change(s.Config)
		}
		s.onCommit = func() {
			gate.Lock()
			defer gate.Unlock()
		}
	}
}

func TestWhoWaitsForTooMuchIsCutOffAndTheRoomGoesOn(t *testing.T) {
	var gate sync.Mutex
	s := launchSetUp(t, t.TempDir(), gateCommits(&gate, func(c *Config) { c.MaxPendingBytes = 64 << 10 }))
	ann, bob := s.pair("waiting-1")
	carl := s.open("waiting-1", "carl")
	carl.join()
	ann.expect("USER_JOINED")
	bob.expect("USER_JOINED")
	gate.Lock()
	ann.say("RENAME_ROOM", `"newRoomName":"new"`)
	for i := range 10 {
		ann.offer("bob", strings.Repeat("x", 15<<10))
		ann.offer("carl", fmt.Sprint("small ", i))
	}
	servertest.Eventually(t, "bob is cut off", func() bool { return s.metrics.Connections.Load() == 2 })
	gate.Unlock()
	ann.expect("ROOM_RENAMED")
	carl.expect("ROOM_RENAMED")
	for i := range 10 {
		for h := carl.next(); !strings.Contains(h.raw, fmt.Sprint("small ", i)); h = carl.next() {
			if h.LeftUserID != "bob" {
				t.Fatalf("carl hears %s before offer %d", h.raw, i)
			}
		}
	}
	bob = s.open("waiting-1", "bob")
	bob.join()
	servertest.Eventually(t, "nothing waits", func() bool { return s.metrics.WaitingBytes.Load() == 0 })
	if strings.Contains(s.log.String(), "given up") {
		t.Error("the room was given up")
	}
}

// Its close waited for a commit that failed; nothing else would ever close it.
func TestGivingUpARoomClosesWhatTheRoomHasClosedToo(t *testing.T) {
	var gate sync.Mutex
	s := launchSetUp(t, t.TempDir(), gateCommits(&gate))
	ann, bob := s.pair("closing-1")
	other, _ := s.pair("closing-2")
	gate.Lock()
	commits := s.store.(*keptStore).current.Load().Stats().Commits
	other.say("RENAME_ROOM", `"newRoomName":"it keeps the writer busy"`)
	servertest.Eventually(t, "the writer is busy", func() bool { return s.store.(*keptStore).current.Load().Stats().Commits > commits })
	restore := s.fillDisk()
	bob.say("LEAVE_ROOM")
	servertest.Eventually(t, "bob has left", func() bool { return s.metrics.Participants.Load() == 3 })
	gate.Unlock()
	bob.closed(protocol.CloseTryLater)
	ann.closed(protocol.CloseTryLater)
	restore()
	if !strings.Contains(s.log.String(), `msg="a room was given up" cause="a commit failed" error="write `) {
		t.Error("the log does not tell")
	}
}
