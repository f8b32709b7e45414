package metrics

import (
	"testing"
	"time"

	"usher/protocol"
)

func TestCountingDoesNotAllocate(t *testing.T) {
	m := New()
	if n := testing.AllocsPerRun(100, func() {
		m.MessageReceived(protocol.WebRTCOffer)
		m.FramesRelayed(1)
		m.UndeliveredSent(protocol.CodeTargetAway)
		m.ConnClosed(protocol.CloseNormal)
		m.Committed(1, time.Millisecond)
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
