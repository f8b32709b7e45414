package rooms

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/server/store"
)

const keptHour = `,"userName":"Ann","keepMs":3600000`

// keep makes a room that stays for an hour, and leaves it.
func (w *world) keep(id string) {
	w.t.Helper()
	v := w.open(id)
	v.say("CREATE_ROOM", keptHour)
	v.say("LEAVE_ROOM", "")
}

// asleep fails unless the rooms that exist are only in the store.
func (w *world) asleep(want int) {
	w.t.Helper()
	synctest.Wait()
	w.registry.mu.Lock()
	defer w.registry.mu.Unlock()
	if len(w.registry.m) != 0 || len(w.registry.dropped) != want || len(w.store.durable) != want {
		w.t.Errorf("%d rooms are in memory, %d asleep and %d stored, want %d", len(w.registry.m), len(w.registry.dropped), len(w.store.durable), want)
	}
	if n := w.metrics.Rooms.Load(); n != 0 {
		w.t.Errorf("%d rooms are counted as in memory", n)
	}
}

// A room that stays is not in memory while nobody is in it, counts for its creator's address, and
// ends on time.
func TestAnEmptyKeptRoomSleepsUntilItsEnd(t *testing.T) {
	for what, restarted := range map[string]bool{"in the same process": false, "after a restart": true} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.keep("room-1")
				w.asleep(1)
				if restarted {
					w = newWorld(t, maps.Clone(w.store.durable))
					w.endUntouched(context.Background())
					w.asleep(1)
				}
				w.counted(1)
				time.Sleep(59 * time.Minute)
				if _, refusal := w.Describe(t.Context(), "room-1"); refusal != "" {
					t.Errorf("after 59 min: %s", refusal)
				}
				w.asleep(1)
				w.counted(1)
				time.Sleep(time.Minute + time.Second)
				w.asleep(0)
				w.counted(0)
			})
		})
	}
}

// Whoever comes finds the room, and the time begins again when the last has left.
func TestASleepingRoomWakesForWhoeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.keep("room-1")
		time.Sleep(50 * time.Minute)
		v := w.open("room-1")
		v.say("JOIN_ROOM", `,"userName":"Bob"`)
		w.counted(1)
		time.Sleep(20 * time.Second)
		v.say("LEAVE_ROOM", "")
		w.asleep(1)
		time.Sleep(59 * time.Minute)
		w.asleep(1)
		w.open("room-1").session.Disconnected(protocol.CloseNormal)
		w.asleep(1)
		time.Sleep(2 * time.Minute)
		w.asleep(0)
		w.counted(0)
	})
}

// What a SaveLater has put off is stored before a room sleeps, and it sleeps when that is done.
func TestARoomSleepsWhenAllOfItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.keep("room-1")
		v := w.open("room-1")
		v.session.room.mu.Lock()
		v.session.room.saveLater()
		v.session.room.mu.Unlock()
		w.store.hold(true)
		v.session.Disconnected(1006)
		synctest.Wait()
		if n := len(w.InMemory()); n != 1 {
			t.Errorf("%d rooms are in memory before it is stored", n)
		}
		w.store.hold(false)
		w.store.commit(len(w.store.queue), nil)
		w.asleep(1)
	})
}

// A node that has lost a room, or has handed it over, neither counts nor ends it.
func TestASleepingRoomGoesWithItsTenure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, end := range map[string]func(*world, *fakeTenure){
			"lost":        func(w *world, tenure *fakeTenure) { w.Lose(tenure) },
			"handed over": func(w *world, tenure *fakeTenure) { w.HandOver(tenure) },
		} {
			w, tenure := ownedWorld(t, nil)
			w.keep("room-1")
			w.asleep(1)
			w.counted(1)
			tenure.valid.Store(what == "handed over")
			w.owner.current.Store(nil)
			end(w, tenure)
			w.counted(0)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if len(w.store.durable) != 1 {
				t.Errorf("%s: the room is not in the store", what)
			}
			next := ownedWorldWith(t, w.store.durable)
			next.Touch(context.Background(), "room-1") // as the next owner does
			next.asleep(0)
		}
	})
}

// ownedWorldWith is ownedWorld without the tenure.
func ownedWorldWith(t *testing.T, records map[string]store.Record) *world {
	w, _ := ownedWorld(t, records)
	return w
}

// TestSleepingRoomsCostLittle measures what the rooms that sleep leave in memory.
func TestSleepingRoomsCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.limit.max = 0
		const rooms = 2_000
		before := heapBytes()
		for i := range rooms {
			w.keep(fmt.Sprint("room-", i))
		}
		w.asleep(rooms)
		stored := 0
		for id, r := range w.store.durable {
			stored += len(id) + cap(r.Snapshot)
		}
		each := (int(heapBytes()-before) - stored) / rooms
		t.Logf("%d bytes each, and the test's store", each)
		if each > 1500 {
			t.Errorf("%d bytes each", each)
		}
	})
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
