package rooms

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/room"
)

// A room that was given up may be reopened, and end, before anybody looks at what remains of it.
func TestGivenUpRoomIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := w.create("room-1")
		var first sync.Once
		w.store.onLoad = func() { first.Do(func() { time.Sleep(time.Second) }) }
		w.breakRoom(v)
		w.counted(1)
		v = w.create("room-1") // her seat again
		w.counted(1)
		v.say("LEAVE_ROOM", "")
		w.counted(0)
		w.afterGrace()
		w.counted(0)
	})
}

func TestGivenUpRoomThatNobodyComesBackToIsCountedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.breakRoom(w.create("room-1"))
		w.store.mu.Lock()
		w.store.loads = errDisk
		w.store.mu.Unlock()
		w.afterGrace()
		w.counted(1) // nobody knows
		w.store.mu.Lock()
		w.store.loads = nil
		w.store.mu.Unlock()
		w.afterGrace()
		w.counted(0)
		if len(w.store.durable) != 0 || len(w.InMemory()) != 0 || len(w.registry.dropped) != 0 {
			t.Errorf("left are %v in the store, %v in memory, %v given up", w.store.durable, w.InMemory(), w.registry.dropped)
		}
	})
}

// The room has ended, but its record is still there, so it still counts.
func TestRoomWhoseDeleteFailedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := w.create("room-1")
		w.create("room-2")
		w.store.hold(true)
		v.say("LEAVE_ROOM", "")
		w.store.commit(1, errDisk)
		synctest.Wait()
		w.store.hold(false)
		if _, code := v.got(); code != protocol.CloseTryLater {
			t.Errorf("closed with %d", code)
		}
		again := w.create("room-1")
		w.counted(2)
		again.say("LEAVE_ROOM", "")
		w.counted(1)
		if n := w.metrics.Rooms.Load(); n != 1 {
			t.Errorf("%d rooms are counted by the metrics", n)
		}
	})
}

// Changes that are pending in the store may still fail, so nobody may see them.
func TestGivenUpRoomShowsNothingThatIsNotStored(t *testing.T) {
	for name, begin := range map[string]func(*world, *visitor){
		"save": func(w *world, v *visitor) {
			v.say("RENAME_ROOM", `,"newRoomName":"Not stored"`)
			w.breakRoom(v)
		},
		"delete": func(w *world, v *visitor) {
			v.say("LEAVE_ROOM", "")
			w.broken = "broken by the test"
			w.open("room-1")
		},
		"save for later": func(w *world, v *visitor) {
			v.say("RENAME_ROOM", `,"newRoomName":"Not stored"`)
			l := v.session.room
			l.mu.Lock()
			l.saveLater()
			l.mu.Unlock()
			w.SaveLater()
			w.store.commit(1, errDisk)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				v := w.create("room-1")
				w.store.hold(true)
				begin(w, v)
				synctest.Wait()
				var summary protocol.RoomSummary
				refusal := protocol.Code("none yet")
				go func() { summary, refusal = w.Describe(t.Context(), "room-1") }()
				synctest.Wait()
				if refusal != "none yet" {
					t.Errorf("%+v %s is seen", summary, refusal)
				}
				w.store.hold(false)
				w.store.commit(len(w.store.queue), errDisk)
				synctest.Wait()
				if refusal != protocol.CodeStorageUnavailable {
					t.Errorf("%+v %s is seen although its commit failed", summary, refusal)
				}
				if summary, refusal = w.Describe(t.Context(), "room-1"); refusal != "" || summary.Name == "Not stored" {
					t.Errorf("%+v %s is seen afterwards", summary, refusal)
				}
			})
		})
	}
}

// A client that comes after the clean mark was made must not remove it.
func TestNobodyEntersARoomAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.create("room-1")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, refusal := w.tryOpen("room-1"); refusal != protocol.CodeDraining {
			t.Errorf("let in: %q", refusal)
		}
		if _, refusal := w.Describe(t.Context(), "room-1"); refusal != protocol.CodeDraining {
			t.Errorf("described: %q", refusal)
		}
		synctest.Wait()
		if !w.store.durable["room-1"].Clean {
			t.Error("the record is not marked clean")
		}
	})
}

func TestDescribeRepliesWhenTheRoomGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := w.create("room-1")
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"New"`)
		var refusal protocol.Code
		go func() { _, refusal = w.Describe(t.Context(), "room-1") }()
		synctest.Wait()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if refusal != protocol.CodeStorageUnavailable {
			t.Errorf("refused with %q", refusal)
		}
		l := v.session.room
		l.mu.Lock()
		stored := l.stored()
		l.mu.Unlock()
		if <-stored {
			t.Error("a room that is gone is stored")
		}
	})
}

// A panic while a room is loaded ends neither the process nor the room's lock.
func TestPanicOfALoadCostsOneVisit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.create("room-1")
		w.breakRoom(w.open("room-1"))
		w.store.onLoad = func() { panic("a defect") }
		if _, refusal := w.tryOpen("room-1"); refusal != protocol.CodeInternal {
			t.Errorf("refused with %q", refusal)
		}
		w.store.onLoad = nil
		w.counted(1)
		w.create("room-1").say("LEAVE_ROOM", "")
		w.counted(0)
		if n := w.metrics.Rooms.Load(); n != 0 {
			t.Errorf("%d rooms are counted by the metrics", n)
		}
	})
}

// A room that was reserved for an event that panicked may be created later.
func TestPanicOfAStepReservesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := w.open("room-1")
		v.session.step(room.Event{Kind: room.Received}, nil) // without a Message the core panics
		synctest.Wait()
		if _, code := v.got(); code != protocol.CloseInternal {
			t.Fatalf("closed with %d", code)
		}
		w.counted(0)
		w.create("room-1")
		w.counted(1)
	})
}

// A server that stops ignores rooms that nobody came back to.
func TestStoppingEndsNoUntouchedRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := newWorld(t, nil)
		old.create("room-1")
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, old.store.durable)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		w.Stopping()
		w.afterGrace()
		if len(w.InMemory()) != 0 || !w.store.durable["room-1"].Clean {
			t.Error("the room was loaded")
		}
	})
}
