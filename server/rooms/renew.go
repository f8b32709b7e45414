package rooms

import (
	"context"
	"time"

	"usher/room"
)

const (
	// maxRenewing bounds the renewals under way, and maxRenewals those that wait beside them. What
	// comes beyond is dropped: the room asks again.
	maxRenewing = 16
	maxRenewals = 1 << 16
	// renewTimeout bounds one renewal.
	renewTimeout = 10 * time.Second
)

// add queues what an effect asks for. The caller holds the room's lock.
func (r *renewals) add(l *liveRoom, e *room.Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= maxRenewals {
		return
	}
	r.queue = append(r.queue, renewal{l, e.Conn, e.UserID, e.AtMs})
	if r.under < maxRenewing {
		r.under++
		go r.work()
	}
}

// work renews until nothing is left.
func (r *renewals) work() {
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			r.queue = nil
			r.under--
			r.mu.Unlock()
			return
		}
		next := r.queue[0]
		r.queue = r.queue[1:]
		r.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
		frame := r.config.ICE.Servers(ctx, next.room.id, next.userID, next.takenAtMs)
		cancel()
		next.room.step(room.Event{Kind: room.Renewed, Conn: next.conn, Frame: frame})
	}
}
