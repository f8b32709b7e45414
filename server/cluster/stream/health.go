package stream

import (
	"fmt"
	"time"
)

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
			return fmt.Errorf("%w: writes that wait: %d, the oldest for %v", ErrUnknown, h.waiting.Len(), age.Round(time.Millisecond)), true
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
