package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"usher/server/servertest"
)

type listedRooms struct {
	Rooms  []struct{ ID string }
	Cursor string
}

func ids(t *testing.T, s *running, query string) (names, cursor string) {
	t.Helper()
	response, text := s.ask("GET", "/rooms"+query)
	var list listedRooms
	if err := json.Unmarshal([]byte(text), &list); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %v", response.Status, text, err)
	}
	var words []string
	for _, r := range list.Rooms {
		words = append(words, r.ID)
	}
	return strings.Join(words, " "), list.Cursor
}

const listedDoor = `"door":{"listed":true}`

// TestRoomsAreListedThatWantToBe, in pages, whether anybody is in them or not, after a restart too.
func TestRoomsAreListedThatWantToBe(t *testing.T) {
	t.Parallel()
	dir, list := t.TempDir(), func(c *Config) { c.ListRooms = true }
	s := launch(t, dir, list)
	if got, _ := ids(t, s, ""); got != "" {
		t.Errorf("an empty server lists %s", got)
	}
	cem := s.open("room-c", "cem")
	cem.create(listedDoor)
	s.open("room-a", "ann").create(listedDoor)
	s.open("room-x", "xia").create()
	kept := s.open("room-b", "bob")
	kept.create(listedDoor, `"keepMs":3600000`)
	kept.say("LEAVE_ROOM")
	kept.closed(1000)

	if got, cursor := ids(t, s, ""); got != "room-a room-b room-c" || cursor != "" {
		t.Errorf("listed are %s, and more after %q", got, cursor)
	}
	if got, cursor := ids(t, s, "?limit=2"); got != "room-a room-b" || cursor != "room-b" {
		t.Errorf("the first page is %s, and more after %q", got, cursor)
	}
	if got, cursor := ids(t, s, "?limit=2&cursor=room-b"); got != "room-c" || cursor != "" {
		t.Errorf("the second page is %s, and more after %q", got, cursor)
	}
	cem.say("SET_DOOR", `"listed":false`)
	cem.expect("DOOR_CHANGED")
	servertest.Eventually(t, "one is not listed any more", func() bool { got, _ := ids(t, s, ""); return got == "room-a room-b" })

	s.stop()
	s = launch(t, dir, list)
	if got, _ := ids(t, s, ""); got != "room-a room-b" {
		t.Errorf("after a restart %s are listed", got)
	}
	back := s.open("room-b", "bob")
	back.join()
	back.say("RENAME_ROOM", `"newRoomName":"Films"`)
	back.expect("ROOM_RENAMED")
	servertest.Eventually(t, "the new name is listed", func() bool { _, text := s.ask("GET", "/rooms"); return strings.Contains(text, `"Films"`) })
}

func TestTheListIsOffAndBounded(t *testing.T) {
	t.Parallel()
	if response, text := serve(t, nil).ask("GET", "/rooms"); response.StatusCode != http.StatusNotFound {
		t.Errorf("a server that lists no rooms: %s %s", response.Status, text)
	}
	s := serve(t, func(c *Config) { c.ListRooms = true })
	for _, query := range []string{"limit=0", "limit=101", "limit=-1", "limit=x", "limit=1e2", "cursor=x", "cursor=room%201", "limit=99999999999999999999"} {
		if response, text := s.ask("GET", "/rooms?"+query); response.StatusCode != http.StatusBadRequest || !strings.Contains(text, "INVALID_PAGE") {
			t.Errorf("%s: %s %s", query, response.Status, text)
		}
	}
}
