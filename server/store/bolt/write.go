package bolt

import (
	"errors"
	"runtime"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// rescueDeletes is how many deletes one transaction of a full store makes: each may need a page
// before it frees one.
const rescueDeletes = 64

// run is the writer goroutine.
func (s *Store) run() {
	defer s.finish()
	w := writer{Store: s}
	for {
		var probe <-chan time.Time
		if s.probing != nil {
			probe = s.probing.C
		}
		select {
		case <-s.wake:
		case <-probe:
			s.probe()
		}
		if w.drain() {
			return
		}
	}
}

// writer has what one commit leaves for the next to reuse.
type writer struct {
	*Store
	calls   []call
	entries []*entry
}

// drain commits until nothing is queued, and reports whether the store must close.
func (w *writer) drain() (closing bool) {
	for {
		// Let the callers that the last commit woke queue their next save: if small and full
		// commits alternate, that costs a third of the saves per second.
		runtime.Gosched()
		b := w.take()
		if b == nil {
			break
		}
		b.sort()
		w.commit(b)
		w.report(b)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing && len(w.queued.calls) == 0
}

// report calls the dones of b. Load must see the commit first, not b.
func (w *writer) report(b *batch) {
	w.mu.Lock()
	w.calls, w.entries = b.detach(w.calls, w.entries)
	w.queuedBytes.Store(w.queued.bytes)
	w.mu.Unlock()
	for _, c := range w.calls {
		if c.done == nil {
			continue
		}
		if c.entry != nil {
			c.err = c.entry.err
		}
		c.done(c.err)
	}
	for _, e := range w.entries {
		recycle(e)
	}
	clear(w.calls)
	clear(w.entries)
}

// commit writes b and records the result in each entry.
func (s *Store) commit(b *batch) {
	if len(b.entries) == 0 {
		return // every call was refused
	}
	removals, saves := split(b.entries)
	err := s.write(b.entries, len(saves) > 0)
	if err == nil {
		if len(saves) > 0 {
			s.checkHealth()
		}
		return
	}
	for _, e := range b.entries {
		e.err = err
	}
	// Deletes give a full store room, so they must not fail with the saves in the same batch.
	for len(removals) > 0 {
		n := min(rescueDeletes, len(removals))
		if s.write(removals[:n], false) != nil {
			break
		}
		for _, e := range removals[:n] {
			e.err = nil
		}
		removals = removals[n:]
	}
	if len(saves) > 1 && (errors.Is(err, store.ErrFull) || diskFull(err) != nil) {
		s.writeInParts(saves)
	}
	if slices.ContainsFunc(b.entries, func(e *entry) bool { return e.err != nil }) {
		s.mu.Lock()
		s.stats.FailedCommits++
		s.mu.Unlock()
		s.options.OnCommitFailed()
	}
	s.setHealth(err)
}

// writeInParts writes saves that did not fit into one transaction, which needs as many new pages as
// it replaces: those are free for the next one. Thousands of rooms may be saved at once.
func (s *Store) writeInParts(saves []*entry) {
	for n := len(saves) / 2; len(saves) > 0; {
		part := saves[:min(n, len(saves))]
		err := s.write(part, true)
		if err != nil && len(part) > 1 {
			n = len(part) / 2
			continue
		}
		for _, e := range part {
			e.err = err
		}
		saves = saves[len(part):]
	}
}

func split(entries []*entry) (removals, saves []*entry) {
	for _, e := range entries {
		if e.change == changeDelete {
			removals = append(removals, e)
		} else {
			saves = append(saves, e)
		}
	}
	return removals, saves
}

// write commits entries in one transaction. Only saves show the health of the store: deletes have a
// reserve.
func (s *Store) write(entries []*entry, saves bool) error {
	limit := s.options.MaxBytes
	if saves {
		limit = s.saveLimit()
	}
	start := time.Now()
	sum := summary{atMs: start.UnixMilli(), depth: s.Depth(), maxMessages: s.options.MaxMessages}
	err := s.db.update(limit, func(tx *bbolt.Tx) error { return sum.apply(tx, entries) })
	if err != nil {
		if saves {
			s.failed = sum.bytes
		}
		return err
	}
	for _, e := range entries {
		s.largest = max(s.largest, int64(len(e.record)))
	}
	took := time.Since(start)
	s.depth.Add(int64(sum.messages))
	s.dropped.Add(uint64(sum.dropped))
	s.committed(&sum, len(entries), took)
	s.options.OnCommit(len(entries), took)
	return nil
}

func (s *Store) committed(sum *summary, entries int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Commits++
	s.stats.CommitTime += took
	s.stats.LastCommitTime = took
	s.stats.LastBatch = entries
	s.stats.RecordsWritten += sum.written
	s.stats.RecordsDeleted += sum.deleted
	s.stats.BytesWritten += uint64(sum.bytes)
	s.stats.Corrupt += sum.corrupt
}

// summary records what a transaction does; it is counted once that is committed.
type summary struct {
	atMs             int64
	written, deleted uint64
	bytes            int64
	corrupt          int
	// depth is how many messages waited before, of maxMessages; messages were queued, and dropped
	// were not.
	depth, maxMessages, messages, dropped int
}

func (sum *summary) apply(tx *bbolt.Tx, entries []*entry) error {
	rooms := tx.Bucket(roomsBucket)
	var buf [64]byte
	for _, e := range entries {
		key := append(buf[:0], e.id...)
		var err error
		switch e.change {
		case changeSave:
			sum.written++
			sum.bytes += int64(len(e.record))
			// bbolt copies the key, and keeps the record until the commit
			err = rooms.Put(key, e.record)
		case changeDelete:
			sum.deleted++
			err = rooms.Delete(key)
		case changeSetAside:
			err = sum.setAside(tx, e.id)
		}
		if err == nil {
			err = sum.queue(tx, e)
		}
		if err != nil {
			return err
		}
	}
	return sum.trimCorrupt(tx)
}
