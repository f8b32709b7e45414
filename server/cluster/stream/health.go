package stream

import (
	"container/list"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// health knows which writes of rooms wait for their outcome, and for how long.
type health struct {
	mu sync.Mutex
	// waiting has the changes under way in the order in which they began.
	waiting list.List
	// failed is set from a write that was given up until the next one that is stored.
	failed  bool
	failure atomic.Pointer[error] // nil while healthy
	wake    chan struct{}         // holds one: something waits
}

func (h *health) began(c *change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.waits = h.waiting.PushBack(c)
	if h.waiting.Len() == 1 {
		h.awake()
	}
}

func (h *health) ended(c *change, failed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.waits != nil {
		h.waiting.Remove(c.waits)
		c.waits = nil
	}
	if failed {
		h.failed = true
		h.awake()
	}
}

func (h *health) acked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = false
}

func (h *health) awake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *health) writing() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting.Len()
}

// look says why the stream is not healthy, nil if it is, and whether there is anything to watch.
func (h *health) look(after time.Duration) (err error, busy bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if front := h.waiting.Front(); front != nil {
		if age := time.Since(front.Value.(*change).began); age > after {
			return fmt.Errorf("%w: %d writes wait, the oldest since %v", ErrUnknown, h.waiting.Len(), age.Round(time.Millisecond)), true
		}
	}
	if h.failed {
		return fmt.Errorf("%w: none has been stored since one was given up", ErrUnknown), true
	}
	return nil, h.waiting.Len() > 0
}

// Healthy is false while the outcome of a write has been unknown for 2 s, and after one was given
// up until any is stored.
func (s *Stream) Healthy() bool { return s.health.failure.Load() == nil }

// Err is the reason that the stream is unhealthy, nil while it is healthy.
func (s *Stream) Err() error {
	if err := s.health.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Accepts reports whether new saves are welcome: the stream is healthy, and less than half of what
// may be queued is.
func (s *Stream) Accepts() bool {
	return s.Healthy() && s.queuedBytes.Load() < MaxQueuedBytes/2
}

// watch keeps Healthy true to the facts, until Close. While nothing waits it sleeps.
func (s *Stream) watch() {
	ticker := time.NewTicker(s.tuning.unhealthyAfter / 8)
	defer ticker.Stop()
	var probed time.Time
	for {
		err, busy := s.health.look(s.tuning.unhealthyAfter)
		s.setHealth(err)
		if err != nil && time.Since(probed) > s.tuning.probeEvery {
			probed = time.Now()
			s.publish(probeKey, unconditional, nil, time.Minute, func(Result) {})
		}
		if !busy {
			ticker.Stop()
			select {
			case <-s.ctx.Done():
				return
			case <-s.health.wake:
			}
			ticker.Reset(s.tuning.unhealthyAfter / 8)
		}
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Stream) setHealth(err error) {
	was := s.Err()
	if err == nil {
		s.health.failure.Store(nil)
	} else {
		s.health.failure.Store(&err)
	}
	switch {
	case was == nil && err != nil:
		s.log.Error("the stream does not answer: changes are refused", "error", err)
		s.config.OnHealth(err)
	case was != nil && err == nil:
		s.log.Info("the stream answers again")
		s.config.OnHealth(nil)
	}
}
