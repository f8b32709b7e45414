package server

import (
	"sync"
	"testing"
	"time"
)

// machine is the machine under a clock; it can be stopped and suspended.
type machine struct{ ran, slept time.Duration }

func newMachine() (*machine, *clock) {
	m := new(machine)
	m.ran, m.slept = 5*time.Second, time.Hour // it was not started with the process
	base := m.ran
	c := &clock{startMs: 1_000_000, ran: func() time.Duration { return m.ran - base }, slept: func() time.Duration { return m.slept }}
	c.start()
	return m, c
}

// run lets time pass while the heart beats.
func (m *machine) run(c *clock, d time.Duration) {
	for ; d > heartbeat; d -= heartbeat {
		m.ran += heartbeat
		c.Now()
	}
	m.ran += d
}

func TestClock(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		rule          string
		live          func(m *machine, c *clock)
		wall, paused  time.Duration
		pausedAtLeast bool
	}{
		{"goes on while the process runs", func(m *machine, c *clock) { m.run(c, 100*s) }, 100 * s, 0, false},
		{"knows that a stopped process did not run", func(m *machine, c *clock) { m.run(c, 10*s); m.ran += 60 * s }, 70 * s, 60 * s, true},
		{"knows that a suspended machine did not run, and goes on", func(m *machine, c *clock) { m.run(c, 10*s); m.slept += 3600 * s; m.ran += s }, 3611 * s, 3600 * s, false},
		{"adds one pause to another", func(m *machine, c *clock) {
			for range 3 {
				m.run(c, 10*s)
				c.Now()
				m.ran += 60 * s
				c.Now()
				m.run(c, 10*s)
				m.slept += 100 * s
				m.run(c, s)
			}
		}, 3 * 181 * s, 3 * 160 * s, true},
		{"counts a pause once, whoever reads it", func(m *machine, c *clock) {
			m.ran += 60 * s
			var readers sync.WaitGroup
			for range 8 {
				readers.Go(func() { c.Now() })
			}
			readers.Wait()
		}, 60 * s, 60 * s, false},
		{"takes a short hold-up for running", func(m *machine, c *clock) { m.run(c, 10*s); c.Now(); m.ran += stallAfter }, 12 * s, 0, false},
		{"is not misled by clocks that are read one after the other", func(m *machine, c *clock) {
			for range 1000 {
				m.run(c, s)
				m.slept += minSleep / 1000
			}
		}, 1000 * s, 0, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			m, c := newMachine()
			test.live(m, c)
			now := c.Now()
			if wall := time.Duration(now.Ms-1_000_000) * time.Millisecond; wall < test.wall || wall > test.wall+minSleep {
				t.Errorf("%v have passed, not %v", wall, test.wall)
			}
			paused := time.Duration(now.PausedMs) * time.Millisecond
			if paused < test.paused || paused > test.paused && !test.pausedAtLeast || paused > test.paused+3*2*heartbeat {
				t.Errorf("%v were a pause, not %v", paused, test.paused)
			}
		})
	}
}

// A process may be stopped between the readings of two clocks. The difference is not a sleep.
func TestClockThatIsStoppedWhileItIsReadSeesNoSleep(t *testing.T) {
	m, c := newMachine()
	m.run(c, 10*time.Second)
	c.Now()
	stops := 1
	c.slept = func() time.Duration {
		was := m.slept
		if stops > 0 {
			stops--
			m.ran += time.Minute
			return was + time.Minute // the one clock was read before, the other after it
		}
		return was
	}
	m.ran += time.Second
	c.Now()
	if now := c.Now(); now.Ms != 1_000_000+71_000 || now.PausedMs < 60_000 || now.PausedMs > 61_000 {
		t.Errorf("the clock has %+v", now)
	}
}

func TestRealClockRuns(t *testing.T) {
	c := newClock(time.Now())
	first := c.Now()
	for c.Now().Ms < first.Ms+10 {
		time.Sleep(time.Millisecond)
	}
	if now := c.Now(); now.PausedMs != 0 {
		t.Errorf("a pause of %d ms", now.PausedMs)
	}
	if c.slept != nil && c.slept() < 0 {
		t.Errorf("%v of sleep", c.slept())
	}
}
