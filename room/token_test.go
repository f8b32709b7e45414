package room_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"testing"

	"usher/protocol"
	"usher/room"
	"usher/room/roomtest"
)

// shelf keeps what a shell keeps of a room, whose connections are users.
type shelf struct {
	room        *room.Room
	nowMs       int64
	snapshot    []byte
	attachments [][]byte
}

func (s *shelf) step(event room.Event) {
	for _, e := range s.room.Step(s.nowMs, event, nil) {
		switch e.Kind {
		case room.Save, room.SaveLater:
			s.snapshot = s.room.AppendSnapshot(nil)
		case room.Attach:
			s.attachments = append(s.attachments, s.room.AppendAttachment(nil, e.Conn))
		}
	}
}

func (s *shelf) say(conn room.ConnID, format string, args ...any) {
	event := received(conn, fmt.Sprintf(format, args...))
	event.Secret = secretOf(conn)
	s.step(event)
}

func secretOf(conn room.ConnID) (secret [protocol.TokenBytes]byte) {
	copy(secret[:], fmt.Sprintf("%d, which nobody knows", conn))
	return secret
}

// TestWhatIsStolenSeatsNobody: neither a snapshot nor an attachment holds a token, of a seat, of
// somebody who is banned, or of somebody who waits.
func TestWhatIsStolenSeatsNobody(t *testing.T) {
	config := room.DefaultConfig()
	config.Hibernates = true
	s := shelf{room: room.New(&config, roomtest.RoomID), nowMs: 1_000}
	for conn := range room.ConnID(4) {
		s.step(room.Event{Kind: room.Connected, Conn: conn + 1})
	}
	s.say(1, `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann","protocol":1}`)
	s.say(2, `{"type":"JOIN_ROOM","roomId":"room-1","userId":"bob","userName":"Bob","protocol":1}`)
	s.say(1, `{"type":"KICK_USER","roomId":"room-1","userId":"ann","targetUserId":"bob","ban":true}`)
	s.nowMs += 1_000
	s.say(3, `{"type":"JOIN_ROOM","roomId":"room-1","userId":"cem","userName":"Cem"}`)
	s.say(4, `{"type":"JOIN_ROOM","roomId":"room-1","userId":"dan","userName":"Dan"}`) // waits
	if s.room.People() != 2 {
		t.Fatalf("%d people", s.room.People())
	}
	stolen := s.snapshot
	for _, attachment := range s.attachments {
		stolen = append(stolen, attachment...)
	}
	for conn := range room.ConnID(4) {
		secret := secretOf(conn + 1)
		wrong := append(stolen[:len(stolen):len(stolen)], "at the end: "...)
		token, err := roomtest.Steal(s.snapshot, append(wrong, secret[:]...), "ann", "cem")
		if want := base64.RawURLEncoding.EncodeToString(secret[:]); err != nil || (token == want) != (conn == 0 || conn == 2) || token != want && token != "" {
			t.Errorf("%q seats, with the token of %d at the end (%v)", token, conn+1, err)
		}
	}
}

// TestAnOlderSnapshotIsStolenFrom shows that the thief finds what there is: versions up to 3 have
// tokens as they are. A room is stored without them as soon as it is loaded.
func TestAnOlderSnapshotIsStolenFrom(t *testing.T) {
	for version := 1; version <= 3; version++ {
		older, err := os.ReadFile(fmt.Sprintf("testdata/snapshot-v%d.bin", version))
		if err != nil {
			t.Fatal(err)
		}
		if token, err := roomtest.Steal(older, older, "u0", "u1"); token == "" {
			t.Errorf("version %d: nothing in it seats anybody (%v)", version, err)
		}
		config := room.DefaultConfig()
		config.Hibernates = true
		for what, event := range map[string]room.Event{"restored": {Kind: room.Restored}, "woken": {Kind: room.Woken}} {
			r, err := room.Restore(&config, roomtest.RoomID, older)
			if err != nil {
				t.Fatal(err)
			}
			if effects := r.Step(1_000_000, event, nil); len(effects) == 0 || effects[0].Kind != room.SaveLater {
				t.Errorf("version %d, %s: it is not stored again: %+v", version, what, effects)
			}
			newer := r.AppendSnapshot(nil)
			if token, err := roomtest.Steal(older, newer, "u0", "u1"); token != "" || err != nil {
				t.Errorf("version %d, %s: %q is still in it (%v)", version, what, token, err)
			}
			if token, err := roomtest.Steal(newer, older, "u0", "u1"); token == "" {
				t.Errorf("version %d, %s: the token no longer seats its owner (%v)", version, what, err)
			}
		}
	}
}

func TestHoldsTellsWhoseTokenItIs(t *testing.T) {
	config := room.DefaultConfig()
	config.Hibernates = true
	s := shelf{room: room.New(&config, roomtest.RoomID), nowMs: 1_000}
	tokenOf := func(conn room.ConnID) []byte {
		secret := secretOf(conn)
		return base64.RawURLEncoding.AppendEncode(nil, secret[:])
	}
	holds := func(userID string, token []byte) int64 {
		takenAtMs, ok := s.room.Holds([]byte(userID), token)
		if ok != (takenAtMs != 0) {
			t.Errorf("%s: %d, %v", userID, takenAtMs, ok)
		}
		return takenAtMs
	}
	if holds("ann", nil) != 0 {
		t.Error("a room that does not exist has a seat")
	}
	for conn := range room.ConnID(3) {
		s.step(room.Event{Kind: room.Connected, Conn: conn + 1})
	}
	s.say(1, `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann","protocol":1}`)
	s.nowMs += 1_000
	s.say(2, `{"type":"JOIN_ROOM","roomId":"room-1","userId":"bob","userName":"Bob","protocol":1}`)
	if a, b := holds("ann", tokenOf(1)), holds("bob", tokenOf(2)); a != 1_000 || b != 2_000 {
		t.Errorf("%d and %d", a, b)
	}
	for _, token := range [][]byte{nil, {}, tokenOf(2), tokenOf(1)[1:], append(tokenOf(1), 'A'), []byte("a token")} {
		if holds("ann", token) != 0 {
			t.Errorf("%q is Ann's", token)
		}
	}
	s.say(1, `{"type":"KICK_USER","roomId":"room-1","userId":"ann","targetUserId":"bob"}`)
	if holds("bob", tokenOf(2)) != 0 {
		t.Error("who was kicked has a seat")
	}
	s.nowMs += 1_000
	s.say(3, `{"type":"JOIN_ROOM","roomId":"room-1","userId":"bob","userName":"Bob","protocol":1}`)
	if holds("bob", tokenOf(2)) != 0 || holds("bob", tokenOf(3)) != 3_000 {
		t.Error("the seat is not a new one")
	}
}
