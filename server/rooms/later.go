package rooms

import "usher/server/store"

func (r *roomList) add(l *liveRoom) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, l)
}

// take empties the list, and returns what was on it.
func (r *roomList) take() []*liveRoom {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// SaveLater immediately stores what may be stored later.
func (r *Rooms) SaveLater() {
	for _, l := range r.unsaved.take() {
		l.saveNow()
	}
}

// saveLater puts the room on the list of the next flush.
func (l *liveRoom) saveLater() {
	if !l.unsaved {
		l.unsaved = true
		l.rooms.unsaved.add(l)
	}
}

// saveNow stores what SaveLater put off. Nothing waits for it, but a failed save is tried again:
// held frames that are only in memory must be stored before a clean mark is.
func (l *liveRoom) saveNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.survive()
	if !l.gone && !l.leaving {
		l.saveNowLocked()
	}
}

// saveNowLocked is saveNow for callers that hold the lock.
func (l *liveRoom) saveNowLocked() {
	if !l.unsaved || !l.room.Exists() {
		return
	}
	l.unsaved = false
	record := l.record(l.room.AppendSnapshot(nil))
	l.savingLater.Add(1)
	l.rooms.store.Save(l.id, record, func(err error) {
		l.savingLater.Add(-1)
		if err != nil {
			l.rooms.notStored(err)
			go l.saveAgain()
		} else if l.drowsy.Swap(false) {
			go l.sleepAgain()
		}
	})
}

// saveLast stores the room's last state and marks it so: the room takes no more steps in this
// process.
func (l *liveRoom) saveLast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.survive()
	if l.gone {
		return
	}
	if l.room.Exists() {
		last := l.record(l.room.AppendSnapshot(nil))
		last.Clean = true
		l.rooms.store.Save(l.id, last, func(err error) {
			if err != nil {
				l.rooms.notStored(err)
			}
		})
	}
	l.leaveRegistry()
}

func (l *liveRoom) saveAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone {
		l.saveLater()
	}
}

func (l *liveRoom) record(snapshot []byte) store.Record {
	return store.Record{ExpiresAtMs: l.room.ExpiresAtMs(), Creator: l.room.Creator(), Term: l.term, Snapshot: snapshot}
}
