package bolt

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// RemoveExpired deletes the records that have expired at nowMs and returns their ids. It reads the
// whole store, in many short transactions, and sets corrupt records aside. It is meant for the
// start, before rooms are loaded.
func (s *Store) RemoveExpired(nowMs int64) (removed []string, err error) {
	var items []item
	var from []byte
	for {
		items, from, err = s.db.scan(from, items[:0])
		if err == nil {
			removed, err = s.removeOf(items, nowMs, removed)
		}
		if err != nil {
			return removed, fmt.Errorf("removing expired rooms: %w", err)
		}
		if from == nil {
			return removed, nil
		}
	}
}

// removeOf deletes the expired items and adds their ids to removed.
func (s *Store) removeOf(items []item, nowMs int64, removed []string) ([]string, error) {
	var due []string
	for _, i := range items {
		if r, err := decodeRecord(i.id, i.value); err != nil && !errors.Is(err, store.ErrNewer) || r.Expired(nowMs) {
			due = append(due, i.id)
		}
	}
	for len(due) > 0 {
		n := min(rescueDeletes, len(due))
		sum, gone := summary{atMs: time.Now().UnixMilli()}, removed
		err := s.db.update(s.options.MaxBytes, func(tx *bbolt.Tx) (err error) {
			gone, err = sum.removeExpired(tx, due[:n], nowMs, removed)
			return err
		})
		if err != nil {
			return removed, err
		}
		s.mu.Lock()
		s.stats.RecordsDeleted += sum.deleted
		s.stats.Corrupt += sum.corrupt
		s.mu.Unlock()
		removed, due = gone, due[n:]
	}
	return removed, nil
}

// removeExpired checks each record again, because it may have been saved since it was read.
func (sum *summary) removeExpired(tx *bbolt.Tx, ids []string, nowMs int64, removed []string) ([]string, error) {
	rooms := tx.Bucket(roomsBucket)
	for _, id := range ids {
		value := rooms.Get([]byte(id))
		if value == nil {
			continue
		}
		r, err := decodeRecord(id, value)
		switch {
		case err != nil:
			err = sum.setAside(tx, id)
		case r.Expired(nowMs):
			sum.deleted++
			removed = append(removed, id)
			err = rooms.Delete([]byte(id))
		}
		if err != nil {
			return nil, err
		}
	}
	return removed, sum.trimCorrupt(tx)
}
