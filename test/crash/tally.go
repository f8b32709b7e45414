package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// tally counts what happens to changes. All workers share it.
type tally struct {
	// reads: what GET shows counts as acknowledged.
	reads bool

	kills, early int64
	acknowledged atomic.Int64
	// verified were acknowledged and found; lost were acknowledged and not found.
	verified, lost atomic.Int64
	// doubt were asked and not acknowledged when the server was killed; kept are those of them that
	// were found.
	doubt, kept  atomic.Int64
	rooms, seats atomic.Int64

	mu sync.Mutex
	// left is how many acknowledgements are still to come before reached is closed.
	left    int
	reached chan struct{}
}

// killAfter returns a channel that is closed after n more acknowledgements.
func (t *tally) killAfter(n int) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left, t.reached = n, make(chan struct{})
	return t.reached
}

func (t *tally) acknowledge(n int) {
	t.acknowledged.Add(int64(n))
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.left
	t.left -= n
	if was > 0 && t.left <= 0 {
		close(t.reached)
	}
}

// judged counts a room's changes: kept is how many of those in doubt were found, or negative if the
// room is not in a possible state.
func (t *tally) judged(r *room, kept int) {
	t.rooms.Add(1)
	t.doubt.Add(int64(r.doubt()))
	if kept >= 0 {
		t.verified.Add(int64(r.history.acknowledged))
		t.kept.Add(int64(kept))
	}
}

func (t *tally) resumed(seats int) { t.seats.Add(int64(seats)) }

func (t *tally) String() string {
	return fmt.Sprintf("kills %d (%d while starting), acknowledged %d, verified %d, in doubt %d (%d of them found), lost %d; looked at %d rooms, resumed %d seats",
		t.kills, t.early, t.acknowledged.Load(), t.verified.Load(), t.doubt.Load(), t.kept.Load(), t.lost.Load(), t.rooms.Load(), t.seats.Load())
}
