package api

import (
	"fmt"
	"reflect"
	"testing"

	"usher/room"
)

func TestARingGoesOnInAnotherProcess(t *testing.T) {
	for _, n := range []int{0, 1, ringSize - 1, ringSize, ringSize + 1, 3*ringSize + 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			old, fresh := New(), New()
			old.events.epoch = "old"
			happens := func(a *API, i int) {
				a.Happened("room-1", []*room.Occurrence{{Kind: room.UserJoined, UserID: fmt.Sprint(i), AtMs: int64(i)}})
			}
			for i := range n {
				happens(old, i)
			}
			b, err := old.AppendEvents(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := fresh.RestoreEvents(b); err != nil {
				t.Fatal(err)
			}
			happens(old, n)
			happens(fresh, n)
			if !reflect.DeepEqual(old.events.entries, fresh.events.entries) || old.events.next != fresh.events.next {
				t.Error("the events differ")
			}
			id := old.events.id(old.events.next - 1)
			from, missing := fresh.events.after(id)
			if from != fresh.events.next || missing {
				t.Errorf("after %s comes %d, and events are missing: %t", id, from, missing)
			}
		})
	}
}

func TestWhatIsNoRingIsRefused(t *testing.T) {
	b, err := New().AppendEvents(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, []byte("x"), b[:len(b)-1]} {
		if New().RestoreEvents(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
