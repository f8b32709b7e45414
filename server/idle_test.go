package server

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestFreeMemoryIsGivenBackWhenLittleIsAllocated(t *testing.T) {
	// An idle server allocates less than 5 MiB of it between two looks, and returns 15 MiB.
	const live = 120 << 20
	var allocated uint64
	freed := 0
	m := &idleMemory{read: func() (uint64, uint64) { return allocated, live }, free: func() { freed++ }, unmap: func() {}}
	now := time.Unix(1_700_000_000, 0)
	for i, look := range []struct {
		allocatedMB uint64 // since the last look
		after       time.Duration
		want        int // how often it has been given back by then
	}{
		{100, idleLook, 0}, // busy
		{6, idleLook, 0},
		{4, idleLook, 1}, // idle
		{4, idleLook, 1}, // little since then
		{4, idleLook, 1},
		{4, idleLook, 1},
		{4, idleLook, 1}, // more, but that is not long ago
		{1, idleRest, 2},
		{0, idleLook, 2},
		{0, idleRest, 3}, // what was held until now
		{0, idleRest, 4},
		{0, idleRest, 4}, // nothing more to give back
		{100, idleRest, 4},
		{0, idleLook, 5},
		{0, idleRest, 6},
		{100, idleLook, 6},
		{0, idleLook, 7}, // at once, although some was given back not long ago
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			now = now.Add(look.after)
			allocated += look.allocatedMB << 20
			if m.look(now); freed != look.want {
				t.Errorf("given back %d times, want %d", freed, look.want)
			}
		})
	}
}

// Idle rooms are stored now and then, for which pages of the store are read.
func TestPagesOfTheStoreAreGivenBackAgainAndAgain(t *testing.T) {
	var allocated uint64
	given := 0
	m := &idleMemory{read: func() (uint64, uint64) { return allocated, 1 << 20 }, free: func() {}, unmap: func() { given++ }}
	now := time.Unix(1_700_000_000, 0)
	for i, look := range []struct {
		allocated uint64 // since the last look
		after     time.Duration
		want      int // how often they have been given back by then
	}{
		{1 << 20, idleLook, 0}, // busy
		{0, idleLook, 1},
		{0, idleLook, 1},
		{0, idleRest, 2},
		{0, idleRest, 3},
		{1 << 20, idleRest, 3},
		{0, idleLook, 4},
	} {
		now = now.Add(look.after)
		allocated += look.allocated
		if m.look(now); given != look.want {
			t.Errorf("look %d: given back %d times, want %d", i, given, look.want)
		}
	}
}

func TestTheHeapIsRead(t *testing.T) {
	m := newIdleMemory(nil)
	before, _ := m.read()
	keep := make([]byte, 1<<20)
	runtime.GC()
	after, live := m.read()
	if after-before < uint64(len(keep)) || live == 0 {
		t.Errorf("%d, then %d allocated, %d live", before, after, live)
	}
}
