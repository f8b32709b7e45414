package room

import (
	"encoding/binary"
	"strings"
	"testing"
)

// TestARoomRemembersSoManyPasses: further tickets and invites for one person wait until some of
// those that have been used expire. None is forgotten before that.
func TestARoomRemembersSoManyPasses(t *testing.T) {
	w := doorman(t, `{}`)
	untilMs := w.nowMs + 3_600_000
	enters := func(pass int) string {
		w.nowMs++
		who := &Identity{Invited: true, RoomSinceMs: w.room.createdAtMs, EnterUntilMs: untilMs}
		binary.BigEndian.PutUint64(who.Once[:], uint64(pass)+1)
		if fault := w.step(Event{Kind: Connected, Address: 9, Identity: who}); fault != "" {
			t.Fatal(fault)
		}
		before := w.log.Len()
		for _, frame := range []string{
			`{"type":"JOIN_ROOM","roomId":"room-1","userId":"bob","userName":"Bob","protocol":1}`,
			`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"bob"}`,
		} {
			if fault := w.step(received(w.last, frame)); fault != "" {
				t.Fatal(fault)
			}
		}
		return w.log.String()[before:]
	}
	for pass := range MaxPasses {
		if seen := enters(pass); !strings.Contains(seen, "ROOM_JOINED") {
			t.Fatalf("pass %d does not let in: %s", pass, seen)
		}
	}
	if seen := enters(0); !strings.Contains(seen, "INVITE_USED") {
		t.Errorf("the first lets in again: %s", seen)
	}
	if seen := enters(MaxPasses); !strings.Contains(seen, "ROOM_BUSY") {
		t.Errorf("one too many: %s", seen)
	}
	w.nowMs, untilMs = untilMs, untilMs+3_600_000
	if seen := enters(MaxPasses); !strings.Contains(seen, "ROOM_JOINED") {
		t.Errorf("although the others have expired: %s", seen)
	}
}
