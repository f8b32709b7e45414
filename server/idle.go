package server

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

const (
	// idleLook is how often memory is looked at for idleness.
	idleLook = 15 * time.Second
	// idleShare is the part of the live heap that an idle server allocates in that time at most.
	idleShare = 8
	// idleRest is the least time between two returns of free memory to the system.
	idleRest = 2 * time.Minute
)

// idleHeap gives the free part of the heap back to the system once little is allocated: up to half
// as much as is live is otherwise kept for the next garbage.
type idleHeap struct {
	// read returns the bytes allocated since the start, and those that are live.
	read func() (allocated, live uint64)
	free func()

	allocated uint64
	// freedAt is how much had been allocated when it was last given back, and restUntil when that
	// may be done again.
	freedAt   uint64
	restUntil time.Time
}

func newIdleHeap() *idleHeap {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	return &idleHeap{free: debug.FreeOSMemory, read: func() (allocated, live uint64) {
		runtimemetrics.Read(samples)
		return samples[0].Value.Uint64(), samples[1].Value.Uint64()
	}}
}

// watch looks until ctx is done.
func (h *idleHeap) watch(ctx context.Context) {
	h.allocated, _ = h.read()
	every(ctx, idleLook, h.look)
}

func (h *idleHeap) look(now time.Time) {
	allocated, live := h.read()
	little := live / idleShare
	isIdle := allocated-h.allocated < little
	h.allocated = allocated
	if !isIdle || allocated-h.freedAt < little || now.Before(h.restUntil) {
		return
	}
	h.free()
	h.freedAt, _ = h.read()
	h.restUntil = now.Add(idleRest)
}
