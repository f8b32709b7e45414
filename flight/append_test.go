package flight

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"usher/protocol"
	"usher/room"
)

// TestEntriesAreWrittenAsByReflection sets each field of an entry by itself, and some together.
func TestEntriesAreWrittenAsByReflection(t *testing.T) {
	entries := readFile(t).Entries
	each := func(make func() (*Entry, reflect.Value)) {
		_, v := make()
		for i := range v.NumField() {
			e, v := make()
			set(v.Field(i))
			entries = append(entries, *e)
		}
	}
	each(func() (*Entry, reflect.Value) {
		e := &Entry{AtMs: 1, Kind: "received"}
		return e, reflect.ValueOf(e).Elem()
	})
	each(func() (*Entry, reflect.Value) {
		e := &Entry{Message: &Message{Type: "JOIN_ROOM"}}
		return e, reflect.ValueOf(e.Message).Elem()
	})
	each(func() (*Entry, reflect.Value) {
		e := &Entry{Effects: []Effect{{Do: "save"}, {Do: "send"}}}
		return e, reflect.ValueOf(&e.Effects[1]).Elem()
	})
	for i := range entries {
		want, err := json.Marshal(&entries[i], byName)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := appendEntry(nil, &entries[i]); string(got) != string(want) || err != nil {
			t.Errorf("%s\nis written as\n%s, %v", want, got, err)
		}
	}
	plain := 0
	for i := range entries {
		if entries[i].isPlain() {
			plain++
		}
	}
	if plain < 20 {
		t.Errorf("%d of %d are plain", plain, len(entries))
	}
}

// set gives a field a value that is not zero.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a \"quote\" <&> \u2028 \x01")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(60_000)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if e := v.Elem(); e.Kind() == reflect.String || e.Kind() == reflect.Array {
			set(e)
		}
	case reflect.Array:
		set(v.Index(3))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		set(v.Index(1))
	case reflect.Struct:
		set(v.Field(0))
	}
}

// BenchmarkJoinRecorded records what happens when somebody joins a room of four.
func BenchmarkJoinRecorded(b *testing.B) {
	id := "3f0e7a52-5c0a-4a0c-9c43-3a0d9a0f6f11"
	event := room.Event{
		Kind: room.Received, Conn: 4, Secret: [16]byte{1}, Frame: make([]byte, 150),
		Message: &protocol.Message{Type: protocol.JoinRoom, RoomID: []byte(id), UserID: []byte(id), UserName: "Anna", Protocol: 1},
	}
	effects := []room.Effect{{Kind: room.Save}, {Kind: room.Send, Conn: 4, Frame: make([]byte, 900)}, {Kind: room.SeatTaken}, {Kind: room.SetAlarm, AtMs: 1}}
	for i := range room.ConnID(3) {
		effects = append(effects, room.Effect{Kind: room.Send, Conn: i + 1, Frame: effects[1].Frame[:400]})
	}
	r := &Ring{budget: NewBudget(1<<20, [32]byte{}), newer: new(segment)}
	b.ReportAllocs()
	for b.Loop() {
		r.After(1_700_000_000_000, &event, effects)
		r.newer.events = r.newer.events[:0]
	}
}
