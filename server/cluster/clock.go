package cluster

import (
	"sync"
	"sync/atomic"
	"time"
)

// glanceFor is how long the process may run before a glance asks the system for boot time again.
const glanceFor = time.Millisecond

// clock is the time since the node's start, in nanoseconds. It never goes back, whatever the
// system's clock is set to, and it goes on while the process is stopped or, if the system can tell,
// the machine is suspended: a lease must be over then.
type clock struct {
	// ran is the time since the start without suspensions, and boot the time since some moment with
	// them, nil if it is not known.
	ran, boot func() int64
	bootBegun int64

	// Of the last look for a glance: ran, and how much further boot was.
	mu            sync.Mutex
	looked, ahead atomic.Int64
}

func newClock(boot func() int64) *clock {
	begun := time.Now()
	c := &clock{ran: func() int64 { return int64(time.Since(begun)) }, boot: boot}
	if boot != nil {
		c.bootBegun = boot()
	}
	return c
}

// now is exact. It costs a system call.
func (c *clock) now() int64 {
	if c.boot == nil {
		return c.ran()
	}
	return c.boot() - c.bootBegun
}

// glance is now for each frame: it may miss a suspension for the first millisecond that the process
// runs after it. What leaves within that was decided before, as if it had been under way.
func (c *clock) glance() int64 {
	ran := c.ran()
	if c.boot == nil {
		return ran
	}
	if ran-c.looked.Load() > int64(glanceFor) {
		c.look()
	}
	return ran + c.ahead.Load()
}

// look reads boot time after the time without suspensions: if the process is stopped in between,
// the lease seems over until the next look, and never too long.
func (c *clock) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	ran := c.ran()
	c.ahead.Store(c.now() - ran)
	c.looked.Store(ran)
}
