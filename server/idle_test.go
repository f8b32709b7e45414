package server

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestFreeMemoryIsGivenBackWhenLittleIsAllocated(t *testing.T) {
	const live = 80 << 20 // of which an idle server allocates less than 10 MiB between two looks
	var allocated uint64
	freed := 0
	h := &idleHeap{read: func() (uint64, uint64) { return allocated, live }, free: func() { freed++ }}
	now := time.Unix(1_700_000_000, 0)
	for i, look := range []struct {
		allocatedMB uint64 // since the last look
		after       time.Duration
		want        int // how often it has been given back by then
	}{
		{100, idleLook, 0}, // busy
		{11, idleLook, 0},
		{9, idleLook, 1}, // idle
		{9, idleLook, 1}, // little since then
		{9, idleLook, 1}, // more, but that is not long ago
		{1, idleRest, 2},
		{0, idleRest, 2}, // nothing more to give back
		{100, idleRest, 2},
		{0, idleLook, 3},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			now = now.Add(look.after)
			allocated += look.allocatedMB << 20
			if h.look(now); freed != look.want {
				t.Errorf("given back %d times, want %d", freed, look.want)
			}
		})
	}
}

func TestTheHeapIsRead(t *testing.T) {
	h := newIdleHeap()
	before, _ := h.read()
	keep := make([]byte, 1<<20)
	runtime.GC()
	after, live := h.read()
	if after-before < uint64(len(keep)) || live == 0 {
		t.Errorf("%d, then %d allocated, %d live", before, after, live)
	}
}
