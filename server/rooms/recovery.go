package rooms

import (
	"context"
	"errors"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
)

// load restores the room if the store has it. The caller holds the lock.
func (l *liveRoom) load() protocol.Code {
	r := l.rooms
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
	now := r.config.Clock.Now()
	dropped, givenUp := r.registry.takeDropped(l.id)
	if !found {
		l.pausedMs = now.PausedMs
		l.room = room.New(&r.config.Room, l.id)
		return ""
	}
	l.room, err = room.Restore(&r.config.Room, l.id, record.Snapshot)
	if err != nil {
		r.log.Error("a room could not be restored; it stays in the store until it expires", "error", err)
		return protocol.CodeInternal
	}
	if !givenUp {
		// when the process started: it cannot have paused before
		dropped = Moment{Ms: record.DroppedMs}
	}
	l.term = record.Term
	r.metrics.Rooms.Add(1)
	l.people = l.room.People()
	r.metrics.Participants.Add(int64(l.people))
	l.pausedMs = dropped.PausedMs
	w := works.Get().(*work)
	defer w.release()
	l.run(w, dropped, &room.Event{Kind: room.Restored, HoldsComplete: record.Clean})
	switch {
	case l.gone: // a defect
		return protocol.CodeInternal
	case record.Clean && l.room.Exists():
		l.claim(w)
	}
	return ""
}

// claim removes the mark that says that the record is the room's last state, before anybody enters:
// a crash from now on loses what is held.
func (l *liveRoom) claim(w *work) {
	claimed := make(chan struct{})
	l.claimed = claimed
	l.save(w)
	stored := l.stored()
	go func() {
		<-stored
		close(claimed)
	}()
}

// takeStock removes what expired while no process had the store open, and counts the rooms that
// addresses have.
func (r *Rooms) takeStock(ctx context.Context) error {
	removed, err := r.store.RemoveExpired(r.config.Clock.Now().Ms)
	if err != nil {
		return err
	}
	rooms, clean := 0, 0
	err = r.store.All(ctx, func(_ string, record store.Record) error {
		rooms++
		if record.Clean {
			clean++
		}
		r.limit.restore(record.Creator)
		return nil
	})
	if rooms+len(removed) > 0 {
		r.log.Info("rooms found in the store", "rooms", rooms, "clean", clean, "expired", len(removed))
	}
	return err
}

// endUntouched loads the rooms that nobody has come back to, once the grace of their seats is over,
// so that they end like all others.
func (r *Rooms) endUntouched(ctx context.Context) {
	err := r.store.All(ctx, func(id string, _ store.Record) error {
		r.touch(id)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.log.Error("rooms that nobody came back to could not be read", "error", err)
	}
}

// touch loads a room, so that it ends if it is due.
func (r *Rooms) touch(id string) {
	if l, refusal := r.enter(id); refusal == "" {
		l.ring()
		l.leave()
	}
}

// giveUp drops a room because of an error. Whoever comes back finds the stored state. The caller
// holds the lock.
func (l *liveRoom) giveUp(code protocol.CloseCode, cause string, err error) {
	if l.gone {
		return
	}
	r := l.rooms
	r.log.Error("a room was given up", "cause", cause, "error", err, "people", l.people)
	existed, creator := l.room.Exists(), l.room.Creator()
	l.drop(code)
	if existed {
		r.registry.givenUp(l.id, r.config.Clock.Now())
		go r.recount(l.id, creator)
	}
}

// drop removes a room from memory and closes its sockets. The caller holds the lock.
func (l *liveRoom) drop(code protocol.CloseCode) {
	if l.gone {
		return
	}
	m := l.rooms.metrics
	m.Participants.Add(-int64(l.people))
	if l.room.Exists() {
		m.Rooms.Add(-1)
	}
	l.people = 0
	l.leaveRegistry()
	for _, s := range l.sessions {
		s.over = true
		s.socket.Close(code)
	}
	for _, s := range l.waiting {
		s.socket.Close(code) // the room may have closed it, which nobody has seen yet
		l.abandon(s)
	}
	l.answerAsks(false)
	l.sessions, l.waiting, l.sharing = nil, nil, nil
}

// recount corrects the number of rooms of an address once it is known what is left of a room that
// was given up. A room that nobody comes back to must end after its seats' grace, like any other.
func (r *Rooms) recount(id string, creator uint64) {
	record, found, err := r.store.Load(id)
	r.limit.release(creator)
	if err == nil && found {
		r.limit.restore(record.Creator)
	}
	r.config.Clock.AfterFunc(time.Duration(r.config.Room.SeatGraceMs)*time.Millisecond, func() {
		if !r.closing.Load() {
			r.touch(id)
		}
	})
}
