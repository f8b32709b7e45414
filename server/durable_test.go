package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/server/servertest"
	"usher/server/store"
	"usher/server/store/bolt"
)

// A change that a client has a reply for is durable: the file already contains it.
func TestWhatIsSeenIsStored(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	names := func(id string) (names []string) {
		t.Helper()
		state, ok := stored(t, s.copyStore())[id]
		if !ok {
			t.Fatalf("%s is not stored", id)
		}
		names = append(names, state.Name, state.HostID, state.ControlMode.String())
		for _, user := range state.Users {
			names = append(names, user.ID+"="+user.Name)
		}
		return names
	}
	for i := range 10 {
		id := fmt.Sprint("durable-", i)
		want := func(list ...string) {
			t.Helper()
			if got := names(id); fmt.Sprint(got) != fmt.Sprint(list) {
				t.Errorf("stored is %v, want %v", got, list)
			}
		}
		ann, bob := s.open(id, "ann"), s.open(id, "bob")
		ann.create()
		want("Room "+id, "ann", "HOST_ONLY", "ann=ann")
		bob.join(`"protocol":1`)
		want("Room "+id, "ann", "HOST_ONLY", "ann=ann", "bob=bob")
		ann.expect("USER_JOINED")
		ann.say("RENAME_ROOM", `"newRoomName":"new"`)
		bob.expect("ROOM_RENAMED")
		want("new", "ann", "HOST_ONLY", "ann=ann", "bob=bob")
		ann.expect("ROOM_RENAMED")
		bob.say("RENAME_USER", `"newUserName":"Robert"`)
		ann.expect("USER_RENAMED")
		want("new", "ann", "HOST_ONLY", "ann=ann", "bob=Robert")
		bob.expect("USER_RENAMED")
		ann.say("CONTROL_MODE_CHANGE", `"mode":"FREE_FOR_ALL"`)
		bob.expect("CONTROL_MODE_CHANGE")
		want("new", "ann", "FREE_FOR_ALL", "ann=ann", "bob=Robert")
		ann.say("TRANSFER_HOST", `"targetUserId":"bob"`)
		bob.expect("HOST_CHANGED")
		want("new", "bob", "FREE_FOR_ALL", "ann=ann", "bob=Robert")
		ann.say("LEAVE_ROOM")
		bob.expect("USER_LEFT")
		want("new", "bob", "FREE_FOR_ALL", "bob=Robert")
		bob.say("LEAVE_ROOM")
		bob.closed(1000)
		if _, there := stored(t, s.copyStore())[id]; there {
			t.Error("the ended room is stored")
		}
	}
}

// awayWithHeldFrames leaves a room in which bob is away and frames wait for him.
func awayWithHeldFrames(t *testing.T, s *running, id string) (ann *client, annToken, bobToken string) {
	t.Helper()
	ann, bob := s.open(id, "ann"), s.open(id, "bob")
	annToken = ann.create(`"roomName":"Kept"`).ResumeToken
	bobToken = bob.join().ResumeToken
	ann.expect("USER_JOINED")
	bob.say("RENAME_USER", `"newUserName":"Robert"`)
	ann.expect("USER_RENAMED")
	ann.say("CONTROL_MODE_CHANGE", `"mode":"FREE_FOR_ALL"`)
	bob.expect("USER_RENAMED")
	bob.expect("CONTROL_MODE_CHANGE")
	bob.drop()
	ann.expect("USER_LEFT")
	for i := range 5 {
		ann.offer("bob", fmt.Sprint("held ", i))
	}
	ann.quiet()
	return ann, annToken, bobToken
}

func (c *client) wantKept(h heard) {
	c.t.Helper()
	state := h.RoomState
	if state.Name != "Kept" || state.HostID != "ann" || state.ControlMode != "FREE_FOR_ALL" || len(state.Users) != 2 || state.Users[1].Name != "Robert" {
		c.t.Errorf("%s finds %s", c.user, h.raw)
	}
}

func TestCleanRestartKeepsSeatsAndHeldFrames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, dir, nil)
	ann, annToken, bobToken := awayWithHeldFrames(t, s, "restart-1")
	ann.drop()
	s.stop()

	s = launch(t, dir, nil)
	bob := s.open("restart-1", "bob")
	back := bob.resume(bobToken)
	if !back.Resumed || !back.Recovered {
		t.Error(back.raw)
	}
	bob.wantKept(back)
	for i := range 5 {
		if got := bob.expect("WEBRTC_OFFER"); !strings.Contains(got.raw, fmt.Sprint("held ", i)) {
			t.Errorf("frame %d is %s", i, got.raw)
		}
	}
	ann = s.open("restart-1", "ann")
	ann.wantKept(ann.resume(annToken))
	if got := bob.expect("USER_RECONNECTED"); got.RoomState.HostID != "ann" {
		t.Error(got.raw)
	}
	bob.quiet()
	// The legacy client comes back from the same address without a token.
	older := s.open("restart-1", "bob")
	older.wantKept(older.join())
	ann.expect("USER_LEFT")
	ann.expect("USER_JOINED")
	older.quiet()
}

