package server

import (
	"strings"
	"testing"

	"usher/protocol"
	"usher/room"
)

// breakRoom makes the core of one room panic, by an event that no shell may make.
func (r *running) breakRoom(id string) {
	r.t.Helper()
	for _, l := range r.rooms.all() {
		if l.id != id {
			continue
		}
		l.mu.Lock()
		first := l.conns[0].id
		l.mu.Unlock()
		l.step(room.Event{Kind: room.Received, Conn: first}) // no message
		return
	}
	r.t.Fatal("no such room")
}

func TestPanicGivesUpOneRoomAlone(t *testing.T) {
	s := launchPrepared(t, t.TempDir(), nil, anHourOld)
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
	if rooms, people := s.metrics.rooms.Load(), s.metrics.participants.Load(); rooms != 2 || people != 4 {
		t.Errorf("%d rooms and %d people are counted", rooms, people)
	}
	if !strings.Contains(s.log.String(), "a room was given up") {
		t.Error("the log does not tell")
	}
	for _, c := range []*client{ann, bob, carl, dora} {
		c.leave()
	}
	eventually(t, "nothing is left", func() bool {
		return s.metrics.rooms.Load() == 0 && s.metrics.participants.Load() == 0 && s.roomLimit.total() == 0 && len(s.rooms.all()) == 0
	})
}

// Nobody comes back to it: it ends when its seats' grace is over, as any other.
func TestGivenUpRoomEndsAfterTheGrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	grace := func(c *Config) { c.Room.SeatGraceMs = 1000 }
	s := launch(t, dir, grace)
	s.open("untouched-9", "ann").create()
	s.cutOff()
	s.stop()
	s = launch(t, dir, grace)
	eventually(t, "the rooms of the last run are looked after", func() bool { return len(stored(t, s.copyStore())) == 0 })
	ann, _ := s.pair("broken-2")
	s.breakRoom("broken-2")
	ann.closed(protocol.CloseInternal)
	if rooms := stored(t, s.copyStore()); len(rooms) != 1 {
		t.Fatalf("stored is %v", rooms)
	}
	eventually(t, "it ends", func() bool { return len(stored(t, s.copyStore())) == 0 })
	eventually(t, "it is counted no more", func() bool { return s.roomLimit.total() == 0 && s.metrics.rooms.Load() == 0 })
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
