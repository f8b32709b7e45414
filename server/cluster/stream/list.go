package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// list returns the keys that match a filter.
func (s *Stream) list(ctx context.Context, filter string) ([]string, error) {
	known, keys := s.known.Load(), []string(nil)
	for {
		found, err := s.info(ctx, Name, filter, len(keys))
		if err == nil && found.State.LastSequence < min(known, s.known.Load()) {
			err = errBehind
		}
		if err == nil {
			for key := range found.State.Subjects {
				keys = append(keys, key)
			}
			if len(found.State.Subjects) == 0 || len(keys) >= found.Total {
				slices.Sort(keys) // a key that came or went between two pages may be there twice
				return slices.Compact(keys), nil
			}
			continue
		}
		if waitErr := pause(ctx, s.tuning.createAgain/4); waitErr != nil {
			return nil, fmt.Errorf("listing rooms: %w (%w)", err, waitErr)
		}
	}
}

// All calls fn for each record of the shards that this node owns: see store.Store.
func (s *Stream) All(ctx context.Context, fn func(id string, r store.Record) error) error {
	return s.each(ctx, func(id string, _ uint64, it *stored, term Term) error { return fn(id, loaded(it.record, term)) })
}

// Deadlines calls fn for each record of one shard with when it expires: 0 for never, and for one
// that only Load knows what to do about. On its way it takes over the outboxes of earlier owners.
func (s *Stream) Deadlines(ctx context.Context, shard int, fn func(id string, expiresAtMs int64)) error {
	keys, err := s.list(ctx, shardKeys(shard))
	if err != nil {
		return err
	}
	adopted, count := make(chan error), 0
	err = s.eachEntry(ctx, keys, func(id string, e Entry) error {
		it, err := decodeStored(e.Key, e.Value)
		if err != nil || !it.tombstone {
			fn(id, it.record.ExpiresAtMs)
		}
		if len(it.outbox) > 0 {
			count++
			s.adopt(id, e.Revision, it, func(err error) { go func() { adopted <- err }() })
		}
		return nil
	})
	for range count {
		// A room that has moved is in memory by now, or another node's.
		if failed := <-adopted; !errors.Is(failed, errMoved) && !errors.Is(failed, ErrFenced) {
			err = cmp.Or(err, failed)
		}
	}
	return err
}

// Expire deletes those of the rooms that have expired at nowMs. None of them may be in memory.
func (s *Stream) Expire(ctx context.Context, ids []string, nowMs int64) error {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = roomKey(id)
	}
	return s.eachKey(ctx, keys, s.removeIfExpired(nowMs, func(string) {}))
}

// visit is called with a record, its revision, and the term in which this node owns it.
type visit func(id string, revision uint64, it *stored, term Term) error

// each calls fn for each record of the shards that this node owns. Who owns many shards lists all
// rooms at once: a request for each of 1 024 shards takes longer.
func (s *Stream) each(ctx context.Context, fn visit) error {
	var owned []int
	for shard := range lease.Shards {
		if _, ok := s.config.Term(shard); ok {
			owned = append(owned, shard)
		}
	}
	if len(owned) > lease.Shards/16 {
		keys, err := s.list(ctx, roomPrefix+"*.*")
		if err != nil {
			return err
		}
		return s.eachKey(ctx, keys, fn)
	}
	for _, shard := range owned {
		if err := s.eachOf(ctx, shard, fn); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Stream) eachOf(ctx context.Context, shard int, fn visit) error {
	keys, err := s.list(ctx, shardKeys(shard))
	if err != nil {
		return err
	}
	return s.eachKey(ctx, keys, fn)
}

func (s *Stream) eachKey(ctx context.Context, keys []string, fn visit) error {
	return s.eachEntry(ctx, keys, func(id string, e Entry) error {
		it, err := decodeStored(e.Key, e.Value)
		term, owned := s.config.Term(lease.ShardOf(id))
		if err != nil || it.tombstone || !owned {
			return nil // Load reports what cannot be read
		}
		return fn(id, e.Revision, &it, term)
	})
}

// eachEntry calls fn for each of the keys that exists and is a room's.
func (s *Stream) eachEntry(ctx context.Context, keys []string, fn func(id string, e Entry) error) error {
	for part := range slices.Chunk(keys, readAtOnce) {
		r, err := s.Read(ctx, part...)
		if err != nil {
			return err
		}
		for _, e := range r.Entries {
			id, ok := roomID(e.Key)
			if !ok {
				continue
			}
			if err := cmp.Or(fn(id, e), ctx.Err()); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveExpired deletes the records of this node's shards that have expired at nowMs: see
// store.Store. A room that is written meanwhile stays.
func (s *Stream) RemoveExpired(nowMs int64) (removed []string, err error) {
	err = s.each(s.ctx, s.removeIfExpired(nowMs, func(id string) { removed = append(removed, id) }))
	return removed, err
}

func (s *Stream) removeIfExpired(nowMs int64, removed func(id string)) visit {
	return func(id string, revision uint64, it *stored, term Term) error {
		if !it.record.Expired(nowMs) {
			return nil
		}
		err := s.remove(id, revision, it, term)
		if err == nil {
			removed(id)
		} else if errors.Is(err, errMoved) || errors.Is(err, ErrFenced) || errors.Is(err, ErrNotOwner) {
			err = nil
		}
		return err
	}
}

// remove writes a tombstone in the place of one revision of a record, whose outbox it keeps.
func (s *Stream) remove(id string, revision uint64, it *stored, term Term) error {
	result := make(chan error, 1)
	s.claim(id, revision, stored{tombstone: true, outbox: it.outbox}, term, false, func(err error) { result <- err })
	return <-result
}
