package room_test

import (
	"fmt"
	"testing"

	"usher/room"
)

// BenchmarkFill makes a room and seats four people, who then leave. Their ids are as long as the
// client's.
func BenchmarkFill(b *testing.B) {
	const id = "correct-horse-battery"
	config := room.DefaultConfig()
	var events []room.Event
	for i := range room.ConnID(4) {
		kind := "JOIN_ROOM"
		if i == 0 {
			kind = "CREATE_ROOM"
		}
		events = append(events, room.Event{Kind: room.Connected, Conn: i + 1},
			received(i+1, fmt.Sprintf(`{"type":%q,"roomId":%q,"userId":"3f0e7a52-5c0a-4a0c-9c43-3a0d9a0f6f1%d","userName":"Somebody","protocol":1}`, kind, id, i)))
	}
	for i := range room.ConnID(4) {
		events = append(events, room.Event{Kind: room.Disconnected, Conn: i + 1, CloseCode: 1000})
	}
	effects := make([]room.Effect, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		r := room.New(&config, id)
		for _, event := range events {
			effects = r.Step(1_700_000_000_000, event, effects[:0])
		}
	}
}
