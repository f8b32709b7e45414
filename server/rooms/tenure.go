package rooms

import (
	"slices"

	"usher/protocol"
	"usher/room"
)

// Resume lets out what waited while tenures were not valid. It does not wait for rooms that are
// being loaded.
func (r *Rooms) Resume() {
	for _, l := range r.registry.all() {
		if l.mu.TryLock() {
			l.mu.Unlock()
			l.flush()
		} else {
			go l.flush()
		}
	}
}

// Abandon drops the rooms whose tenures are not valid, and closes their sockets with 1013. The
// tenures go on: whoever comes back finds what is stored once they are valid again.
func (r *Rooms) Abandon() {
	for _, l := range r.registry.all() {
		if l.tenure == nil || !l.mu.TryLock() {
			continue // one that is being loaded has nobody
		}
		if !l.gone && !l.tenure.Valid() {
			l.recordGivenUp()
			l.drop(protocol.CloseTryLater)
			l.rooms.turned()
		}
		l.mu.Unlock()
	}
}

// Occupied calls fn for each tenure whose rooms have open sessions.
func (r *Rooms) Occupied(fn func(Tenure)) {
	g := &r.registry
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, found := range g.tenancies {
		if found.sessions.Load() > 0 {
			fn(t)
		}
	}
}

// Lose drops the rooms of a tenure, which must not be valid any more, and closes their sockets with
// 1012: another node may own them. It does not wait for rooms that are being loaded.
func (r *Rooms) Lose(t Tenure) {
	var busy []*liveRoom
	for _, l := range r.registry.of(t) {
		switch {
		case l.mu.TryLock():
			l.loseLocked()
			l.mu.Unlock()
		default:
			busy = append(busy, l)
		}
	}
	if len(busy) > 0 {
		go func() {
			for _, l := range busy {
				l.mu.Lock()
				l.loseLocked()
				l.mu.Unlock()
			}
			r.releaseGivenUp(t) // if one was meanwhile
		}()
	}
	r.releaseGivenUp(t)
}

// releaseGivenUp counts the rooms of a tenure that were given up no longer.
func (r *Rooms) releaseGivenUp(t Tenure) {
	for _, creator := range r.registry.forgetTenure(t) {
		r.limit.release(creator)
	}
}

func (l *liveRoom) loseLocked() {
	if !l.gone {
		l.drop(protocol.CloseRestart)
		l.rooms.turned()
		l.rooms.limit.release(l.creator)
	}
}

// HandOver ends the rooms of a tenure in this process: it closes their sockets with 1012, after
// what had arrived from them, and stores their last states, marked as that. It returns when
// everything is stored, or has failed. Owner.Tenure must no longer return t.
func (r *Rooms) HandOver(t Tenure) {
	var last []*liveRoom
	var stored []<-chan bool
	for _, l := range r.registry.of(t) {
		l.readArrived()
		last = append(last, l)
		stored = append(stored, l.handOver())
	}
	for i, l := range last {
		if stored[i] != nil { // otherwise it was given up
			<-stored[i]
		}
		l.flush()
		l.mu.Lock()
		l.loseLocked() // nobody is connected any more
		l.mu.Unlock()
	}
	r.releaseGivenUp(t)
}

// handOver closes the sessions and saves the room's last state. What it returns is stored's.
func (l *liveRoom) handOver() <-chan bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.survive()
	if l.gone {
		return l.stored()
	}
	l.leaving = true
	l.issued++ // of the last state: nothing is visible before it is stored
	for _, s := range slices.Clone(l.sessions) {
		if !s.over {
			l.close(s, protocol.CloseRestart)
			l.stepLocked(room.Event{Kind: room.Disconnected, Conn: s.id, CloseCode: protocol.CloseRestart}, nil)
		}
	}
	switch {
	case l.gone:
	case l.room.Exists():
		record := l.record(l.room.AppendSnapshot(nil))
		record.Clean = true
		l.rooms.store.Save(l.id, record, l.committed)
	default:
		l.issued--
	}
	return l.stored()
}

// forgetTenure forgets the rooms of a tenure that were given up, and returns the addresses that
// they are counted for.
func (g *registry) forgetTenure(t Tenure) (creators []uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.tenancies[t]
	if found == nil {
		return nil
	}
	for id := range found.dropped {
		creators = append(creators, g.dropped[id].creator)
		g.forgetDropped(id)
	}
	return creators
}
