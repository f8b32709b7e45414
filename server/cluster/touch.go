package cluster

import (
	"context"
	"sync"
	"time"
)

const (
	// touchTick is how often the tenures whose rooms are to be touched are looked for.
	touchTick = time.Second
	// touchPause is between two rooms: at most 2 000 are touched in a second.
	touchPause = 500 * time.Microsecond
)

// touches are tenures whose rooms must be loaded once the grace of their seats is over, so that
// those that nobody comes back to end.
type touches struct {
	mu  sync.Mutex
	due []touch
}

type touch struct {
	tenure *tenure
	at     time.Time
}

func (t *touches) add(tenure *tenure, grace time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = append(t.due, touch{tenure, time.Now().Add(grace)})
}

// take returns the first tenure that is due, nil if none is.
func (t *touches) take() *tenure {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.due) == 0 || time.Now().Before(t.due[0].at) {
		return nil
	}
	first := t.due[0].tenure
	t.due = t.due[1:]
	return first
}

func (n *Node) touchRooms(ctx context.Context) {
	ticker := time.NewTicker(touchTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for t := n.touches.take(); t != nil && ctx.Err() == nil; t = n.touches.take() {
			n.touchTenure(ctx, t)
		}
	}
}

func (n *Node) touchTenure(ctx context.Context, t *tenure) {
	if t.over.Load() || t.leaving.Load() {
		return
	}
	ids, err := n.stream.Rooms(ctx, t.shard)
	if err != nil {
		n.touches.add(t, touchTick)
		return
	}
	again := false
	for _, id := range ids {
		if t.over.Load() || t.leaving.Load() || ctx.Err() != nil {
			return
		}
		if refusal := n.local.Rooms.Touch(ctx, id); refusal != "" && refusal.Lookup().Retryable {
			again = true
		}
		time.Sleep(touchPause)
	}
	if again {
		n.touches.add(t, n.config.SeatGrace)
	}
}
