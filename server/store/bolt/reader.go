package bolt

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// Reader reads a store that no server has open.
type Reader struct {
	db      *database
	corrupt int
}

// OpenReadOnly opens the store in dir and changes nothing. While a server has it open, the error is
// ErrLocked; while a Reader has it open, a server cannot start. The error of a missing store is
// fs.ErrNotExist.
func OpenReadOnly(dir string) (*Reader, error) { return openReadOnly(dir, time.Second) }

func openReadOnly(dir string, lockWait time.Duration) (*Reader, error) {
	d, err := openDatabase(dir, true, lockWait)
	if err != nil {
		return nil, err
	}
	r := &Reader{db: d}
	err = d.view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(corruptBucket); b != nil {
			r.corrupt = countKeys(b)
		}
		if b := tx.Bucket(metaBucket); b != nil {
			return d.checkFormat(b.Get(formatKey))
		}
		return nil
	})
	if err != nil {
		d.close()
		return nil, fmt.Errorf("opening the room store to read: %w", err)
	}
	return r, nil
}

// All is Store.All, but leaves corrupt records where they are.
func (r *Reader) All(ctx context.Context, fn func(id string, r store.Record) error) error {
	return r.db.all(ctx, fn, func(string) { r.corrupt++ })
}

// Corrupt returns how many corrupt records were set aside or found by All.
func (r *Reader) Corrupt() int { return r.corrupt }

// Waiting is that of store.Queue.
func (r *Reader) Waiting(after uint64, n int) ([]store.Queued, error) {
	return r.db.messages(messagesBucket, after, n)
}

// SetAside is that of store.Queue.
func (r *Reader) SetAside() ([]store.Queued, error) {
	return r.db.messages(setAsideBucket, 0, store.MaxSetAside)
}

// Depth is that of store.Queue.
func (r *Reader) Depth() (n int) {
	_ = r.db.view(func(tx *bbolt.Tx) error { // 0 if it cannot be read
		if b := tx.Bucket(messagesBucket); b != nil {
			n = countKeys(b)
		}
		return nil
	})
	return n
}

// Close closes the file.
func (r *Reader) Close() error {
	return r.db.close()
}
