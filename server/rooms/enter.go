package rooms

import (
	"context"
	"time"

	"usher/protocol"
)

// describeTimeout bounds the wait for what is known about a room to be stored.
const describeTimeout = 5 * time.Second

// enter returns the room of an id, from memory, from the store or a new one that does not exist
// yet, and keeps it in memory until leave. waits is that of an Opening.
func (r *Rooms) enter(ctx context.Context, id string, waits func()) (*liveRoom, protocol.Code) {
	if waits == nil {
		waits = func() {}
	}
	for {
		l, isNew, frozen := r.registry.find(r, id)
		switch {
		case frozen != nil:
			waits()
			select {
			case <-frozen:
				continue
			case <-ctx.Done():
				return nil, protocol.CodeStorageUnavailable
			}
		case l == nil:
			return nil, protocol.CodeDraining
		}
		if isNew {
			waits()
			if refusal := l.load(); refusal != "" {
				l.leaveRegistry()
				l.mu.Unlock()
				return nil, refusal
			}
		} else if !l.mu.TryLock() {
			waits() // it may be loaded just now
			l.mu.Lock()
		}
		gone, leaving, claimed := l.gone, l.leaving, l.claimed
		if !gone && !leaving {
			l.entering++
		}
		l.mu.Unlock()
		switch {
		case gone:
			continue
		case leaving:
			return nil, protocol.CodeRoomUnavailable
		case claimed != nil:
			waits()
			select {
			case <-claimed:
			case <-ctx.Done():
				l.leave()
				return nil, protocol.CodeStorageUnavailable
			}
			if l.failure.Load() != nil {
				l.leave()
				return nil, protocol.CodeStorageUnavailable
			}
		}
		return l, ""
	}
}

// leave ends what enter began.
func (l *liveRoom) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entering--
	l.forgetIfUnused()
}

// Touch loads a room, so that it ends if it is due, or returns the reason that it cannot be loaded.
func (r *Rooms) Touch(ctx context.Context, id string) protocol.Code {
	l, refusal := r.enter(ctx, id, nil)
	if refusal == "" {
		l.ring()
		l.leave()
	}
	return refusal
}

// look looks at a room, with its lock held, and returns once what it saw is stored.
func (r *Rooms) look(ctx context.Context, id string, at func(*liveRoom) protocol.Code) protocol.Code {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	l, refusal := r.enter(ctx, id, nil)
	if refusal != "" {
		return refusal
	}
	defer l.leave()
	l.mu.Lock()
	seen, stored := at(l), l.stored()
	l.mu.Unlock()
	select {
	case ok := <-stored:
		if !ok {
			return protocol.CodeStorageUnavailable
		}
		return seen
	case <-ctx.Done():
		l.forgetAsk(stored)
		return protocol.CodeStorageUnavailable
	}
}
