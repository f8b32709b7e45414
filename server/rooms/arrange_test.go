package rooms

import (
	"testing"

	"usher/protocol"
	"usher/room"
)

// busyHasher has no time for a passcode.
type busyHasher struct{}

func (busyHasher) Hash(uint64, string, [room.SaltBytes]byte, int, func([room.DigestBytes]byte, bool)) bool {
	return false
}

// A room is not made without the passcode that it is to have.
func TestARoomIsNotMadeWithoutItsPasscode(t *testing.T) {
	w := newWorld(t, nil)
	w.Rooms.config.Hasher = busyHasher{}
	a := room.Arrangement{AwaitedUntilMs: realClock{}.Now().Ms + 60_000, Door: protocol.DoorChange{Passcode: []byte("sesame")}}
	if _, refusal := w.Create(t.Context(), "room-1", a); refusal != protocol.CodeRoomBusy {
		t.Errorf("%q", refusal)
	}
	if _, refusal := w.Describe(t.Context(), "room-1"); refusal != protocol.CodeRoomNotFound {
		t.Errorf("%q", refusal)
	}
}
