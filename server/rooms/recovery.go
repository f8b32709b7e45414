package rooms

import (
	"context"
	"errors"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
)

// load restores the room if the store has it. The caller holds the lock. A panic of the core costs
// only this room.
func (l *liveRoom) load() (refusal protocol.Code) {
	l.entering++ // or it would be dropped before anybody enters
	defer func() {
		l.entering--
		if l.gone {
			refusal = protocol.CodeInternal
		}
	}()
	defer l.survive()
	r := l.rooms
	if r.config.Owner != nil && (l.tenure == nil || !l.tenure.Valid()) {
		return protocol.CodeRoomUnavailable
	}
	record, found, err := r.store.Load(l.id)
	switch {
	case errors.Is(err, store.ErrCorrupt):
		r.log.Error("a room's record is corrupt and was set aside", "error", err)
	case errors.Is(err, store.ErrNewer):
		r.log.Error("a room was stored by a newer usher; it stays in the store until it expires", "error", err)
		return protocol.CodeInternal
	case err != nil:
		r.log.Error("a room could not be read", "error", err)
		return protocol.CodeStorageUnavailable
	}
	dropped := r.registry.droppedRoom(l.id)
	if dropped != nil { // what is left of the room is known only now
		r.limit.release(dropped.creator)
		dropped.creator = record.Creator
	}
	if dropped != nil || l.tenure != nil { // otherwise takeStock has counted it
		r.limit.restore(record.Creator)
	}
	l.creator, l.term = record.Creator, record.Term // the creator is 0 if it was not found
	w := works.Get().(*work)
	defer w.release()
	if !found {
		l.pausedMs = r.config.Clock.Now().PausedMs
		l.room = room.New(&r.config.Room, l.id)
		r.registry.loaded(l.id)
	} else if refusal := l.restore(w, &record, dropped); refusal != "" {
		if l.tenure != nil && dropped == nil {
			r.limit.release(record.Creator) // nobody else will
		}
		return refusal
	}
	if !l.gone && (dropped != nil && dropped.pending || l.tenure == nil && record.Clean && l.room.Exists()) {
		l.claim(w)
	}
	return ""
}

// restore makes the room from its record. dropped is nil unless the room was given up.
func (l *liveRoom) restore(w *work, record *store.Record, dropped *droppedRoom) protocol.Code {
	r := l.rooms
	var err error
	l.room, err = room.Restore(&r.config.Room, l.id, record.Snapshot)
	if err != nil {
		r.log.Error("a room could not be restored; it stays in the store until it expires", "error", err)
		return protocol.CodeInternal
	}
	// The process started at DroppedMs: it cannot have paused before. One that took the room over
	// may have, for longer than the room's limits bear.
	at := Moment{Ms: record.DroppedMs}
	switch {
	case dropped != nil:
		at = dropped.at
	case l.tenure != nil:
		at = l.tenure.Since()
	}
	r.registry.loaded(l.id)
	l.counted = true
	r.metrics.Rooms.Add(1)
	l.people = l.room.People()
	r.metrics.Participants.Add(int64(l.people))
	l.pausedMs = at.PausedMs
	// The room's clock goes on from the drop, not from now with Event.AtMs: pauses since the drop
	// are reported only before the next event, and move each deadline before anything judges it.
	l.run(w, at, &room.Event{Kind: room.Restored, HoldsComplete: record.Clean})
	return ""
}

// claim stores what was loaded, before anybody enters. Either the record was marked as the room's
// last state, which a crash from now on must not leave behind, or its commit may still fail.
func (l *liveRoom) claim(w *work) {
	claimed := make(chan struct{})
	l.claimed = claimed
	if l.room.Exists() {
		l.save(w, nil)
	} else {
		l.delete(nil)
	}
	stored := l.stored()
	go func() {
		<-stored
		close(claimed)
	}()
}

// takeStock removes what expired while no process had the store open, unless somebody is to be told
// of its end, and counts the rooms that addresses have.
func (r *Rooms) takeStock(ctx context.Context) error {
	nowMs := r.config.Clock.Now().Ms
	var removed []string
	if !r.config.Room.Report { // otherwise endUntouched ends them, and reports that
		var err error
		if removed, err = r.store.RemoveExpired(nowMs); err != nil {
			return err
		}
	}
	rooms, clean := 0, 0
	err := r.store.All(ctx, func(id string, record store.Record) error {
		if record.Expired(nowMs) && !r.canRestore(id, &record) {
			r.store.Delete(id, nil)
			return nil
		}
		rooms++
		if record.Clean {
			clean++
		}
		r.limit.restore(record.Creator)
		r.listing.found(&r.config.Room, id, record.Snapshot)
		return nil
	})
	if rooms+len(removed) > 0 {
		r.log.Info("rooms found in the store", "rooms", rooms, "clean", clean, "expired", len(removed))
	}
	return err
}

func (r *Rooms) canRestore(id string, record *store.Record) bool {
	_, err := room.Restore(&r.config.Room, id, record.Snapshot)
	return err == nil
}

var errStopping = errors.New("stopping")

// endUntouched loads the rooms that nobody has come back to, once the grace of their seats is over,
// so that they end like all others.
func (r *Rooms) endUntouched(ctx context.Context) {
	err := r.store.All(ctx, func(id string, _ store.Record) error {
		if r.closing.Load() {
			return errStopping
		}
		r.Touch(ctx, id)
		return nil
	})
	if err != nil && !errors.Is(err, errStopping) && ctx.Err() == nil {
		r.log.Error("rooms that nobody came back to could not be read", "error", err)
	}
}
