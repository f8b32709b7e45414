package rooms

import (
	"context"

	"usher/protocol"
	"usher/room"
)

// Create creates a room ahead of its people, and returns when it was created once that is stored.
// It is refused with ROOM_EXISTS if the room exists.
func (r *Rooms) Create(ctx context.Context, id string, a room.Arrangement) (createdMs int64, refusal protocol.Code) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	if r.config.Full() {
		return 0, protocol.CodeServerFull
	}
	l, refusal := r.enter(ctx, id)
	if refusal != "" {
		return 0, refusal
	}
	defer l.leave()
	createdMs, stored, refusal := l.create(&a)
	if refusal != "" {
		return 0, refusal
	}
	select {
	case ok := <-stored:
		if !ok {
			return 0, protocol.CodeStorageUnavailable
		}
		return createdMs, ""
	case <-ctx.Done():
		l.forgetAsk(stored)
		return 0, protocol.CodeStorageUnavailable
	}
}

func (l *liveRoom) create(a *room.Arrangement) (createdMs int64, stored <-chan bool, refusal protocol.Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone, !l.rooms.store.Accepts():
		return 0, nil, protocol.CodeStorageUnavailable
	case l.leaving:
		return 0, nil, protocol.CodeRoomUnavailable
	case l.room.Exists():
		return 0, nil, protocol.CodeRoomExists
	}
	l.stepLocked(room.Event{Kind: room.Arranged, Arrangement: a}, nil)
	if l.gone {
		return 0, nil, protocol.CodeStorageUnavailable
	}
	return l.room.State().CreatedAt, l.stored(), ""
}
