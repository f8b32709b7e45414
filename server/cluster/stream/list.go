package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// readAtOnce is how many records one read asks for.
const readAtOnce = 128

// Rooms returns the ids of the rooms of a shard that have a record or a tombstone, in any order. It
// asks the stream's leader.
func (s *Stream) Rooms(ctx context.Context, shard int) ([]string, error) {
	keys, err := s.list(ctx, shardKeys(shard))
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(keys))
	for _, key := range keys {
		if id, ok := roomID(key); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// list returns the keys that match a filter.
func (s *Stream) list(ctx context.Context, filter string) ([]string, error) {
	known, keys := s.known.Load(), []string(nil)
	for {
		found, err := s.info(ctx, filter, len(keys))
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
	return s.each(ctx, func(id string, _ uint64, r store.Record) error { return fn(id, r) })
}

// Shard calls fn for each record of one shard, as All does for all shards.
func (s *Stream) Shard(ctx context.Context, shard int, fn func(id string, r store.Record) error) error {
	return s.eachOf(ctx, shard, func(id string, _ uint64, r store.Record) error { return fn(id, r) })
}

// each calls fn for each record of the shards that this node owns. Who owns many shards lists all
// rooms at once: a request for each of 1 024 shards takes longer.
func (s *Stream) each(ctx context.Context, fn func(id string, revision uint64, r store.Record) error) error {
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

func (s *Stream) eachOf(ctx context.Context, shard int, fn func(id string, revision uint64, r store.Record) error) error {
	keys, err := s.list(ctx, shardKeys(shard))
	if err != nil {
		return err
	}
	return s.eachKey(ctx, keys, fn)
}

func (s *Stream) eachKey(ctx context.Context, keys []string, fn func(id string, revision uint64, r store.Record) error) error {
	for part := range slices.Chunk(keys, readAtOnce) {
		r, err := s.Read(ctx, part...)
		if err != nil {
			return err
		}
		for _, e := range r.Entries {
			id, ok := roomID(e.Key)
			it, err := decodeStored(e.Key, e.Value)
			if !ok || err != nil || it.tombstone {
				continue // Load reports what cannot be read
			}
			term, owned := s.config.Term(lease.ShardOf(id))
			if !owned {
				continue
			}
			if err := fn(id, e.Revision, loaded(it.record, term)); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveExpired deletes the records of this node's shards that have expired at nowMs: see
// store.Store. A room that is written meanwhile stays.
func (s *Stream) RemoveExpired(nowMs int64) (removed []string, err error) {
	err = s.each(s.ctx, func(id string, revision uint64, r store.Record) error {
		if !r.Expired(nowMs) {
			return nil
		}
		err := s.remove(id, revision)
		if err == nil {
			removed = append(removed, id)
		} else if errors.Is(err, errMoved) || errors.Is(err, ErrFenced) || errors.Is(err, ErrNotOwner) {
			err = nil
		}
		return err
	})
	return removed, err
}

// remove writes a tombstone in the place of one revision of a record.
func (s *Stream) remove(id string, revision uint64) error {
	shard, key := lease.ShardOf(id), roomKey(id)
	term, owned := s.config.Term(shard)
	if !owned {
		return ErrNotOwner
	}
	c := &change{value: encode(key, nil, term), tombstone: true, claim: true}
	result := make(chan error, 1)
	s.mu.Lock()
	if e := s.rooms[id]; s.closed || e != nil && e.writing != nil {
		s.mu.Unlock()
		return errMoved
	}
	e := &entry{id: id, key: key, shard: shard, term: term, revision: revision}
	s.rememberLocked(e)
	s.add(e, c, call{done: func(err error) { result <- err }})
	s.mu.Unlock()
	s.try(e)
	return <-result
}
