package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds are the upper ends of a histogram's buckets, in rising order; one more bucket has the
// rest.
type Bounds []time.Duration

// maxBounds keeps a Histogram in one piece of memory.
const maxBounds = 12

// The bounds of all histograms. Each has a boundary at what somebody would promise.
var (
	// stepBounds are for what takes no disk: the fastest is a map's look-up, and a quarter of a
	// second is more than anybody should see.
	stepBounds = Bounds{
		25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, time.Millisecond,
		5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second,
	}
	// commitBounds: an fsync takes from 50 µs on a good SSD to seconds on a busy disk.
	commitBounds = Bounds{
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
		10 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second,
	}
	// seatBounds are for a client's round trips and a commit.
	seatBounds = Bounds{
		time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 10 * time.Second, time.Minute,
	}
	// absenceBounds are for a person's way back: a reload, a change of network, a restart.
	absenceBounds = Bounds{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, 5 * time.Minute,
	}
	// HandOverBounds are for the move of a shard to another node.
	HandOverBounds = Bounds{
		5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second, 15 * time.Second,
	}
)

// Histogram counts durations. The zero value is empty; all calls for one have the same Bounds.
type Histogram struct {
	counts [maxBounds + 1]atomic.Uint64
	sumNs  atomic.Int64
}

// Observe counts n things that each took as long.
func (h *Histogram) Observe(bounds Bounds, took time.Duration, n int) {
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	h.counts[i].Add(uint64(n))
	h.sumNs.Add(int64(took) * int64(n))
}

// Metric returns the sum of several histograms for a scrape. The sum of the durations may be a
// little ahead of the counts, or behind.
func (b Bounds) Metric(d *prometheus.Desc, labels []string, all ...*Histogram) prometheus.Metric {
	buckets := make(map[float64]uint64, len(b))
	count, sumNs := uint64(0), int64(0)
	for i := range len(b) + 1 {
		for _, h := range all {
			count += h.counts[i].Load()
		}
		if i < len(b) {
			buckets[b[i].Seconds()] = count
		}
	}
	for _, h := range all {
		sumNs += h.sumNs.Load()
	}
	return prometheus.MustNewConstHistogram(d, count, time.Duration(sumNs).Seconds(), buckets, labels...)
}

// timed is a histogram with one label, or none, whose values are counted in any number of places.
type timed struct {
	description *prometheus.Desc
	bounds      Bounds
	series      []series
}

// series are the histograms of one value of the label.
type series struct {
	labels []string
	all    []*Histogram
}

// Describe implements prometheus.Collector.
func (t *timed) Describe(to chan<- *prometheus.Desc) { to <- t.description }

// Collect implements prometheus.Collector.
func (t *timed) Collect(to chan<- prometheus.Metric) {
	for _, s := range t.series {
		to <- t.bounds.Metric(t.description, s.labels, s.all...)
	}
}
