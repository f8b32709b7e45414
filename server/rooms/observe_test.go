package rooms

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"usher/room"
)

// witness notes what it is told.
type witness struct {
	mu   sync.Mutex
	told []string
}

func (o *witness) Happened(roomID string, occurrences []*room.Occurrence) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, occurrence := range occurrences {
		o.told = append(o.told, roomID+" "+occurrence.Kind.String())
	}
}

// expect fails unless exactly this was told since the last call.
func (o *witness) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.told, want) {
		t.Errorf("told was %q, want %q", o.told, want)
	}
	o.told = nil
}

// createObserved makes room-1, and a witness who is told what happens from then on.
func (w *world) createObserved() (*witness, *visitor) {
	w.t.Helper()
	o := new(witness)
	w.config.Observer, w.config.Room.Report = o, true
	v := w.create("room-1")
	o.expect(w.t, "room-1 room.created", "room-1 user.joined")
	return o, v
}

// Nobody is told what has happened before that is stored.
func TestOccurrencesAreToldOnceStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		o, v := w.createObserved()
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Stored"`)
		v.say("LEAVE_ROOM", "")
		o.expect(t)
		w.store.commit(1, nil)
		o.expect(t, "room-1 room.renamed")
		w.store.commit(1, nil)
		o.expect(t, "room-1 user.left", "room-1 room.ended")
		if left := w.InMemory(); len(left) != 0 {
			t.Errorf("%v is in memory", left)
		}
	})
}

// What could not be stored has not happened.
func TestWhatFailedIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		o, v := w.createObserved()
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Not stored"`)
		w.store.commit(1, errDisk)
		o.expect(t)
	})
}

// What needs no commit of its own is told when those before it are done.
func TestOccurrencesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		o, v := w.createObserved()
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Stored"`)
		v.session.Disconnected(1006)
		o.expect(t)
		w.store.commit(1, nil)
		o.expect(t, "room-1 room.renamed", "room-1 user.disconnected")
		v = w.open("room-1")
		v.session.Disconnected(1006) // a socket without a seat is nobody
		o.expect(t)
	})
}

// While another node may own the room nothing is told.
func TestOccurrencesWaitForTheTenure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		o, v := w.createObserved()
		tenure.valid.Store(false)
		v.say("RENAME_ROOM", `,"newRoomName":"Later"`)
		o.expect(t)
		tenure.valid.Store(true)
		w.Resume()
		o.expect(t, "room-1 room.renamed")
	})
}

// A stop tells what it stores.
func TestCloseTellsWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		o, v := w.createObserved()
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Stored"`)
		w.store.onFlush = func() { w.store.commit(2, nil) }
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		o.expect(t, "room-1 room.renamed")
	})
}
