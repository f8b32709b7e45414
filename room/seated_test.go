package room

import (
	"testing"

	"usher/protocol"
)

// The metrics learn who has sat down, after how long an absence, and whose seat expired.
func TestTheShellLearnsOfSeatsAndAbsences(t *testing.T) {
	config := DefaultConfig()
	r, nowMs := New(&config, "room-1"), int64(1_000_000)
	step := func(e Event) (seen []Effect) {
		t.Helper()
		for _, effect := range r.Step(nowMs, e, nil) {
			if effect.Kind == SeatTaken || effect.Kind == SeatExpired {
				seen = append(seen, Effect{Kind: effect.Kind, Conn: effect.Conn, AtMs: effect.AtMs})
			}
		}
		return seen
	}
	join := func(conn ConnID, frame string) []Effect {
		t.Helper()
		if seen := step(Event{Kind: Connected, Conn: conn, Address: 1}); len(seen) > 0 {
			t.Errorf("seated before the join: %v", seen)
		}
		var f protocol.Frame
		f.Decode([]byte(frame))
		return step(Event{Kind: Received, Conn: conn, Frame: f.Bytes, Message: &f.Message, Secret: [protocol.TokenBytes]byte{1}})
	}
	want := func(seen []Effect, wanted Effect) {
		t.Helper()
		if len(seen) != 1 || seen[0].Kind != wanted.Kind || seen[0].Conn != wanted.Conn || seen[0].AtMs != wanted.AtMs {
			t.Errorf("%v, not %v", seen, wanted)
		}
	}
	const ann = `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann"}`
	want(join(1, ann), Effect{Kind: SeatTaken, Conn: 1})
	step(Event{Kind: Disconnected, Conn: 1, CloseCode: 1006})
	lostMs := nowMs
	nowMs += 5_000
	want(join(2, ann), Effect{Kind: SeatTaken, Conn: 2, AtMs: lostMs})
	step(Event{Kind: Disconnected, Conn: 2, CloseCode: 1006})
	nowMs += config.SeatGraceMs
	want(step(Event{Kind: AlarmFired}), Effect{Kind: SeatExpired})
}
