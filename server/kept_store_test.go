package server

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/server/store"
	"usher/server/store/bolt"
)

func TestAStoreIsReopenedByOneOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		kept, err := openKept(dir, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer kept.Close()
		if err := kept.Close(); err != nil {
			t.Fatal(err)
		}
		other, err := bolt.Open(dir, bolt.Options{}) // as the process that should take over
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // upgrades that fail
			if err := kept.reopen(); err != nil && !errors.Is(err, store.ErrLocked) {
				t.Error(err)
			}
		}
		if kept.Accepts() {
			t.Error("it accepts while another process has the store")
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * reopenEvery)
		if !kept.Accepts() {
			t.Fatal("it is not open again")
		}
		if err := kept.Close(); err != nil { // for the next process
			t.Fatal(err)
		}
		time.Sleep(3 * reopenEvery)
		next, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			t.Fatal("somebody else has opened it: ", err)
		}
		_ = next.Close()
	})
}

func TestAClosedStoreIsNotReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		kept, err := openKept(dir, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_ = kept.Close()
		other, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := kept.reopen(); !errors.Is(err, store.ErrLocked) {
			t.Fatal(err)
		}
		_ = kept.Close() // the server ends
		_ = other.Close()
		time.Sleep(3 * reopenEvery)
		if kept.Accepts() {
			t.Error("it is open after Close")
		}
	})
}

func TestAStoreIsReopenedWhileItIsClosed(t *testing.T) {
	kept, err := openKept(t.TempDir(), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _ = kept.Close() })
		all.Go(func() {
			if err := kept.reopen(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := errors.Join(kept.reopen(), kept.Close(), kept.reopen()); err != nil || !kept.Accepts() {
		t.Error(err)
	}
	_ = kept.Close()
}
