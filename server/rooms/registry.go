package rooms

import (
	"maps"
	"slices"
	"strings"
)

// find returns the room of an id, locked if it is new: others who want it wait until it is loaded.
// It returns nil once the registry is closed, and what to wait for while it is frozen.
func (g *registry) find(r *Rooms, id string) (l *liveRoom, isNew bool, frozen <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.m[id]; l != nil {
		return l, false, nil
	}
	if g.closed || g.frozen != nil {
		return nil, false, g.frozen
	}
	l = &liveRoom{rooms: r, id: strings.Clone(id)} // it may be part of a request's first line
	if owner := r.config.Owner; owner != nil {
		l.tenure = owner.Tenure(l.id)
	}
	if l.tenure != nil {
		l.tenancy = g.tenancyOf(l.tenure)
		l.tenancy.rooms[l] = struct{}{}
	}
	l.mu.Lock()
	g.m[l.id] = l
	return l, true, nil
}

func (g *registry) remove(l *liveRoom) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m[l.id] == l {
		delete(g.m, l.id)
	}
	if l.tenancy != nil {
		delete(l.tenancy.rooms, l)
		g.forgetUnused(l.tenure)
	}
}

// tenancyOf returns what belongs to a tenure. The caller holds the lock, and puts something there.
func (g *registry) tenancyOf(t Tenure) *tenancy {
	found := g.tenancies[t]
	if found == nil {
		if g.tenancies == nil {
			g.tenancies = make(map[Tenure]*tenancy)
		}
		found = &tenancy{rooms: make(map[*liveRoom]struct{}), dropped: make(map[string]struct{})}
		g.tenancies[t] = found
	}
	return found
}

// forgetUnused forgets a tenancy that has nothing. The caller holds the lock.
func (g *registry) forgetUnused(t Tenure) {
	if found := g.tenancies[t]; found != nil && len(found.rooms)+len(found.dropped) == 0 {
		delete(g.tenancies, t)
	}
}

// of returns the current rooms of a tenure.
func (g *registry) of(t Tenure) []*liveRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.tenancies[t]
	if found == nil {
		return nil
	}
	return slices.Collect(maps.Keys(found.rooms))
}

// all returns the current rooms.
func (g *registry) all() []*liveRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*liveRoom, 0, len(g.m))
	for _, l := range g.m {
		all = append(all, l)
	}
	return all
}

// close lets no further room in.
func (g *registry) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *registry) givenUp(id string, room *droppedRoom) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(id, room)
}

// drop is givenUp for callers that hold the lock.
func (g *registry) drop(id string, room *droppedRoom) {
	if g.dropped == nil {
		g.dropped = make(map[string]*droppedRoom)
	}
	g.forgetDropped(id)
	g.dropped[id] = room
	if room.tenure != nil {
		g.tenancyOf(room.tenure).dropped[id] = struct{}{}
	}
}

// forgetDropped forgets that a room was dropped. The caller holds the lock.
func (g *registry) forgetDropped(id string) {
	room := g.dropped[id]
	delete(g.dropped, id)
	if room != nil && room.end != nil {
		room.end.Stop()
	}
	if room == nil || room.tenure == nil {
		return
	}
	if found := g.tenancies[room.tenure]; found != nil {
		delete(found.dropped, id)
		g.forgetUnused(room.tenure)
	}
}

// droppedRoom returns what givenUp or asleep recorded. It is nil unless the room was dropped and
// has not been loaded since.
func (g *registry) droppedRoom(id string) *droppedRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dropped[id]
}

// Holds reports whether a room is in memory.
func (r *Rooms) Holds(id string) bool {
	r.registry.mu.Lock()
	defer r.registry.mu.Unlock()
	return r.registry.m[id] != nil
}

// loaded forgets what givenUp recorded.
func (g *registry) loaded(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgetDropped(id)
}
