package rooms

import (
	"slices"
	"sync"

	"usher/protocol"
	"usher/room"
)

// listing has the rooms that want to be listed, as they were last stored. It is nil unless the
// operator has turned it on.
type listing struct {
	mu sync.Mutex
	// rooms are in the order of their ids.
	rooms []protocol.RoomSummary
}

func (g *listing) find(id string) (int, bool) {
	return slices.BinarySearchFunc(g.rooms, id, func(s protocol.RoomSummary, id string) int {
		switch {
		case s.ID < id:
			return -1
		case s.ID > id:
			return 1
		}
		return 0
	})
}

// show lists a room as it is, or no longer if it has ended or does not want to be listed.
func (g *listing) show(r *room.Room) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i, found := g.find(r.ID())
	switch isListed := r.Exists() && r.Listed(); {
	case isListed && found:
		g.rooms[i] = r.Summary()
	case isListed:
		g.rooms = slices.Insert(g.rooms, i, r.Summary())
	case found:
		g.rooms = slices.Delete(g.rooms, i, i+1)
	}
}

// found lists a room as it is in the store. One that cannot be restored is not listed.
func (g *listing) found(config *room.Config, id string, snapshot []byte) {
	if g == nil {
		return
	}
	if r, err := room.Restore(config, id, snapshot); err == nil {
		g.show(r)
	}
}
