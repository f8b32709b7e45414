package cluster

import (
	"fmt"
	"testing"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/rooms"
	"usher/server/servertest"
	"usher/server/store"
)

// A tenure that comes again must not wait behind those that are due much later.
func TestTouchesComeInTheOrderOfTheirTimes(t *testing.T) {
	var due touches
	late, early, now := new(tenure), new(tenure), new(tenure)
	due.add(late, time.Hour)
	due.add(now, -time.Second)
	due.add(early, -time.Minute)
	for _, want := range []*tenure{early, now, nil} {
		if got := due.take(); got != want {
			t.Errorf("%p is due, want %p", got, want)
		}
	}
	if len(due.due) != 1 || due.due[0].tenure != late {
		t.Errorf("%d are left", len(due.due))
	}
}

// create makes a room with one held seat.
func (s *single) create(id string) {
	s.t.Helper()
	session, refusal := s.rooms.Open(s.t.Context(), id, rooms.Opening{}, socket{})
	if refusal != "" {
		s.t.Fatal(refusal)
	}
	var f protocol.Frame
	f.Decode(fmt.Appendf(nil, `{"type":"CREATE_ROOM","roomId":%q,"userId":"ann","userName":"Ann","protocol":1}`, id))
	session.Received(&f, "", nil)
	session.Disconnected(protocol.CloseRestart)
	s.stream.Flush()
	if !s.has(id) {
		s.t.Fatal("the room is not stored")
	}
}

func (s *single) has(id string) bool {
	s.t.Helper()
	_, found, err := s.stream.Load(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// Whoever takes a shard learns when each of its rooms ends, also those that nobody comes back to,
// and those that it cannot load.
func TestRoomsEndOnTimeAtTheirNextOwner(t *testing.T) {
	config := room.DefaultConfig()
	config.RoomIdleMs, config.SeatGraceMs = (6 * time.Second).Milliseconds(), time.Hour.Milliseconds()
	s := launchWith(t, Config{}, config)
	began := time.Now()
	s.create("room-1")
	broken := store.Record{ExpiresAtMs: time.Now().Add(6 * time.Second).UnixMilli(), Snapshot: []byte("nobody can restore this")}
	s.stream.Save("broken", broken, nil)
	broken.ExpiresAtMs += time.Hour.Milliseconds()
	s.stream.Save("broken-later", broken, nil)
	s.stream.Flush()
	s.stop()
	next := launchWith(t, s.Node.config, config)
	for _, id := range []string{"room-1", "broken", "broken-later"} {
		if !next.has(id) && time.Since(began) < 6*time.Second { // a busy machine may be late
			t.Fatal(id, "is not there at first")
		}
	}
	servertest.Eventually(t, "both have ended", func() bool { return !next.has("room-1") && !next.has("broken") })
	if !next.has("broken-later") {
		t.Error("a record that has not expired is removed")
	}
}

// After the grace of their seats all rooms are in memory, where their alarms end them.
func TestRoomsThatNobodyComesBackToAreLoaded(t *testing.T) {
	config := room.DefaultConfig()
	config.SeatGraceMs = 1000
	config.EmptyRoomMs = time.Hour.Milliseconds()
	s := launchWith(t, Config{}, config)
	s.create("room-1")
	s.stop()
	next := launchWith(t, s.Node.config, config)
	// It may sleep again at once.
	servertest.Eventually(t, "it is loaded", func() bool { return next.stream.Stats().Claims == 1 })
}
