package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapGrowth is how much the heap may grow between two collections of garbage, in percent of
	// what is live. Idle connections are most of that, so this memory counts: see idle in
	// docs/performance.md.
	heapGrowth = 50
	// minHeapGrowth is how much it may grow however little is live. A join allocates some 30 KiB:
	// with a few MiB of live heap, garbage would be collected after every 50 joins, which costs a
	// third of their CPU time. An idle server gives this memory back.
	minHeapGrowth = 16 << 20
	// maxHeapGrowth is in percent. Go's least heap size, 4 MiB at 100 %, grows with the percentage.
	maxHeapGrowth = 400
)

// collectOften makes the runtime collect garbage more often than by default, but not while little
// is live. GOGC in the environment takes precedence.
func collectOften() {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collector{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, set: func(percent int) { debug.SetGCPercent(percent) }}
	c.adjust()
	c.watch()
}

// collectBefore makes the runtime collect garbage before the memory reaches the bound, however much
// of it is live. GOMEMLIMIT in the environment takes precedence.
func collectBefore(bound int64) {
	if os.Getenv("GOMEMLIMIT") == "" && bound > 0 {
		debug.SetMemoryLimit(bound / 8 * 7)
	}
}

// collector sets how much the heap may grow, again after each collection.
type collector struct {
	live    []metrics.Sample
	set     func(percent int)
	percent int
}

// watch calls adjust after the next collection, and again after each that follows.
func (c *collector) watch() {
	garbage := new([64]byte) // cleanups of smaller objects may come late
	runtime.AddCleanup(garbage, func(c *collector) { c.adjust(); c.watch() }, c)
}

// adjust stops the world for a moment, so it leaves small differences.
func (c *collector) adjust() {
	metrics.Read(c.live)
	percent := growthFor(c.live[0].Value.Uint64())
	if difference := percent - c.percent; max(difference, -difference) > c.percent/8 {
		c.percent = percent
		c.set(percent)
	}
}

// growthFor returns how much the heap may grow, in percent of the bytes that are live.
func growthFor(live uint64) int {
	return int(min(max(minHeapGrowth*100/max(live, 1), heapGrowth), maxHeapGrowth))
}
