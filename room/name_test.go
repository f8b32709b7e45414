package room

import (
	"bytes"
	"testing"

	"usher/protocol"
)

// A name that was stored before it became INVALID_NAME is still its owner's.
func TestStoredNamesAreLoadedAsTheyAre(t *testing.T) {
	w := newWorld()
	w.step(Event{Kind: Connected})
	frame := protocol.CreateRoomMessage{
		BaseSignalingMessage: protocol.BaseSignalingMessage{RoomID: "room-1", UserID: "ann"}, UserName: "AAA", RoomName: "RRR",
	}.Append(nil)
	message, err := protocol.Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	if fault := w.step(Event{Kind: Received, Conn: w.last, Frame: frame, Message: &message, Secret: secretOf(w.last)}); fault != "" {
		t.Fatal(fault)
	}
	snapshot := w.room.AppendSnapshot(nil)
	for old, stored := range map[string]string{"AAA": "\u3164", "RRR": "\u202e"} {
		if _, ok := protocol.TrimName(stored, protocol.MaxJoinNameUnits); ok || !bytes.Contains(snapshot, []byte(old)) {
			t.Fatalf("the test does not put a refused name in the place of %s", old)
		}
		snapshot = bytes.ReplaceAll(snapshot, []byte(old), []byte(stored))
	}
	restored, err := Restore(&w.config, "room-1", snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if state := restored.State(); state.Name != "\u202e" || state.Users[0].Name != "\u3164" {
		t.Errorf("the names are %+q and %+q", state.Name, state.Users[0].Name)
	}
}
