package rooms

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
)

// closedWith fails unless the visitor's socket was closed with the given code.
func (v *visitor) closedWith(t *testing.T, want protocol.CloseCode) {
	t.Helper()
	if _, code := v.got(); code != want {
		t.Errorf("closed with %d, want %d", code, want)
	}
}

func TestNobodyEntersARoomThatThisNodeDoesNotOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		tenure.valid.Store(false)
		if _, refusal := w.tryOpen("room-1"); refusal != protocol.CodeRoomUnavailable {
			t.Errorf("suspended: %q", refusal)
		}
		w.owner.current.Store(nil)
		if _, refusal := w.tryOpen("room-1"); refusal != protocol.CodeRoomUnavailable {
			t.Errorf("another's: %q", refusal)
		}
		if len(w.InMemory()) != 0 {
			t.Error("it is in memory")
		}
	})
}

// A room that is dropped late must not write in a later tenure of the same node.
func TestARoomIsSavedInTheTermInWhichItWasLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := ownedWorld(t, nil)
		w.store.term = 7
		v := w.create("room-1")
		w.store.term = 8
		v.say("RENAME_ROOM", `,"newRoomName":"New"`)
		if r := w.store.durable["room-1"]; r.Term != 7 {
			t.Errorf("saved in term %d", r.Term)
		}
	})
}

func TestALostRoomIsDroppedAndNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		v := w.create("room-1")
		tenure.valid.Store(false)
		w.owner.current.Store(nil)
		w.store.hold(true)
		w.Lose(tenure)
		synctest.Wait()
		v.closedWith(t, protocol.CloseRestart)
		if len(w.store.queue) != 0 || len(w.InMemory()) != 0 {
			t.Errorf("%d changes are stored, %d rooms in memory", len(w.store.queue), len(w.InMemory()))
		}
		w.counted(0)

		w.store.hold(false)
		w.owner.own()
		w.create("room-1") // her seat again
		w.counted(1)
	})
}

// A room that is being loaded keeps its lock for as long as the store takes.
func TestLoseDoesNotWaitForARoomThatIsBeingLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		loading := make(chan struct{})
		w.store.onLoad = func() { <-loading }
		go func() { _, _ = w.tryOpen("room-1") }()
		synctest.Wait()
		tenure.valid.Store(false)
		w.owner.current.Store(nil)
		w.Lose(tenure) // for ever, if it waits
		close(loading)
		synctest.Wait()
		if len(w.InMemory()) != 0 {
			t.Error("a lost room is in memory")
		}
	})
}

func TestARoomThatWasGivenUpIsCountedUntilItsTenureEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		w.breakRoom(w.create("room-1"))
		w.counted(1)
		tenure.valid.Store(false)
		w.owner.current.Store(nil)
		w.Lose(tenure)
		w.counted(0)
		w.afterGrace()
		w.counted(0)
	})
}

func TestHandOverStoresTheLastStateOfEachRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		v := w.create("room-1")
		w.open("room-2") // which does not exist
		w.owner.current.Store(nil)
		w.store.hold(true)
		over := make(chan bool)
		go func() {
			w.HandOver(tenure)
			close(over)
		}()
		synctest.Wait()
		if _, code := v.got(); code != 0 {
			t.Error("closed before the last state is stored")
		}
		if _, refusal := w.tryOpen("room-1"); refusal != protocol.CodeRoomUnavailable {
			t.Errorf("somebody who comes meanwhile is refused with %q", refusal)
		}
		v.say("RENAME_ROOM", `,"newRoomName":"Late"`)
		w.store.commit(len(w.store.queue), nil)
		<-over
		synctest.Wait()
		v.closedWith(t, protocol.CloseRestart)
		if r := w.store.durable["room-1"]; !r.Clean || len(w.store.durable) != 1 || len(w.store.queue) != 0 {
			t.Errorf("clean %v, %d records, %d changes more", r.Clean, len(w.store.durable), len(w.store.queue))
		}
		if len(w.InMemory()) != 0 {
			t.Error("a room that was handed over is in memory")
		}
		w.counted(0)
	})
}

func TestHandOverEndsIfTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		v := w.create("room-1")
		w.owner.current.Store(nil)
		w.store.hold(true)
		go func() {
			synctest.Wait()
			w.store.commit(len(w.store.queue), errDisk)
		}()
		w.HandOver(tenure)
		synctest.Wait()
		v.closedWith(t, protocol.CloseTryLater)
		w.counted(0)
	})
}

// pausedClock is a clock of a process that has not run for a while since it started.
type pausedClock struct {
	realClock
	ms int64
}

func (c pausedClock) Now() Moment { return Moment{Ms: c.realClock.Now().Ms, PausedMs: c.ms} }

// A node may have been paused before it took a room over, which is nothing to the room: a limit
// that has not filled for so long would refuse whatever people ask.
func TestARoomIsNotToldOfPausesBeforeTheTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := ownedWorld(t, nil)
		w.create("room-1")
		last := w.store.durable

		w, tenure := ownedWorld(t, last)
		limit := &w.config.Room
		w.config.Clock = pausedClock{ms: int64(limit.RoomRequestBurst/limit.RoomRequestsPerSecond+1) * 1000}
		tenure.since = w.config.Clock.Now()
		v := w.create("room-1")
		before, _ := v.got()
		v.say("RENAME_ROOM", `,"newRoomName":"New"`)
		r := w.store.durable["room-1"]
		if after, _ := v.got(); after != before+1 || !bytes.Contains(r.Snapshot, []byte("New")) {
			t.Errorf("%d replies, and %q is stored", after-before, r.Snapshot)
		}
	})
}

// The store's view is that of the system's clock, which may have been set.
func TestSeatsAreHeldForAGraceFromTheTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := ownedWorld(t, nil)
		w.create("room-1")
		last := w.store.durable

		w, _ = ownedWorld(t, last)
		w.store.behindMs = 2 * w.config.Room.SeatGraceMs
		w.open("room-1")
		time.Sleep(time.Duration(w.config.Room.SeatGraceMs)*time.Millisecond - time.Second)
		synctest.Wait()
		if _, kept := w.store.durable["room-1"]; !kept {
			t.Error("the seat has ended too early")
		}
	})
}

func TestResumeAndHandOverDoNotWaitForARoomThatIsBeingLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		w.create("room-1")
		other := w.owner.own() // of another shard
		loading := make(chan struct{})
		w.store.onLoad = func() { <-loading }
		go func() { _, _ = w.tryOpen("room-2") }()
		synctest.Wait()
		w.Resume()
		w.HandOver(tenure) // for ever, if either waits
		close(loading)
		synctest.Wait()
		if len(w.InMemory()) != 1 || !other.Valid() {
			t.Errorf("in memory are %v", w.InMemory())
		}
	})
}

// A node that is cut off from the others must not keep people who hear nothing.
func TestAnAbandonedRoomClosesItsPeopleAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		v := w.create("room-1")
		w.store.hold(true)
		tenure.valid.Store(false)
		v.say("RENAME_ROOM", `,"newRoomName":"Unseen"`)
		w.Abandon()
		v.closedWith(t, protocol.CloseTryLater)
		w.counted(1)
		if _, refusal := w.tryOpen("room-1"); refusal != protocol.CodeRoomUnavailable {
			t.Errorf("while it is not valid: %q", refusal)
		}
		w.store.commit(len(w.store.queue), errDisk)
		w.store.hold(false)
		tenure.valid.Store(true)
		w.Resume()
		w.create("room-1") // her seat again
		w.counted(1)
	})
}

func TestARoomWhoseCommitFailsWhileSuspendedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		v := w.create("room-1")
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Unseen"`)
		tenure.valid.Store(false)
		w.store.commit(1, errDisk)
		synctest.Wait()
		v.closedWith(t, protocol.CloseTryLater)
	})
}

// Whoever asks about a room must not wait for as long as the node is cut off.
func TestDescribeDoesNotWaitForALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		v := w.create("room-1")
		tenure.valid.Store(false)
		v.say("RENAME_ROOM", `,"newRoomName":"Unseen"`)
		if _, refusal := w.Describe(t.Context(), "room-1"); refusal != protocol.CodeStorageUnavailable {
			t.Errorf("refused with %q", refusal)
		}
		l := w.registry.m["room-1"]
		if l.owed != nil {
			t.Errorf("%d are still waiting", len(l.owed.asks))
		}
	})
}
