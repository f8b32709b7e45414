package edge

import (
	"context"
	"time"

	"usher/protocol"
)

// Carried is what a connection is to its edge, for another process. Its fields are exported for
// its encoding only.
type Carried struct {
	// Place is the key of the address that the connection counts for, 0 for none.
	Place     uint64
	RequestID string
	Standing  uint32
	// Reader is the incomplete frame, Unread what was read of the socket and not looked at, and
	// Unsent what the client has not taken.
	Reader, Unread, Unsent []byte
}

// Budgets is what an address has spent.
type Budgets struct {
	Key uint64
	// LeftNs is how long each budget takes to be full again.
	LeftNs [budgets]int64
}

// beginHandshake counts a handshake, once nothing is held.
func (e *Edge) beginHandshake(ctx context.Context) {
	for {
		e.handshakes.Add(1) // before draining is read
		held := e.held.Load()
		if held == nil {
			return
		}
		e.handshakes.Add(-1)
		beforeWaiting(ctx)
		select {
		case <-held.over:
		case <-ctx.Done():
			e.handshakes.Add(1)
			return
		}
	}
}

// waitForHandshakes waits until those that have begun are over, but no longer than ctx.
func (e *Edge) waitForHandshakes(ctx context.Context) {
	for e.handshakes.Load() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// AppendBudgets appends what each address has spent and not yet regained.
func (e *Edge) AppendBudgets(all []Budgets) []Budgets {
	now := e.gate.nowNs()
	for i := range e.gate.sources.shards {
		shard := &e.gate.sources.shards[i]
		shard.Lock()
		for key, s := range shard.byKey {
			if idle, _ := s.idle(now); idle {
				continue
			}
			spent := Budgets{Key: key}
			s.mu.Lock()
			for i, full := range s.full {
				spent.LeftNs[i] = max(full-now, 0)
			}
			s.mu.Unlock()
			all = append(all, spent)
		}
		shard.Unlock()
	}
	return all
}

// RestoreBudgets is for what AppendBudgets returned in another process.
func (e *Edge) RestoreBudgets(all []Budgets) {
	now := e.gate.nowNs()
	for _, spent := range all {
		s := e.gate.sources.enter(spent.Key, now)
		s.mu.Lock()
		for i, left := range spent.LeftNs {
			s.full[i] = now + left
		}
		s.mu.Unlock()
		e.gate.sources.leave(s, now)
	}
}

// PreparePage prepares the page ahead of New, because that takes a while.
func PreparePage() { _, _ = builtInPage() }

// DrainLeft closes the connections whose rooms are another process's by now, as Drain does.
func (e *Edge) DrainLeft(ctx context.Context, spread time.Duration) {
	e.left.Store(true)
	e.drain(ctx, spread, func(c *Conn) { c.Close(protocol.CloseRestart) })
}
