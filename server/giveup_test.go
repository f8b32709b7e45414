package server

import (
	"strings"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

// breakRoom makes the server give up one room, as a defect of the core would.
func (r *running) breakRoom(id string) {
	r.t.Helper()
	r.broken.Store(&id)
	r.known.seen(id)
	if r.broken.Load() != nil {
		r.t.Fatal("no such room")
	}
}

func TestPanicGivesUpOneRoomAlone(t *testing.T) {
	s := launchSetUp(t, t.TempDir(), anHourOld)
	ann, bob := s.open("broken-room", "ann"), s.open("broken-room", "bob")
	annToken := ann.create(`"roomName":"Kept"`).ResumeToken
	bobToken := bob.join().ResumeToken
	ann.expect("USER_JOINED")
	carl, dora := s.pair("sound-room") // named ann and bob, too
	s.breakRoom("broken-room")
	ann.closed(protocol.CloseInternal)
	bob.closed(protocol.CloseInternal)
	carl.offer("bob", "goes on")
	dora.expect("WEBRTC_OFFER")

	ann, bob = s.open("broken-room", "ann"), s.open("broken-room", "bob")
	if back := ann.resume(annToken); back.RoomState.Name != "Kept" || back.RoomState.HostID != "ann" || len(back.RoomState.Users) != 2 {
		t.Error(back.raw)
	}
	bob.resume(bobToken)
	ann.expect("USER_RECONNECTED")
	ann.offer("bob", "again")
	bob.expect("WEBRTC_OFFER")
	if rooms, people := s.metrics.Rooms.Load(), s.metrics.Participants.Load(); rooms != 2 || people != 4 {
		t.Errorf("%d rooms and %d people are counted", rooms, people)
	}
	if !strings.Contains(s.log.String(), "a room was given up") {
		t.Error("the log does not tell")
	}
	for _, c := range []*client{ann, bob, carl, dora} {
		c.leave()
	}
	servertest.Eventually(t, "nothing is left", func() bool {
		return s.metrics.Rooms.Load() == 0 && s.metrics.Participants.Load() == 0 && len(s.rooms.InMemory()) == 0
	})
}

// If nobody comes back to it, the room ends when its seats' grace is over, like any other.
func TestGivenUpRoomEndsAfterTheGrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	grace := func(c *Config) { c.Room.SeatGraceMs = 1000 }
	s := launch(t, dir, grace)
	s.open("untouched-9", "ann").create()
	s.cutOff()
	s.stop()
	s = launch(t, dir, grace)
	servertest.Eventually(t, "the rooms of the last run are looked after", func() bool { return len(stored(t, s.copyStore())) == 0 })
	ann, _ := s.pair("broken-2")
	s.breakRoom("broken-2")
	ann.closed(protocol.CloseInternal)
	if rooms := stored(t, s.copyStore()); len(rooms) != 1 {
		t.Fatalf("stored is %v", rooms)
	}
	servertest.Eventually(t, "it ends", func() bool { return len(stored(t, s.copyStore())) == 0 })
	servertest.Eventually(t, "it is counted no more", func() bool { return s.metrics.Rooms.Load() == 0 })
}

func TestFramesLostWithAGivenUpRoomStayLostAfterACleanRestart(t *testing.T) {
	dir := t.TempDir()
	s := launch(t, dir, nil)
	ann, _, bobToken := awayWithHeldFrames(t, s, "given-up-2")
	ann.say("RENAME_ROOM", `"newRoomName":"Kept"`)
	ann.expect("ROOM_RENAMED")
	ann.offer("bob", "held, but not stored")
	ann.quiet()
	s.breakRoom("given-up-2")
	ann.closed(protocol.CloseInternal)
	s.stop()
	bob := launch(t, dir, nil).open("given-up-2", "bob")
	if back := bob.resume(bobToken); back.Recovered {
		t.Errorf("recovered without the last frame: %s", back.raw)
	}
	bob.quiet()
}
