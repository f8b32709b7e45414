package room

import (
	"fmt"
	"strings"
	"testing"

	"usher/protocol"
)

// doorman is a world for tests of doors: its room has a host, and no limits but those of the door.
func doorman(t *testing.T, door string) *world {
	t.Helper()
	w := newWorld()
	w.config = DefaultConfig()
	w.config.Hibernates = true
	w.config.MessagesPerSecond, w.config.MessageBurst, w.config.RoomRequestsPerSecond, w.config.RoomRequestBurst = 1e6, 1e6, 1e6, 1e6
	w.arrives(t, 1, `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann","protocol":1,"door":`+door+`}`)
	if w.room.People() != 1 {
		t.Fatal("there is no host")
	}
	return w
}

// arrives opens a connection from an address that sends one frame, and returns what it is sent. All
// hashes are done by then.
func (w *world) arrives(t *testing.T, address uint64, frame string) string {
	t.Helper()
	before := w.log.Len()
	if fault := w.step(Event{Kind: Connected, Address: address}); fault != "" {
		t.Fatal(fault)
	}
	if fault := w.step(received(w.last, frame)); fault != "" {
		t.Fatal(fault)
	}
	for len(w.hashes) > 0 {
		event := w.hashes[0]
		w.hashes = w.hashes[1:]
		if fault := w.step(event); fault != "" {
			t.Fatal(fault)
		}
	}
	return w.log.String()[before:]
}

func asking(user, passcode string) string {
	return fmt.Sprintf(`{"type":"JOIN_ROOM","roomId":"room-1","userId":"%s","userName":"n","protocol":1,"passcode":"%s"}`, user, passcode)
}

// TestTenThousandGuessesLetNobodyIn: whoever tries out all passcodes of four digits, from one
// address or from as many, gets few of them looked at, and whoever knows it comes in.
func TestTenThousandGuessesLetNobodyIn(t *testing.T) {
	for what, addressOf := range map[string]func(n int) uint64{
		"from one address":         func(int) uint64 { return 9 },
		"each from another":        func(n int) uint64 { return uint64(1000 + n) },
		"from a hundred addresses": func(n int) uint64 { return uint64(1000 + n%100) },
	} {
		w := doorman(t, `{"passcode":"7411"}`)
		looked := 0
		for n := range 10_000 {
			w.nowMs++
			seen := w.arrives(t, addressOf(n), asking("eve", fmt.Sprintf("%04d", n)))
			if strings.Contains(seen, "WRONG_PASSCODE") {
				looked++
			}
			if w.room.People() != 1 {
				t.Fatalf("%s: guess %d is right and lets in, after %d that were looked at", what, n, looked)
			}
		}
		if most := roomFreeGuesses + 10; looked > most {
			t.Errorf("%s: %d guesses are looked at in 10 s, more than %d", what, looked, most)
		}
		w.nowMs += maxRoomDelayMs
		w.arrives(t, 2, asking("bob", "7411"))
		if w.room.People() != 2 {
			t.Errorf("%s: whoever knows the passcode does not get in", what)
		}
	}
}

// TestWhoeverHasEnteredIsSparedTheRoomsDelay, as long as the others guess.
func TestWhoeverHasEnteredIsSparedTheRoomsDelay(t *testing.T) {
	w := doorman(t, `{"passcode":"7411"}`)
	w.arrives(t, 2, asking("bob", "7411"))
	if fault := w.step(received(w.last, `{"type":"LEAVE_ROOM","roomId":"room-1","userId":"bob"}`)); fault != "" {
		t.Fatal(fault)
	}
	for n := range 100 {
		w.arrives(t, uint64(1000+n), asking("eve", "0000"))
	}
	if seen := w.arrives(t, 3, asking("cem", "7411")); !strings.Contains(seen, "TOO_MANY_ATTEMPTS") {
		t.Errorf("a stranger need not wait: %s", seen)
	}
	if w.arrives(t, 2, asking("bob", "7411")); w.room.People() != 2 {
		t.Error("whoever has been in the room has to wait")
	}
}

// TestAThousandKnocksShowTheHostABoundedList: of as many as knock, from many addresses, the host
// is told of MaxKnocks.
func TestAThousandKnocksShowTheHostABoundedList(t *testing.T) {
	w := doorman(t, `{"entry":"KNOCK"}`)
	shown, refused := 0, 0
	for n := range 1000 {
		seen := w.arrives(t, uint64(1000+n), fmt.Sprintf(`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1}`, n))
		shown += strings.Count(seen, `"type":"KNOCK",`)
		refused += strings.Count(seen, `"code":"TOO_MANY_KNOCKS"`)
	}
	if most := w.config.MaxKnocks; shown != most || refused != 1000-most || len(w.room.knocks) != most {
		t.Errorf("the host is shown %d, %d are refused and %d kept", shown, refused, len(w.room.knocks))
	}
	if n := len(w.room.AppendSnapshot(nil)); n > 4096 {
		t.Errorf("the snapshot has %d bytes", n)
	}
}

// TestASnapshotHasNoSecretOfTheDoor: neither the passcode nor a knock token.
func TestASnapshotHasNoSecretOfTheDoor(t *testing.T) {
	w := doorman(t, `{"entry":"KNOCK","passcode":"7411"}`)
	w.arrives(t, 2, asking("bob", "7411"))
	secret := secretOf(w.last)
	w.room.door.passcode.digest = [DigestBytes]byte{} // which is the passcode itself in a world
	snapshot := string(w.room.AppendSnapshot(nil)) + string(w.room.AppendAttachment(nil, w.last))
	if strings.Contains(snapshot, "7411") || strings.Contains(snapshot, string(secret[:])) {
		t.Error("a secret is stored")
	}
}

// TestStaleKnocksAreForgotten: a program that ignores knocks keeps them, whatever becomes of their
// owners.
func TestStaleKnocksAreForgotten(t *testing.T) {
	w := doorman(t, `{"entry":"KNOCK"}`)
	for address, user := range []string{"bob", "cem", "dan"} {
		w.arrives(t, uint64(address), asking(user, "none"))
	}
	w.room.seats[0].id = "bob"
	w.room.bans = []ban{{userID: "cem"}}
	r, err := Restore(&w.config, "room-1", w.room.AppendSnapshot(nil))
	if err != nil || len(r.knocks) != 1 || r.knocks[0].userID != "dan" || !r.knocksFit() {
		t.Errorf("the knocks are %v, %v", r.knocks, err)
	}
	w.room.door.entry = protocol.EntryLocked
	if r, err = Restore(&w.config, "room-1", w.room.AppendSnapshot(nil)); err != nil || len(r.knocks) != 0 {
		t.Errorf("the knocks at a locked door are %v, %v", r.knocks, err)
	}
}
