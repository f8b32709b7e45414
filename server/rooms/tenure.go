package rooms

import (
	"slices"

	"usher/protocol"
	"usher/room"
)

// Resume lets out what waited while tenures were not valid.
func (r *Rooms) Resume() {
	for _, l := range r.registry.all() {
		l.flush()
	}
}

// Lose drops the rooms of a tenure, which must not be valid any more, and closes their sockets with
// 1012: another node may own them. It does not wait for rooms that are being loaded.
func (r *Rooms) Lose(t Tenure) {
	var busy []*liveRoom
	for _, l := range r.registry.all() {
		if !l.mu.TryLock() {
			busy = append(busy, l)
			continue
		}
		l.loseLocked(t)
		l.mu.Unlock()
	}
	if len(busy) > 0 {
		go func() {
			for _, l := range busy {
				l.mu.Lock()
				l.loseLocked(t)
				l.mu.Unlock()
			}
		}()
	}
	for _, creator := range r.registry.forgetTenure(t) {
		r.limit.release(creator)
	}
}

func (l *liveRoom) loseLocked(t Tenure) {
	if l.tenure == t && !l.gone {
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
	for _, l := range r.registry.all() {
		l.mu.Lock()
		ours := l.tenure == t && !l.gone
		l.mu.Unlock()
		if ours {
			l.readArrived()
			last = append(last, l)
			stored = append(stored, l.handOver())
		}
	}
	for i, l := range last {
		if stored[i] != nil { // otherwise it was given up
			<-stored[i]
		}
		l.mu.Lock()
		l.loseLocked(t) // nobody is connected any more
		l.mu.Unlock()
	}
	for _, creator := range r.registry.forgetTenure(t) {
		r.limit.release(creator)
	}
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
	for id, room := range g.dropped {
		if room.tenure == t {
			creators = append(creators, room.creator)
			delete(g.dropped, id)
		}
	}
	return creators
}
