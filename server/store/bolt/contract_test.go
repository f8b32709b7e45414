package bolt

import (
	"testing"

	"usher/server/store"
	"usher/server/store/storetest"
)

func TestContract(t *testing.T) {
	dirs := make(map[string]string) // of the rules, by their tests
	storetest.Test(t, func(t *testing.T, droppedMs int64) (store.Store, func()) {
		dir, ok := dirs[t.Name()]
		if !ok {
			dir = t.TempDir()
			dirs[t.Name()] = dir
		}
		s := open(t, dir, Options{OpenedMs: droppedMs})
		return s, func() { _ = s.Close() }
	})
}

func TestQueueContract(t *testing.T) {
	dirs := make(map[string]string)
	storetest.TestQueue(t, func(t *testing.T) (store.Queue, func()) {
		dir, ok := dirs[t.Name()]
		if !ok {
			dir = t.TempDir()
			dirs[t.Name()] = dir
		}
		s := open(t, dir, Options{MaxMessages: storetest.MaxMessages})
		return s, func() { _ = s.Close() }
	})
}
