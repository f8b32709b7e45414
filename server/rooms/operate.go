package rooms

import (
	"context"
	"errors"

	"usher/flight"
	"usher/protocol"
	"usher/room"
)

// Operate does to a room what an operator wants, and returns once that is stored, or the reason for
// refusing it.
func (r *Rooms) Operate(ctx context.Context, id string, act room.Act) protocol.Code {
	return r.look(ctx, id, func(l *liveRoom) protocol.Code {
		switch {
		case l.gone:
			return protocol.CodeStorageUnavailable
		case l.leaving:
			return protocol.CodeRoomUnavailable
		}
		came := outcome{refusal: protocol.CodeRoomUnavailable} // if the step gives the room up
		l.outcome = &came
		l.stepLocked(room.Event{Kind: room.Operated, Act: &act}, nil)
		l.outcome = nil
		return came.refusal
	})
}

// View returns a room as its operator sees it, once that is stored.
func (r *Rooms) View(ctx context.Context, id string) (view room.View, refusal protocol.Code) {
	refusal = r.look(ctx, id, func(l *liveRoom) protocol.Code {
		if !l.room.Exists() {
			return protocol.CodeRoomNotFound
		}
		view = l.room.View()
		return ""
	})
	return view, refusal
}

// Dump returns what happened in a room lately, nil if nothing was recorded, or the reason for
// refusing it. The room must be this node's.
func (r *Rooms) Dump(ctx context.Context, id string) (dump []byte, refusal protocol.Code) {
	refusal = r.look(ctx, id, func(l *liveRoom) protocol.Code {
		if !l.room.Exists() {
			return protocol.CodeRoomNotFound
		}
		var err error
		if dump, err = l.dump("operator"); err != nil && !errors.Is(err, flight.ErrEmpty) {
			r.log.Error("what happened in a room could not be dumped", "error", err)
			return protocol.CodeInternal
		}
		return ""
	})
	return dump, refusal
}
