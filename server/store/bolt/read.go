package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// Bounds of one read transaction: bbolt reuses no page that was freed since the oldest one began.
const (
	maxScanRecords = 256
	maxScanBytes   = 1 << 20
)

// Load returns a copy of id's record and whether it exists. A record that waits for its commit is
// already seen. A corrupt record is set aside and reported with ErrCorrupt; from then on it does
// not exist. Load reads the disk.
func (s *Store) Load(id string) (store.Record, bool, error) {
	if r, found, pending := s.loadPending(id); pending {
		return r, found, nil
	}
	var r store.Record
	var found bool
	var corrupt error
	err := s.db.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket(roomsBucket).Get([]byte(id))
		if value == nil {
			return nil
		}
		r, corrupt = decodeRecord(id, value)
		r.Snapshot = bytes.Clone(r.Snapshot)
		found = corrupt == nil
		return nil
	})
	if err == nil && errors.Is(corrupt, store.ErrNewer) {
		err = corrupt
	}
	if err != nil {
		return store.Record{}, false, fmt.Errorf("loading a room: %w", err)
	}
	if corrupt != nil {
		s.setAside(id)
		return store.Record{}, false, fmt.Errorf("loading a room: %w: %w", store.ErrCorrupt, corrupt)
	}
	r.DroppedMs = s.options.OpenedMs
	return r, found, nil
}

// loadPending returns the record that is queued or being committed.
func (s *Store) loadPending(id string) (r store.Record, found, pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.queued.byID[id]
	if e == nil {
		e = s.writing.byID[id]
	}
	if e == nil {
		return store.Record{}, false, false
	}
	if e.change != changeSave {
		return store.Record{}, false, true
	}
	r, err := decodeRecord(id, e.record)
	r.Snapshot = bytes.Clone(r.Snapshot)
	r.DroppedMs = s.options.OpenedMs
	return r, err == nil, true
}

// All calls fn for each committed record in the order of the ids, until fn returns an error or ctx
// is done. r.Snapshot is valid only during the call. No transaction is open while fn runs, so fn
// may take its time, and rooms that are saved or deleted during All may be seen or not. Corrupt
// records are set aside.
func (s *Store) All(ctx context.Context, fn func(id string, r store.Record) error) error {
	return s.db.all(ctx, fn, func(id string) {
		s.options.Log.Warn("a corrupt room is set aside")
		s.setAside(id)
	})
}

// item is a copy of one key and its value.
type item struct {
	id    string
	value []byte
}

func (d *database) all(ctx context.Context, fn func(string, store.Record) error, corrupt func(id string)) error {
	var items []item
	var from []byte
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		items, from, err = d.scan(from, items[:0])
		if err != nil {
			return fmt.Errorf("reading the rooms: %w", err)
		}
		for _, i := range items {
			r, err := decodeRecord(i.id, i.value)
			if errors.Is(err, store.ErrNewer) {
				continue // it is sound, and belongs to nobody here
			} else if err != nil {
				corrupt(i.id)
			} else if err := fn(i.id, r); err != nil {
				return err
			}
		}
		if from == nil {
			return nil
		}
	}
}

// scan copies a bounded run of records, starting at a key, and returns the key to continue from,
// nil at the end. It reuses the memory of items.
func (d *database) scan(from []byte, items []item) ([]item, []byte, error) {
	var next []byte
	err := d.view(func(tx *bbolt.Tx) error {
		rooms := tx.Bucket(roomsBucket)
		if rooms == nil { // its first process ended before it was prepared
			return nil
		}
		size := 0
		c := rooms.Cursor()
		for k, v := c.Seek(from); k != nil; k, v = c.Next() {
			if len(items) == maxScanRecords || size > maxScanBytes {
				next = bytes.Clone(k)
				return nil
			}
			size += len(v)
			items = appendItem(items, k, v)
		}
		return nil
	})
	return items, next, err
}

func appendItem(items []item, k, v []byte) []item {
	n := len(items)
	items = slices.Grow(items, 1)[:n+1]
	items[n] = item{id: string(k), value: append(items[n].value[:0], v...)}
	return items
}
