package bolt

import (
	"errors"
	"fmt"
	"testing"

	"usher/server/store"
)

// fillUp saves rooms of 4 KB, 50 at a time, until the store is full, and returns how many it took.
func fillUp(t *testing.T, s *Store, health <-chan error) (rooms int) {
	t.Helper()
	for rooms < 10_000 {
		release := hold(s)
		saved := make(chan error, 50)
		for i := range cap(saved) {
			s.Save(roomID(rooms+i), store.Record{Snapshot: make([]byte, 4000)}, func(err error) { saved <- err })
		}
		release()
		for range cap(saved) {
			err := <-saved
			if err == nil {
				rooms++
				continue
			}
			if !errors.Is(err, store.ErrFull) {
				t.Fatalf("after %d rooms: %v", rooms, err)
			}
			if told := <-health; !errors.Is(told, store.ErrFull) {
				t.Fatalf("told %v", told)
			}
			return rooms
		}
	}
	t.Fatal("never full")
	return 0
}

func watched() (Options, <-chan error) {
	health := make(chan error, 100)
	return Options{MaxBytes: MinMaxBytes, OnHealth: func(err error) { health <- err }}, health
}

func TestFullStoreHealsWithDeletes(t *testing.T) {
	options, health := watched()
	options.probeEvery = 1 << 40 // no probe: the test says when
	s := open(t, t.TempDir(), options)
	rooms := fillUp(t, s, health)
	if s.Healthy() || !errors.Is(s.Err(), store.ErrFull) {
		t.Errorf("healthy when full: %v", s.Err())
	}
	if size := s.Stats().FileBytes; size > MinMaxBytes {
		t.Errorf("the file has %d bytes", size)
	}
	wantRecord(t, s, roomID(0), store.Record{Snapshot: make([]byte, 4000)})

	// Deletes are committed although the saves in their batch fail.
	release := hold(s)
	deleted := make(chan error, rooms)
	for i := range rooms {
		s.Delete(roomID(i), func(err error) { deleted <- err })
	}
	s.Save("huge", store.Record{Snapshot: make([]byte, 2*MinMaxBytes)}, func(err error) {
		if !errors.Is(err, store.ErrFull) {
			t.Errorf("the huge one: %v", err)
		}
	})
	release()
	for range rooms {
		if err := <-deleted; err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
	if s.Healthy() {
		t.Error("deletes say that saves succeed")
	}
	for range 5 {
		save(t, s, "again", store.Record{Snapshot: make([]byte, 100_000)})
	}
	if err := <-health; err != nil || !s.Healthy() || s.Err() != nil {
		t.Errorf("not healthy with room: %v", err)
	}
}

// Whoever drops is saved some seconds later, so all rooms may be saved at once. A store that has
// refused new rooms in time has room for that, although not in one transaction.
func TestFullStoreSavesAllRoomsAtOnce(t *testing.T) {
	options, health := watched()
	var failed int
	options.OnCommitFailed = func() { failed++ }
	s := open(t, t.TempDir(), options)
	rooms := 0
	for ; s.Healthy(); rooms++ {
		save(t, s, roomID(rooms), store.Record{Snapshot: make([]byte, 700)})
	}
	if told := <-health; !errors.Is(told, store.ErrFull) {
		t.Fatalf("told %v", told)
	}
	release := hold(s)
	saved := make(chan error, rooms)
	for i := range rooms {
		s.Save(roomID(i), store.Record{Snapshot: make([]byte, 750)}, func(err error) { saved <- err })
	}
	release()
	for i := range rooms {
		if err := <-saved; err != nil {
			t.Fatalf("room %d of %d: %v", i, rooms, err)
		}
	}
	if failed > 0 {
		t.Errorf("%d commits failed", failed)
	}
	wantRecord(t, s, roomID(rooms-1), store.Record{Snapshot: make([]byte, 750)})
}

func TestFullStoreHealsByItsProbe(t *testing.T) {
	options, health := watched()
	s := open(t, t.TempDir(), options)
	rooms := fillUp(t, s, health)
	for i := range rooms {
		s.Delete(roomID(i), nil)
	}
	for err := range health { // it may have been full again for a moment
		if err == nil && s.Healthy() {
			break
		}
	}
	fillUp(t, s, health)
}

func TestFullStoreHealsWithARaisedBound(t *testing.T) {
	dir := t.TempDir()
	options, health := watched()
	s := open(t, dir, options)
	rooms := fillUp(t, s, health)
	s.Close()

	options.MaxBytes *= 2
	s = open(t, dir, options)
	for i := range rooms {
		wantRecord(t, s, roomID(i), store.Record{Snapshot: make([]byte, 4000)})
	}
	if more := fillUp(t, s, health); more < rooms*3/2 {
		t.Fatalf("took %d rooms, %d in half the size", more, rooms)
	}
}

// TestChurnDoesNotGrowTheFile makes and ends rooms for ever, a short form of it.
func TestChurnDoesNotGrowTheFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	size := func(i int) int { return 300 + i*37%3000 + i%50/49*20_000 }
	const alive, rounds = 500, 24
	var settled int64
	for round := range rounds {
		for i := range alive {
			n := round*alive + i
			s.Save(fmt.Sprintf("room-%x", uint32(n)*2654435761), store.Record{Snapshot: make([]byte, size(n))}, nil)
			if old := n - alive; old >= 0 {
				s.Delete(fmt.Sprintf("room-%x", uint32(old)*2654435761), nil)
			}
			if i%100 == 99 {
				trySave(s, "pace", text("x"))
			}
		}
		if round == rounds/4 {
			settled = s.Stats().FileBytes
		}
	}
	stats := s.Stats()
	t.Logf("%d rooms: %d bytes, %d of them free; %d after a quarter", alive*rounds, stats.FileBytes, stats.FreeBytes, settled)
	if stats.FileBytes > settled+growBytes {
		t.Fatalf("grew from %d to %d", settled, stats.FileBytes)
	}
	s.Close()
	if n := len(contents(t, open(t, dir, Options{}))); n != alive+1 {
		t.Fatalf("%d rooms are left", n)
	}
}
