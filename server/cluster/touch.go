package cluster

import (
	"context"
	"slices"
	"time"

	"usher/protocol"
)

const (
	// touchTick is how often the tenures that are due are looked for.
	touchTick = time.Second
	// touchPause is between two rooms: at most 2 000 are touched in a second.
	touchPause = 500 * time.Microsecond
	// firstLook is when the records of a new tenure are looked at: not while its people come back.
	firstLook = 2 * time.Second
	// lookEvery is when they are looked at again at the latest, and lookAgain after a failure.
	lookEvery = 10 * time.Minute
	lookAgain = 5 * time.Second
)

func (t *touches) add(tenure *tenure, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := touch{tenure, time.Now().Add(after)}
	at, _ := slices.BinarySearchFunc(t.due, next.at, func(other touch, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1
	})
	t.due = slices.Insert(t.due, at, next)
}

// take returns the first tenure that is due, nil if none is.
func (t *touches) take() *tenure {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.due) == 0 || time.Now().Before(t.due[0].at) {
		return nil
	}
	first := t.due[0].tenure
	t.due = slices.Delete(t.due, 0, 1)
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

// touchTenure loads the rooms whose time has come, so that they end: those that have expired, and
// once the grace of their seats is over all, because from then on their alarms end them. It comes
// again for the others.
func (n *Node) touchTenure(ctx context.Context, t *tenure) {
	if t.isOver() {
		return
	}
	nowMs := n.local.Rooms.Now().Ms
	graceMs := t.since.Ms + n.config.SeatGrace.Milliseconds() - nowMs
	nextMs := lookEvery.Milliseconds()
	if graceMs > 0 {
		nextMs = min(nextMs, graceMs)
	}
	var due, broken []string
	err := n.stream.Deadlines(ctx, t.shard, func(id string, expiresAtMs int64) {
		switch {
		case expiresAtMs != 0 && expiresAtMs <= nowMs, graceMs <= 0 && !n.local.Rooms.Holds(id):
			due = append(due, id)
		case expiresAtMs != 0:
			nextMs = min(nextMs, expiresAtMs-nowMs)
		}
	})
	again := err != nil
	for _, id := range due {
		if t.isOver() || ctx.Err() != nil {
			return
		}
		switch refusal := n.local.Rooms.Touch(ctx, id); {
		case refusal == protocol.CodeInternal:
			broken = append(broken, id)
		case refusal != "":
			again = true
		}
		time.Sleep(touchPause)
	}
	// What cannot be loaded does not end by itself.
	if err := n.stream.Expire(ctx, broken, nowMs); err != nil || again {
		nextMs = min(nextMs, lookAgain.Milliseconds())
	}
	n.touches.add(t, time.Duration(nextMs)*time.Millisecond)
}
