package bolt

import (
	"slices"
	"strings"
	"sync"

	"usher/server/store"
)

// MaxQueuedBytes bounds the records that wait for a commit. A room has one save in flight and one
// that waits, so 100 000 rooms of 1 KiB stay below it.
const MaxQueuedBytes = 256 << 20

type change uint8

const (
	changeSave change = iota
	changeDelete
	// changeSetAside moves a record that was found corrupt, if it still is.
	changeSetAside
)

// entry is the newest queued change of one id.
type entry struct {
	id     string
	change change
	record []byte // encoded, for changeSave
	// messages are those of this change and of those that it replaces.
	messages []store.Message
	err      error // the result of its commit
}

func (e *entry) bytes() int64 {
	n := len(e.record)
	for i := range e.messages {
		n += len(e.messages[i].Body)
	}
	return int64(n)
}

// call is one Save or Delete. Results are reported in the order of the calls.
type call struct {
	entry *entry // nil if refused
	err   error  // the reason for the refusal
	done  func(error)
}

// batch is what one transaction commits.
type batch struct {
	byID    map[string]*entry
	entries []*entry
	calls   []call
	bytes   int64
}

func newBatch() *batch { return &batch{byID: make(map[string]*entry)} }

var entries = sync.Pool{New: func() any { return new(entry) }}

// maxPooledBytes keeps a few huge snapshots from pinning memory.
const maxPooledBytes = 64 << 10

func recycle(e *entry) {
	record := e.record[:0]
	if cap(record) > maxPooledBytes {
		record = nil
	}
	*e = entry{record: record}
	entries.Put(e)
}

// Save queues r as the record of id and returns at once; r.Snapshot is copied. done (which may be
// nil) is called once, from the writer goroutine, after the commit that covers r: with nil if r, or
// a newer record of id, is durable. It must not block. After Close it gets ErrClosed from a
// goroutine of its own.
func (s *Store) Save(id string, r store.Record, done func(error)) {
	s.SaveWith(id, r, nil, done)
}

// Delete queues the removal of id's record, if one exists, with the same promises as Save.
func (s *Store) Delete(id string, done func(error)) {
	s.DeleteWith(id, nil, done)
}

// setAside queues the move of the corrupt record of id to the bucket "corrupt".
func (s *Store) setAside(id string) {
	e := entries.Get().(*entry)
	e.id, e.change, e.record = id, changeSetAside, e.record[:0]
	s.enqueue(e, nil)
}

func (s *Store) enqueue(e *entry, done func(error)) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		recycle(e)
		if done != nil {
			go done(store.ErrClosed)
		}
		return
	}
	s.count(e)
	spare := s.queued.add(e, done)
	s.queuedBytes.Store(s.queued.bytes + s.writing.bytes)
	s.mu.Unlock()
	if spare != nil {
		recycle(spare)
	}
	s.wakeWriter()
}

// Flush waits until everything queued before has been committed, or has failed, and its dones have
// been called.
func (s *Store) Flush() {
	flushed := make(chan struct{})
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		<-s.stopped
		return
	}
	s.queued.calls = append(s.queued.calls, call{done: func(error) { close(flushed) }})
	s.mu.Unlock()
	s.wakeWriter()
	<-flushed
}

// Accepts reports whether new saves are welcome: the store is healthy, and the queue is less than
// half full. Saves for changes that began earlier still find room.
func (s *Store) Accepts() bool { return s.Healthy() && s.queuedBytes.Load() < MaxQueuedBytes/2 }

func (s *Store) count(e *entry) {
	switch e.change {
	case changeSave:
		s.stats.Saves++
	case changeDelete:
		s.stats.Deletes++
	}
}

func (s *Store) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// add queues e and returns the entry that is no longer needed, if any.
func (b *batch) add(e *entry, done func(error)) (spare *entry) {
	if err := b.refuses(e); err != nil {
		// A bad id must not fail the others' transaction. Its done is called in its order.
		b.calls = append(b.calls, call{err: err, done: done})
		return e
	}
	old := b.byID[e.id]
	switch {
	case old == nil:
		b.byID[e.id] = e
		b.entries = append(b.entries, e)
		b.bytes += e.bytes()
		old = e
	case e.change == changeSetAside:
		return e // the queued change replaces the corrupt record anyway
	default:
		b.bytes += e.bytes() - int64(len(old.record))
		old.change = e.change
		old.messages = append(old.messages, e.messages...)
		old.record, e.record = e.record, old.record
		spare = e
	}
	b.calls = append(b.calls, call{entry: old, done: done})
	return spare
}

func (b *batch) refuses(e *entry) error {
	if len(e.id) == 0 || len(e.id) > store.MaxIDBytes {
		return errID
	}
	if b.bytes+e.bytes() > MaxQueuedBytes {
		return store.ErrOverloaded
	}
	return nil
}

// take returns everything queued for the writer to commit, nil if nothing is.
func (s *Store) take() *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queued.calls) == 0 {
		return nil
	}
	s.queued, s.writing = s.writing, s.queued
	return s.writing
}

// sort orders the entries by key, because neighbours on a page are written together.
func (b *batch) sort() {
	slices.SortFunc(b.entries, func(a, b *entry) int { return strings.Compare(a.id, b.id) })
}

// detach empties b and returns the calls to report and the entries to recycle. The caller holds
// Store.mu.
func (b *batch) detach(calls []call, done []*entry) ([]call, []*entry) {
	calls, b.calls = b.calls, calls[:0]
	done, b.entries = b.entries, done[:0]
	if len(b.byID) > 1<<14 {
		b.byID = make(map[string]*entry) // clear costs as much as the map once held
	} else {
		clear(b.byID)
	}
	b.bytes = 0
	return calls, done
}
