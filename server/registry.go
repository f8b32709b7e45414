package server

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
)

// registry has the rooms in memory by id.
type registry struct {
	mu sync.Mutex
	m  map[string]*liveRoom
	// ended is when those rooms were given up that have not been loaded again since. What is stored
	// of them may lack frames that were held.
	ended map[string]moment
}

func (r *registry) givenUp(id string, at moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = make(map[string]moment)
	}
	r.ended[id] = at
}

// dropped returns when the connections of a stored room dropped: when it was given up, or else when
// the server started; and whether the store has all of it. It is asked once, by load.
func (s *Server) dropped(id string) (at moment, complete bool) {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	at, ok := s.rooms.ended[id]
	if !ok {
		return moment{ms: s.startedMs}, s.clean.Load()
	}
	delete(s.rooms.ended, id)
	return at, false
}

// lost returns the rooms that were given up and have not been loaded again.
func (r *registry) lost() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.ended))
}

// enter returns the room of an id, from memory, from the store or a new one
// that does not exist yet, and keeps it in memory until leave.
func (s *Server) enter(id string) (*liveRoom, protocol.Code) {
	for {
		s.rooms.mu.Lock()
		l, ok := s.rooms.m[id]
		if !ok {
			id = strings.Clone(id) // it is a piece of the request's first line
			l = &liveRoom{server: s, id: id}
			l.mu.Lock() // others who want the room wait until it is loaded
			s.rooms.m[id] = l
		}
		s.rooms.mu.Unlock()
		if ok {
			l.mu.Lock()
		} else if refusal := l.load(); refusal != "" {
			l.leaveRegistry()
			l.mu.Unlock()
			return nil, refusal
		}
		gone := l.gone
		l.entering++
		l.mu.Unlock()
		if !gone {
			return l, ""
		}
	}
}

// leave ends what enter began.
func (l *liveRoom) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entering--
	l.forgetIfUnused()
}

func (r *registry) remove(l *liveRoom) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m[l.id] == l {
		delete(r.m, l.id)
	}
}

// all returns the rooms of this moment.
func (r *registry) all() []*liveRoom {
	r.mu.Lock()
	defer r.mu.Unlock()
	rooms := make([]*liveRoom, 0, len(r.m))
	for _, l := range r.m {
		rooms = append(rooms, l)
	}
	return rooms
}

// load restores the room from the store where it has it. The caller holds the lock.
func (l *liveRoom) load() protocol.Code {
	s := l.server
	record, found, err := s.store.Load(l.id)
	switch {
	case errors.Is(err, store.ErrCorrupt):
		s.log.Error("a room's record is corrupt and was set aside", "error", err)
	case err != nil:
		s.log.Error("a room could not be read", "error", err)
		return protocol.CodeStorageUnavailable
	}
	dropped, complete := s.dropped(l.id)
	if !found {
		l.pausedMs = s.now().pausedMs
		l.room = room.New(&s.config.Room, l.id)
		return ""
	}
	l.room, err = room.Restore(&s.config.Room, l.id, record.Snapshot)
	if err != nil {
		s.log.Error("a room could not be restored; it stays in the store until it expires", "error", err)
		return protocol.CodeInternal
	}
	s.metrics.rooms.Add(1)
	s.metrics.participants.Add(int64(l.room.People()))
	l.pausedMs = dropped.pausedMs
	t := turns.Get().(*turn)
	l.locked(t, dropped, room.Event{Kind: room.Restored, HoldsComplete: complete})
	t.release()
	return ""
}

// roomRoute is GET /rooms/{id}: what somebody with an invitation may know before joining.
func (s *Server) roomRoute() route {
	return route{path: "/rooms/{id}", handler: func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !protocol.ValidRoomID(id) {
			writeError(w, r, protocol.CodeInvalidRoomID, "")
			return
		}
		l, refusal := s.enter(id)
		if refusal != "" {
			writeError(w, r, refusal, "")
			return
		}
		defer l.leave()
		l.mu.Lock()
		exists, summary, stored := l.room.Exists(), l.room.Summary(), l.stored()
		l.mu.Unlock()
		if !<-stored {
			writeError(w, r, protocol.CodeStorageUnavailable, "")
			return
		}
		if !exists {
			writeError(w, r, protocol.CodeRoomNotFound, "")
			return
		}
		writeJSON(w, http.StatusOK, json.RawMessage(summary.Append(nil)))
	}}
}

// takeStock removes what expired while the server was down, and counts the
// rooms that addresses have.
func (s *Server) takeStock(ctx context.Context) error {
	removed, err := s.store.RemoveExpired(s.startedMs)
	if err != nil {
		return err
	}
	rooms := 0
	err = s.store.All(ctx, func(_ string, record store.Record) error {
		rooms++
		s.roomLimit.restore(record.Creator)
		return nil
	})
	if rooms+len(removed) > 0 {
		s.log.Info("rooms found in the store", "rooms", rooms, "expired", len(removed), "clean", s.clean.Load())
	}
	return err
}

// endUntouched loads, now that their seats' grace is over, the rooms that nobody
// has come back to, so that they end like all others.
func (s *Server) endUntouched(ctx context.Context) {
	err := s.store.All(ctx, func(id string, _ store.Record) error {
		s.touch(id)
		return nil
	})
	if err == nil {
		s.allLoaded.Store(true)
	} else if ctx.Err() == nil {
		s.log.Error("rooms that nobody came back to could not be read", "error", err)
	}
}

// touch loads a room, so that it ends if it is due.
func (s *Server) touch(id string) {
	if l, refusal := s.enter(id); refusal == "" {
		l.ring()
		l.leave()
	}
}

// unsavedRooms is the list of rooms with a SaveLater to be carried out.
type unsavedRooms struct {
	mu   sync.Mutex
	list []*liveRoom
}

func (u *unsavedRooms) add(l *liveRoom) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, l)
}

// save carries them out.
func (u *unsavedRooms) save() {
	u.mu.Lock()
	list := u.list
	u.list = nil
	u.mu.Unlock()
	for _, l := range list {
		l.saveNow()
	}
}
