package cluster

import (
	"sync/atomic"
	"testing"
	"time"

	"usher/server/servertest"
)

// machine is what a clock runs on.
type machine struct{ ran, slept time.Duration }

func (m *machine) clock() *clock {
	c := newClock(func() int64 { return int64(time.Hour + m.ran + m.slept) })
	c.ran = func() int64 { return int64(m.ran) }
	return c
}

func TestClockGoesOnWhileTheMachineIsSuspended(t *testing.T) {
	m := new(machine)
	c := m.clock()
	is := func(when string, now, glance time.Duration) {
		t.Helper()
		if got := time.Duration(c.now()); got != now {
			t.Errorf("%s: %v, want %v", when, got, now)
		}
		if got := time.Duration(c.glance()); got != glance {
			t.Errorf("%s: at a glance %v, want %v", when, got, glance)
		}
	}
	m.ran = 10 * time.Second
	is("running", 10*time.Second, 10*time.Second)
	m.slept = time.Minute
	m.ran += glanceFor
	is("just awake", 70*time.Second+glanceFor, 10*time.Second+glanceFor)
	m.ran += 1
	is("a little later", 70*time.Second+glanceFor+1, 70*time.Second+glanceFor+1)
}

// A process may be stopped between the readings of two clocks. The lease then seems over, which is
// safe, but not for longer than the next look.
func TestAStopBetweenTwoReadingsIsForgotten(t *testing.T) {
	m := new(machine)
	c := m.clock()
	boot := c.boot
	c.boot = func() int64 {
		m.ran += time.Minute
		return boot()
	}
	m.ran = time.Second
	if got := time.Duration(c.glance()); got < time.Second+time.Minute {
		t.Errorf("at a glance %v", got)
	}
	c.boot = boot
	if got := time.Duration(c.glance()); got != m.ran {
		t.Errorf("at the next glance %v, want %v", got, m.ran)
	}
}

// A machine that was suspended for longer than the lease must find that it is over.
func TestASuspendedMachineFindsItsLeaseOver(t *testing.T) {
	var slept atomic.Int64
	begun := time.Now()
	s := launch(t, Config{boot: func() int64 { return int64(time.Since(begun)) + slept.Load() }})
	held := s.tenures[0].Load()
	if !held.Valid() {
		t.Fatal("not valid before")
	}
	// Renewals that are under way, or come at this moment, are not what is tested: any of them may
	// be the one that makes the lease valid again.
	s.mu.Lock()
	slept.Store(int64(time.Hour))
	time.Sleep(2 * glanceFor)
	valid := held.Valid()
	s.mu.Unlock()
	if valid {
		t.Error("the lease is valid after an hour")
	}
	servertest.Eventually(t, "the node notices", func() bool { return s.counts.suspended.Load() > 0 })
	servertest.Eventually(t, "and goes on", held.Valid)
}

func BenchmarkValid(b *testing.B) {
	c := newClock(bootTime())
	n := &Node{clock: c}
	n.validUntil.Store(1 << 62)
	t := &tenure{node: n}
	for b.Loop() {
		if !t.Valid() {
			b.Fatal("not valid")
		}
	}
}
