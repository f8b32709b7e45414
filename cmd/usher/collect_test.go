package main

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
)

func TestASmallHeapMayGrowByMore(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, maxHeapGrowth},
		{3 << 20, maxHeapGrowth},
		{8 << 20, 200},
		{16 << 20, 100},
		{32 << 20, heapGrowth},
		{1 << 40, heapGrowth},
	} {
		if got := growthFor(c.live); got != c.want {
			t.Errorf("%d MiB live: %d %%, want %d", c.live>>20, got, c.want)
		}
	}
}

func TestGrowthIsSetOnlyIfItDiffers(t *testing.T) {
	var set []int
	c := &collector{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, set: func(percent int) { set = append(set, percent) }}
	c.adjust()
	c.adjust()
	if len(set) != 1 {
		t.Errorf("set to %d", set)
	}
}

func TestGrowthIsSetAfterEachCollection(t *testing.T) {
	var sets atomic.Int32
	c := &collector{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.set = func(int) { c.percent = 0; sets.Add(1) } // so each differs
	c.watch()
	for sets.Load() < 2 { // for ever, if it is never set
		runtime.GC()
	}
}