func TestCrashKeepsSeatsAndSaysThatFramesAreLost(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	_, annToken, bobToken := awayWithHeldFrames(t, s, "crashed-1")
	crashed := launch(t, s.copyStore(), nil)
	bob := crashed.open("crashed-1", "bob")
	back := bob.resume(bobToken)
	if !back.Resumed || back.Recovered {
		t.Error(back.raw)
	}
	bob.wantKept(back)
	bob.quiet()
	ann := crashed.open("crashed-1", "ann")
	ann.wantKept(ann.resume(annToken))
	crashed.open("crashed-1", "carl").join()
	ann.expect("USER_JOINED")
}

// recovered is all or nothing: a clean stop does not bring back what an earlier crash lost.
func TestFramesLostByACrashStayLostAfterACleanRestart(t *testing.T) {
	s := serve(t, nil)
	ann, _, bobToken := awayWithHeldFrames(t, s, "partly-1")
	s.rooms.SaveLater()
	ann.say("RENAME_ROOM", `"newRoomName":"Kept"`) // its commit comes after that one
	ann.expect("ROOM_RENAMED")
	ann.offer("bob", "held, but not stored")
	ann.quiet()
	dir := s.copyStore()
	launch(t, dir, nil).stop()
	again := launch(t, dir, nil)
	bob := again.open("partly-1", "bob")
	if back := bob.resume(bobToken); back.Recovered {
		t.Errorf("recovered without the last frame: %s", back.raw)
	}
	bob.quiet()
}

func TestExpiredRoomsAreRemovedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	s := launch(t, dir, nil)
	s.open("expired-1", "ann").create()
	s.open("living-01", "bob").create()
	s.cutOff()
	s.stop()
	editStore(t, dir, func(id string, r *store.Record) {
		if id == "expired-1" {
			r.ExpiresAtMs = time.Now().UnixMilli() - 1
		}
	})
	s = launch(t, dir, nil)
	if rooms := stored(t, s.copyStore()); len(rooms) != 1 || rooms["living-01"].HostID != "bob" {
		t.Errorf("stored is %v", rooms)
	}
	again := s.open("expired-1", "ann")
	again.say("JOIN_ROOM", `"userName":"Ann"`)
	again.refused("ROOM_NOT_FOUND")
}

// editStore changes every record of a folder.
func editStore(t *testing.T, dir string, edit func(id string, r *store.Record)) {
	t.Helper()
	kept, err := bolt.Open(dir, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = kept.All(t.Context(), func(id string, r store.Record) error {
		edit(id, &r)
		kept.Save(id, r, nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRoomsThatNobodyComesBackToEndAfterTheGrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	grace := func(c *Config) { c.Room.SeatGraceMs = 1000 }
	s := launch(t, dir, grace)
	for _, id := range []string{"untouched-1", "untouched-2", "untouched-3", "touched-01"} {
		s.pair(id)
	}
	s.cutOff()
	s.stop()
	s = launch(t, dir, grace)
	if n := len(stored(t, s.copyStore())); n != 4 {
		t.Fatalf("%d rooms are stored", n)
	}
	bob := s.open("touched-01", "bob")
	bob.join()
	if left := bob.expect("USER_LEFT"); left.LeftUserID != "ann" || left.NewHostID != "bob" {
		t.Error(left.raw)
	}
	servertest.Eventually(t, "the others end", func() bool { return len(stored(t, s.copyStore())) == 1 })
	servertest.Eventually(t, "and leave memory", func() bool { return len(s.rooms.InMemory()) == 1 && s.metrics.Rooms.Load() == 1 })
	bob.quiet()
}

func TestRoomThatCannotBeRestoredIsRefusedAlone(t *testing.T) {
	dir := t.TempDir()
	s := launch(t, dir, nil)
	s.open("unreadable", "ann").create()
	s.open("readable-1", "bob").create()
	s.cutOff()
	s.stop()
	editStore(t, dir, func(id string, r *store.Record) {
		if id == "unreadable" {
			r.Snapshot = []byte("of a later version")
		}
	})
	s = launch(t, dir, nil)
	for range 2 {
		response, body := s.ask("GET", "/ws?roomId=unreadable", upgradeHeaders()...)
		servertest.WantError(t, response, body, "INTERNAL")
	}
	s.keepPrivate("unreadable")
	s.open("readable-1", "bob").join()
}
