package server

import (
	"sync"
	"sync/atomic"
	"time"

	"usher/server/rooms"
)

const (
	// stallAfter is how long nobody reads the clock before that means that the process was not
	// running: stopped, or starved of CPU. Something reads it at every heartbeat.
	stallAfter = 2 * time.Second
	heartbeat  = stallAfter / 4
	// lookEvery is how far a reading of the clock may be from the last full look.
	lookEvery = stallAfter / 20
	// minSleep is more than the difference between two clocks that are read one after the other.
	minSleep = 50 * time.Millisecond
	// maxReading is how long reading them may take.
	maxReading = 10 * time.Millisecond
)

// clock is the time of all rooms. It continues from the time at the start whatever the system's
// clock is set to, because otherwise everybody would be closed as idle; and it knows how long the
// process was stopped or the machine suspended. Every reading checks this, so nothing happens at a
// time after a pause that does not include the pause.
type clock struct {
	startMs int64
	// ran is the time since the start, excluding the time for which the machine was suspended.
	ran func() time.Duration
	// slept is how long the machine was suspended, plus a constant. Nil if the system does not
	// report it.
	slept func() time.Duration

	looked atomic.Int64 // the value of ran at the last look
	pauses atomic.Pointer[pauses]

	mu        sync.Mutex
	lastSlept time.Duration
}

// pauses is how long the process has not run, and for how much of that the machine was suspended.
type pauses struct{ all, slept time.Duration }

func newClock(started time.Time) *clock {
	c := &clock{startMs: started.UnixMilli(), ran: func() time.Duration { return time.Since(started) }, slept: suspended()}
	c.start()
	return c
}

func (c *clock) start() {
	c.pauses.Store(new(pauses))
	if c.slept != nil {
		c.lastSlept = c.slept()
	}
}

// Now implements rooms.Clock.
func (c *clock) Now() rooms.Moment {
	ran := c.ran()
	if int64(ran)-c.looked.Load() > int64(lookEvery) {
		c.look()
	}
	p := c.pauses.Load()
	return rooms.Moment{Ms: c.startMs + (ran + p.slept).Milliseconds(), PausedMs: p.all.Milliseconds()}
}

// AfterFunc implements rooms.Clock.
func (c *clock) AfterFunc(after time.Duration, do func()) rooms.Timer {
	return time.AfterFunc(after, do)
}

// look checks whether the process has been running since the last look.
func (c *clock) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := *c.pauses.Load()
	ran := c.ran()
	if gap := ran - time.Duration(c.looked.Load()); gap > stallAfter {
		p.all += gap
	}
	if slept := c.sleptSince(); slept > minSleep {
		p.all += slept
		p.slept += slept
	}
	if p != *c.pauses.Load() {
		c.pauses.Store(&p)
	}
	c.looked.Store(int64(ran)) // now does not look behind it, so it comes last
}

// sleptSince returns how long the machine was suspended since the last look.
func (c *clock) sleptSince() time.Duration {
	if c.slept == nil {
		return 0
	}
	for range 3 {
		before := c.ran()
		slept := c.slept()
		if c.ran()-before < maxReading { // otherwise the process was stopped between two readings
			since := slept - c.lastSlept
			if since > minSleep {
				c.lastSlept = slept
			}
			return since
		}
	}
	return 0
}

// beat looks at the clock until stop is closed.
func (c *clock) beat(stop <-chan struct{}) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			c.Now()
		}
	}
}

// continueFrom makes the clock go on from another process's time.
func (c *clock) continueFrom(nowMs int64) { c.startMs += nowMs - c.Now().Ms }
