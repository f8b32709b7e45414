package server

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"usher/room/roomtest"
	"usher/server/store"
	"usher/server/store/bolt"
)

// TestAStolenDatabaseSeatsNobody: whatever has happened to a room, no token is in the file, neither
// that of a seat nor that of somebody who is banned.
func TestAStolenDatabaseSeatsNobody(t *testing.T) {
	t.Parallel()
	s := launch(t, t.TempDir(), nil)
	ann, annToken, bobToken := awayWithHeldFrames(t, s, roomtest.RoomID)
	cem := s.open(roomtest.RoomID, "cem")
	cemToken := cem.join().ResumeToken
	ann.expect("USER_JOINED")
	ann.say("KICK_USER", `"targetUserId":"cem"`, `"ban":true`)
	ann.expect("USER_LEFT")
	ann.drop()
	ann = s.open(roomtest.RoomID, "ann")
	ann.resume(annToken)
	ann.drop()
	s.stop()

	file, err := os.ReadFile(filepath.Join(s.dir, "rooms.db"))
	if err != nil {
		t.Fatal(err)
	}
	snapshot := snapshotIn(t, s.dir)
	steal := func(stolen []byte) string {
		token, err := roomtest.Steal(snapshot, stolen, "ann", "bob")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if token := steal(file); token != "" {
		t.Errorf("%q is in the file and seats somebody", token)
	}
	for token, seats := range map[string]bool{annToken: true, bobToken: true, cemToken: false} {
		asBytes, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		if found := steal([]byte("from a wire: " + token)); (found == token) != seats {
			t.Errorf("of %s, %q seats somebody", token, found)
		}
		if found := steal(append([]byte("from memory: "), asBytes...)); (found == token) != seats {
			t.Errorf("of the bytes of %s, %q seats somebody", token, found)
		}
	}
}

// snapshotIn returns the snapshot of the only room in a folder.
func snapshotIn(t *testing.T, dir string) (snapshot []byte) {
	t.Helper()
	s, err := bolt.Open(dir, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.All(context.Background(), func(_ string, r store.Record) error {
		snapshot = append(snapshot, r.Snapshot...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}
