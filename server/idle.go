package server

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

const (
	// idleLook is how often memory is looked at for idleness.
	idleLook = 5 * time.Second
	// idleShare is the part of the live heap that an idle server allocates in that time at most.
	// Once freeShare has been allocated, it is worth giving back.
	idleShare, freeShare = 24, 8
	// idleRest is the least time between two busy times after which memory is given back.
	idleRest = 25 * time.Second
	// idleAgain is how often free memory is given back again after each of them, idleRest apart:
	// what rooms record of a busy time goes only once they are quiet, and what pools and finalizers
	// hold outlives a collection.
	idleAgain = 2
)

// idleMemory gives memory back to the system once little is allocated: the pages of the store's
// file, and the free part of the heap, which is otherwise kept for the next garbage (half as much
// as is live, or 16 MiB if that is more).
type idleMemory struct {
	// read returns the bytes allocated since the start, and those that are live.
	read func() (allocated, live uint64)
	// free gives back the free part of the heap, and unmap the pages of the store.
	free, unmap func()

	allocated uint64
	// freedAt is how much had been allocated when it was last given back, and restUntil when that
	// may be done again after a busy time.
	freedAt   uint64
	restUntil time.Time
	// again is how often it is still to be given back although little has been allocated since, and
	// againAt when.
	again   int
	againAt time.Time
	// mappedUntil is when pages may be given back again: idle rooms are stored now and then.
	mappedUntil time.Time
}

// newIdleMemory returns what watches over memory. unmap may be nil.
func newIdleMemory(unmap func()) *idleMemory {
	if unmap == nil {
		unmap = func() {}
	}
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	return &idleMemory{free: debug.FreeOSMemory, unmap: unmap, read: func() (allocated, live uint64) {
		runtimemetrics.Read(samples)
		return samples[0].Value.Uint64(), samples[1].Value.Uint64()
	}}
}

// watch looks until ctx is done.
func (m *idleMemory) watch(ctx context.Context) {
	m.allocated, _ = m.read()
	every(ctx, idleLook, m.look)
}

func (m *idleMemory) look(now time.Time) {
	allocated, live := m.read()
	isIdle := allocated-m.allocated < live/idleShare
	m.allocated = allocated
	if !isIdle {
		return
	}
	if !now.Before(m.mappedUntil) {
		m.unmap()
		m.mappedUntil = now.Add(idleRest)
	}
	switch {
	case allocated-m.freedAt >= live/freeShare && !now.Before(m.restUntil):
		m.again, m.restUntil = idleAgain, now.Add(idleRest)
	case m.again > 0 && !now.Before(m.againAt):
		m.again--
	default:
		return
	}
	m.free()
	m.freedAt, _ = m.read()
	m.againAt = now.Add(idleRest)
}

// every calls do once in each interval until ctx is done.
func every(ctx context.Context, interval time.Duration, do func(now time.Time)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			do(now)
		}
	}
}
