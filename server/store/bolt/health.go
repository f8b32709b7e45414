package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

const (
	// minProbeBytes is more than the snapshot of a room with 250 people, so that a join fits after
	// a probe did.
	minProbeBytes = 64 << 10
	maxProbeBytes = 1 << 20
	// probeValueBytes makes the values of a probe about as large as rooms: a full file may have
	// room for all of them, but not in one piece.
	probeValueBytes = 4000
	// diskProbeBytes allows for the pages that a commit writes in addition to what is saved.
	diskProbeBytes = 256 << 10
)

// Healthy is false from the time that a commit failed, or left too little room for the next ones,
// until a write succeeds that is as large as the failed one and as a large room.
func (s *Store) Healthy() bool { return s.failure.Load() == nil }

// Err is the reason that the store is unhealthy, nil while it is healthy.
func (s *Store) Err() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// setHealth is called by the writer only.
func (s *Store) setHealth(err error) {
	was := s.Err()
	if err == nil {
		s.failure.Store(nil)
	} else {
		s.failure.Store(&err)
	}
	switch {
	case was == nil && err != nil:
		s.probing = time.NewTicker(s.options.probeEvery)
		s.options.Log.Error("the room store cannot write", "error", err)
		s.options.OnHealth(err)
	case was != nil && err == nil:
		s.probing.Stop()
		s.probing, s.failed = nil, 0
		s.options.Log.Info("the room store writes again")
		s.options.OnHealth(nil)
	}
}

// checkHealth is called after a commit that has saved something. A bounded store turns unhealthy
// before a commit fails, because the people in a room whose commit failed lose it. Whatever has
// been promised by then still fits.
func (s *Store) checkHealth() {
	switch {
	case !s.Healthy():
		s.probe()
	case s.full(32):
		s.setHealth(store.ErrFull)
	}
}

// saveLimit is the size up to which saves may grow the file, 0 for no bound.
func (s *Store) saveLimit() int64 { return s.options.MaxBytes - s.options.MaxBytes/64 }

// full reports whether a bounded store has less left than that part of its bound, or than a commit
// may need for the largest record: bbolt rewrites its neighbours too, and in one piece.
func (s *Store) full(part int64) bool {
	return s.options.MaxBytes != 0 && s.db.left(s.saveLimit()) < max(s.options.MaxBytes/part, 8*s.largest)
}

// probe writes about as much as failed last, and at least as much as a large room, and removes it
// again, so that the store does not become healthy before it has room for a join.
func (s *Store) probe() {
	size := max(minProbeBytes, min(maxProbeBytes, s.failed))
	err := s.db.spare(size + diskProbeBytes)
	if err == nil {
		err = s.db.update(s.saveLimit(), func(tx *bbolt.Tx) error { return fillProbe(tx, size) })
		if undoErr := s.db.update(s.options.MaxBytes, removeProbe); err == nil {
			err = undoErr
		}
	}
	if err == nil && s.full(16) {
		err = store.ErrFull
	}
	s.setHealth(err)
}

// fillProbe puts size bytes into a separate bucket.
func fillProbe(tx *bbolt.Tx, size int64) error {
	probe, err := tx.CreateBucketIfNotExists(probeBucket)
	if err != nil {
		return err
	}
	value := make([]byte, probeValueBytes)
	for i := range (size + probeValueBytes - 1) / probeValueBytes {
		if err := probe.Put(fmt.Append(nil, i), value); err != nil {
			return err
		}
	}
	return nil
}

func removeProbe(tx *bbolt.Tx) error {
	if tx.Bucket(probeBucket) == nil {
		return nil
	}
	return tx.DeleteBucket(probeBucket)
}

// left returns how many bytes a transaction may still use of a file that is bounded by maxBytes.
func (d *database) left(maxBytes int64) int64 {
	size := maxBytes
	_ = d.view(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	})
	// bbolt grows the file by growBytes more than it needs, or not at all. Free pages are
	// fragmented.
	return max(0, maxBytes-growBytes-size) + int64(d.db.Stats().FreePageN*d.db.Info().PageSize)/2
}

// probeDisk writes a file next to the database. A page within the database may already be on disk,
// so it can be written while the disk is full, and the next one may not.
func (d *database) probeDisk(size int64) error {
	path := d.path + ".probe"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		// if the folder is not writable, the probe of the database must be enough
		return diskFull(err)
	}
	_, err = f.Write(bytes.Repeat([]byte{0xa5}, int(size)))
	if err == nil {
		err = f.Sync()
	}
	_ = f.Close()
	_ = os.Remove(path)
	return err
}

// diskFull returns err if it means that the disk is full.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return err
	}
	return nil
}
