package server

import (
	"context"
	"log/slog"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// memoryEvery is how often the memory is checked.
	memoryEvery = 100 * time.Millisecond
	// The shares of the bound, in eighths, at which new rooms and connections are refused, and
	// welcome again. The live memory may then grow by half before the next garbage collection, and
	// still fits.
	fullEighths, welcomeEighths = 5, 4
	// collectWhenFull is how often memory is freed and garbage is collected while memory is nearly
	// used up, to find out whether it still is.
	collectWhenFull = 5 * time.Second
)

// memory knows whether the process is close to its memory bound. A nil memory never is.
type memory struct {
	max    int64
	log    *slog.Logger
	isFull atomic.Bool
	// shed frees what can be freed immediately.
	shed func()
	// live returns how many bytes are in use, and collect collects garbage. Tests replace them.
	live    func() int64
	collect func()
}

// newMemory returns nil for no bound.
func newMemory(maxBytes int64, log *slog.Logger, shed func()) *memory {
	if maxBytes == 0 {
		return nil
	}
	return &memory{max: maxBytes, log: log, shed: shed, live: liveBytes(), collect: runtime.GC}
}

// full reports whether new rooms and connections must be refused.
func (m *memory) full() bool { return m != nil && m.isFull.Load() }

// watch checks the memory until ctx is done.
func (m *memory) watch(ctx context.Context) {
	if m == nil {
		return
	}
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	var collected time.Time
	for {
		if m.look(); m.full() && time.Since(collected) >= collectWhenFull {
			m.shed()
			m.collect()
			collected = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *memory) look() {
	used := m.live()
	was := m.isFull.Load()
	switch {
	case !was && used > m.max/8*fullEighths:
		m.isFull.Store(true)
		m.log.Warn("memory is nearly used up; newcomers are refused", "bytes", used, "max", m.max)
	case was && used < m.max/8*welcomeEighths:
		m.isFull.Store(false)
		m.log.Info("memory is free again; newcomers are welcome", "bytes", used, "max", m.max)
	}
}

// liveBytes returns a function that measures the memory in use: that of the whole process, without
// what the last collection found to be garbage and what may have become garbage since.
func liveBytes() func() int64 {
	const (
		total = iota
		released
		free
		objects
		live
	)
	samples := []runtimemetrics.Sample{
		total:    {Name: "/memory/classes/total:bytes"},
		released: {Name: "/memory/classes/heap/released:bytes"},
		free:     {Name: "/memory/classes/heap/free:bytes"},
		objects:  {Name: "/memory/classes/heap/objects:bytes"},
		live:     {Name: "/gc/heap/live:bytes"},
	}
	return func() int64 {
		runtimemetrics.Read(samples)
		value := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
		return value(total) - value(released) - value(free) - value(objects) + min(value(live), value(objects))
	}
}
