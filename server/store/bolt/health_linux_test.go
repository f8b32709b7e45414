package bolt

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"usher/server/store"
)

// What was written before may be written again on a full disk, and the next page may not: a store
// that trusts a small write is ready again and again, and every time some room is lost.
func TestStoreIsHealthyOnlyWhenTheDiskHasRoomForALargeRoom(t *testing.T) {
	dir := t.TempDir()
	health := make(chan error, 100)
	s := open(t, dir, Options{OnHealth: func(err error) { health <- err }})
	save(t, s, "grown", store.Record{Snapshot: make([]byte, 500_000)})
	if err := tryDelete(s, "grown"); err != nil {
		t.Fatal(err)
	}
	var free, asked atomic.Int64
	release := hold(s)
	s.db.spare = func(bytes int64) error {
		asked.Store(bytes)
		if bytes > free.Load() {
			return syscall.ENOSPC
		}
		return s.db.probeDisk(bytes)
	}
	restore := fillDisk(t, s)
	release()
	failing := store.Record{Snapshot: make([]byte, 100_000)}
	if err := trySave(s, "a", failing); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	<-health
	release = hold(s)
	restore()
	release()
	for _, bytes := range []int64{0, 4 << 10, minProbeBytes, 100_000} {
		free.Store(bytes)
		for range 3 {
			if err := trySave(s, "small", text("x")); err != nil {
				t.Fatal(err)
			}
			if s.Healthy() {
				t.Fatalf("healthy with %d bytes", bytes)
			}
		}
	}
	free.Store(1 << 20)
	if err := <-health; err != nil || asked.Load() < int64(len(failing.Snapshot)) {
		t.Fatalf("%v, after a probe of %d bytes", err, asked.Load())
	}
	save(t, s, "a", failing)
	if names := filesIn(t, dir); !slices.Equal(names, []string{fileName}) {
		t.Errorf("the folder has %v", names)
	}
}

// Whoever heeds Healthy loses no room to a bound: it is false before a save fails.
func TestBoundedStoreIsUnhealthyBeforeASaveFails(t *testing.T) {
	for _, size := range []int{1_000, 4_000, 12_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			options, health := watched()
			s := open(t, t.TempDir(), options)
			fill := func(from int) (to int) {
				for to = from; s.Healthy(); {
					release := hold(s)
					for range max(1, 40_000/size) {
						s.Save(roomID(to), store.Record{Snapshot: make([]byte, size)}, func(err error) {
							if err != nil {
								t.Errorf("save %d: %v", to, err)
							}
						})
						to++
					}
					release()
					if err := tryDelete(s, "pace"); err != nil {
						t.Fatal(err)
					}
				}
				if err := <-health; !errors.Is(err, store.ErrFull) {
					t.Fatalf("told %v", err)
				}
				return to
			}
			rooms := fill(0)
			if err := trySave(s, roomID(0), store.Record{Snapshot: make([]byte, size+100)}); err != nil {
				t.Errorf("what was promised before: %v", err)
			}
			for i := range rooms / 2 {
				if err := tryDelete(s, roomID(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-health; err != nil {
				t.Fatal(err)
			}
			fill(rooms)
		})
	}
}
