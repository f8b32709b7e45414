package rooms

import (
	"log/slog"
	"sync"
)

// limiterShards spreads the keys so that connections from different addresses seldom wait for each
// other. A power of two.
const limiterShards = 16

// limiter counts rooms by address and refuses more than a bound. Key 0 is not counted. It is safe
// for concurrent use.
type limiter struct {
	max    int // 0 for no bound
	log    *slog.Logger
	shards [limiterShards]struct {
		sync.Mutex
		counts map[uint64]int
		_      [64]byte // shards on cache lines of their own
	}
}

func newLimiter(max int, log *slog.Logger) *limiter { return &limiter{max: max, log: log} }

// acquire counts one more, or returns false if the bound is reached. What was acquired must be
// released once, with the same key.
func (l *limiter) acquire(key uint64) bool { return l.count(key, l.max) }

// restore counts one more without a bound, for what exists already, such as the rooms found on disk
// at the start.
func (l *limiter) restore(key uint64) { l.count(key, 0) }

func (l *limiter) count(key uint64, bound int) bool {
	if key == 0 {
		return true
	}
	shard := &l.shards[key%limiterShards]
	shard.Lock()
	defer shard.Unlock()
	n := shard.counts[key]
	if bound > 0 && n >= bound {
		return false
	}
	if shard.counts == nil {
		shard.counts = make(map[uint64]int)
	}
	shard.counts[key] = n + 1
	return true
}

// release counts one less. If nothing is counted, that is a defect, but no reason to end the
// process.
func (l *limiter) release(key uint64) {
	if key == 0 {
		return
	}
	shard := &l.shards[key%limiterShards]
	shard.Lock()
	defer shard.Unlock()
	n := shard.counts[key]
	switch {
	case n == 0:
		l.log.Error("more rooms of an address ended than were counted")
		return
	case n > 1:
		shard.counts[key] = n - 1
		return
	}
	delete(shard.counts, key)
	if len(shard.counts) == 0 {
		// A map keeps the memory of its busiest hour.
		shard.counts = nil
	}
}
