package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"usher/server/store"
	"usher/server/store/bolt"
)

// keptStore is the embedded store, which is closed for another process, and opened again if that
// does not take over.
type keptStore struct {
	dir     string
	options bolt.Options
	current atomic.Pointer[bolt.Store]
	// closed is set while it is not open.
	closed atomic.Bool

	// mu is held while it is opened or closed.
	mu sync.Mutex
	// reopening is closed to end the goroutine that tries to open it again. It is nil if there is
	// none, and there is never a second one: that would open what the first had closed for another
	// process.
	reopening chan struct{}
}

func openKept(dir string, options bolt.Options) (*keptStore, error) {
	opened, err := bolt.Open(dir, options)
	if err != nil {
		return nil, err
	}
	k := &keptStore{dir: dir, options: options}
	k.current.Store(opened)
	return k, nil
}

// reopenEvery is how often a store is tried that cannot be opened again.
const reopenEvery = time.Second

// reopen opens the store again if it is closed. If it cannot, it goes on trying until Close, and
// the store accepts nothing meanwhile.
func (k *keptStore) reopen() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed.Load() || k.reopening != nil {
		return nil
	}
	err := k.reopenLocked()
	if err != nil {
		k.reopening = make(chan struct{})
		go k.keepReopening(k.reopening)
	}
	return err
}

func (k *keptStore) keepReopening(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(reopenEvery):
		}
		if k.reopenUnless(stop) {
			return
		}
	}
}

// reopenUnless reports whether the store is open, or stop is closed.
func (k *keptStore) reopenUnless(stop <-chan struct{}) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reopening != stop { // Close was faster
		return true
	}
	if k.reopenLocked() != nil {
		return false
	}
	k.reopening = nil
	return true
}

func (k *keptStore) reopenLocked() error {
	opened, err := bolt.Open(k.dir, k.options)
	if err != nil {
		return err
	}
	k.current.Store(opened)
	k.closed.Store(false)
	return nil
}

// Close implements io.Closer. It also ends what reopen has begun.
func (k *keptStore) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reopening != nil {
		close(k.reopening)
		k.reopening = nil
	}
	if k.closed.Swap(true) {
		return nil
	}
	return k.current.Load().Close()
}

// Unmap gives back the memory that pages of the open store take.
func (k *keptStore) Unmap() { k.current.Load().Unmap() }

// Healthy implements roomStore.
func (k *keptStore) Healthy() bool { return !k.closed.Load() && k.current.Load().Healthy() }

// Accepts implements store.Store, as all that follow.
func (k *keptStore) Accepts() bool { return !k.closed.Load() && k.current.Load().Accepts() }

// Load is store.Store's.
func (k *keptStore) Load(id string) (store.Record, bool, error) { return k.current.Load().Load(id) }

// Save is store.Store's.
func (k *keptStore) Save(id string, r store.Record, done func(error)) {
	k.current.Load().Save(id, r, done)
}

// Delete is store.Store's.
func (k *keptStore) Delete(id string, done func(error)) { k.current.Load().Delete(id, done) }

// All is store.Store's.
func (k *keptStore) All(ctx context.Context, fn func(string, store.Record) error) error {
	last := ""
	for {
		opened := k.current.Load()
		err := opened.All(ctx, func(id string, r store.Record) error { // in the order of the ids
			if id <= last {
				return nil
			}
			last = id
			return fn(id, r)
		})
		// It may have been closed for another process and opened again.
		if !errors.Is(err, store.ErrClosed) || k.current.Load() == opened {
			return err
		}
	}
}

// RemoveExpired is store.Store's.
func (k *keptStore) RemoveExpired(nowMs int64) ([]string, error) {
	return k.current.Load().RemoveExpired(nowMs)
}

// Flush is store.Store's.
func (k *keptStore) Flush() { k.current.Load().Flush() }

// Secret is store.Store's.
func (k *keptStore) Secret() [32]byte { return k.current.Load().Secret() }

// SaveWith is store.Queue's, as all that follow.
func (k *keptStore) SaveWith(id string, r store.Record, messages []store.Message, done func(error)) {
	k.current.Load().SaveWith(id, r, messages, done)
}

// DeleteWith is store.Queue's.
func (k *keptStore) DeleteWith(id string, messages []store.Message, done func(error)) {
	k.current.Load().DeleteWith(id, messages, done)
}

// Waiting is store.Queue's.
func (k *keptStore) Waiting(after uint64, n int) ([]store.Queued, error) {
	return k.current.Load().Waiting(after, n)
}

// Settle is store.Queue's.
func (k *keptStore) Settle(sent []uint64, failed []store.Queued) error {
	return k.current.Load().Settle(sent, failed)
}

// SetAside is store.Queue's.
func (k *keptStore) SetAside() ([]store.Queued, error) { return k.current.Load().SetAside() }

// Replay is store.Queue's.
func (k *keptStore) Replay(ids []string) (int, error) { return k.current.Load().Replay(ids) }

// Depth is store.Queue's.
func (k *keptStore) Depth() int { return k.current.Load().Depth() }

// Dropped is store.Queue's.
func (k *keptStore) Dropped() uint64 { return k.current.Load().Dropped() }

var _ store.Queue = (*keptStore)(nil)
