package bolt

import (
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// Store is an open room store. Its methods may be called from any goroutine.
type Store struct {
	db      *database
	options Options
	secret  [32]byte

	mu      sync.Mutex
	queued  *batch // what Save and Delete add to
	writing *batch // what the writer is committing, or an empty one
	closing bool
	stats   Stats
	// queuedBytes is how many bytes queued and writing hold.
	queuedBytes atomic.Int64

	wake     chan struct{} // holds one: something is queued, or closing
	stopped  chan struct{} // closed when the writer has ended
	closeErr error         // valid once stopped is closed

	// depth is how many messages wait, and dropped how many were dropped.
	depth   atomic.Int64
	dropped atomic.Uint64

	failure atomic.Pointer[error] // nil while healthy
	probing *time.Ticker          // the writer's; nil while healthy
	failed  int64                 // the writer's; bytes of the last commit that failed
	largest int64                 // the writer's; bytes of the largest record
}

func newStore(d *database, options Options) *Store {
	return &Store{
		db: d, options: options,
		queued: newBatch(), writing: newBatch(),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// Secret returns 32 random bytes that were made with the store and stay the same for its life: the
// key for hashing network addresses.
func (s *Store) Secret() [32]byte { return s.secret }

// Close commits what is queued, calls its dones and closes the file. It returns an error if the
// store cannot write at the end. It must not be called from a done. Later calls wait for the first
// and return the same.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.wakeWriter()
	<-s.stopped
	return s.closeErr
}

// finish is the last thing that the writer does.
func (s *Store) finish() {
	if s.probing != nil {
		s.probing.Stop()
	}
	err := s.Err()
	s.closeErr = s.db.close()
	if err != nil {
		s.closeErr = err
	}
	close(s.stopped)
}

// Unmap gives back the memory that pages of the file take in this process, where the system can do
// so. They stay in the system's cache, from which they are mapped again when they are next read.
func (s *Store) Unmap() {
	_ = s.db.view(func(tx *bbolt.Tx) error { // the file is not mapped elsewhere meanwhile
		unmap(s.db.db.Info().Data, uintptr(tx.Size()))
		return nil
	})
}

// Stats is what the store has done since Open, for metrics.
type Stats struct {
	Saves, Deletes uint64 // calls
	// committed; fewer than the calls, because only the newest counts
	RecordsWritten, RecordsDeleted uint64
	BytesWritten                   uint64 // of the records written
	Commits, FailedCommits         uint64
	CommitTime, LastCommitTime     time.Duration // of commits that succeeded
	LastBatch                      int           // records and deletes in the last one of them
	// records and deletes that wait or are being committed
	Queued               int
	QueuedBytes          int64
	FileBytes, FreeBytes int64 // size of the file, and how much of it can be reused
	Corrupt              int   // records in the bucket "corrupt"
}

// Stats returns the current figures.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	stats := s.stats
	stats.Queued = len(s.queued.entries) + len(s.writing.entries)
	stats.QueuedBytes = s.queued.bytes + s.writing.bytes
	s.mu.Unlock()
	if info, err := s.db.file.Stat(); err == nil { // an error after Close
		stats.FileBytes = info.Size()
	}
	stats.FreeBytes = int64(s.db.db.Stats().FreeAlloc)
	return stats
}
