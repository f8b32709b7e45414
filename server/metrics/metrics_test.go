package metrics

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/protocol"
)

func TestCountingDoesNotAllocate(t *testing.T) {
	m := New()
	if n := testing.AllocsPerRun(100, func() {
		m.MessageReceived(protocol.WebRTCOffer)
		m.FramesRelayed(1)
		m.UndeliveredSent(protocol.WebRTCOffer, protocol.CodeTargetAway)
		m.ConnClosed(protocol.CloseNormal)
		m.Committed(1, time.Millisecond)
		m.Flow(3).Handled(protocol.WebRTCOffer, time.Millisecond)
		m.Flow(3).Relayed(time.Millisecond, 2)
		m.Changed(protocol.RenameRoom, m.Ns())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMessageReceived(b *testing.B) {
	m := New()
	for b.Loop() {
		m.MessageReceived(protocol.WebRTCOffer)
	}
}

// What a slice with one relay adds to the time that it takes.
func BenchmarkFlow(b *testing.B) {
	m := New()
	f := m.Flow(0)
	for b.Loop() {
		f.Handled(protocol.WebRTCOffer, 30*time.Microsecond)
		f.Relayed(30*time.Microsecond, 1)
	}
}

// A duration on a bound is within it, and one past all bounds is in the last bucket.
func TestHistogramsPutEachDurationInItsBucket(t *testing.T) {
	bounds := Bounds{time.Millisecond, time.Second}
	h := new(Histogram)
	for _, took := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, time.Second, time.Hour} {
		h.Observe(bounds, took, 2)
	}
	for i, want := range []uint64{4, 4, 2} {
		if got := h.counts[i].Load(); got != want {
			t.Errorf("bucket %d has %d, not %d", i, got, want)
		}
	}
	if sum := time.Duration(h.sumNs.Load()); sum != 2*(time.Hour+time.Second+2*time.Millisecond+1) {
		t.Errorf("the sum is %v", sum)
	}
	for _, b := range []Bounds{stepBounds, commitBounds, seatBounds, absenceBounds, HandOverBounds} {
		if len(b) > maxBounds || !slices.IsSorted(b) {
			t.Errorf("%v are too many, or out of order", b)
		}
	}
}

// Clients can make no series: whatever they send is a type that exists, or invalid.
func TestLabelsAreBounded(t *testing.T) {
	m := New()
	for n := range 256 {
		m.MessageReceived(protocol.Type(n))
		m.Flow(n).Handled(protocol.Type(n), time.Duration(n))
		m.ErrorSent(protocol.Type(n), protocol.Code(strings.Repeat("X", n)))
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if name := family.GetName(); strings.HasPrefix(name, "usher_message") && len(family.GetMetric()) != int(protocol.Types) {
			t.Errorf("%s has %d series", name, len(family.GetMetric()))
		}
	}
}
