package rooms

import (
	"context"
	"strings"

	"usher/protocol"
)

// enter returns the room of an id, from memory, from the store or a new one that does not exist
// yet, and keeps it in memory until leave.
func (r *Rooms) enter(ctx context.Context, id string) (*liveRoom, protocol.Code) {
	for {
		l, isNew := r.registry.find(r, id)
		if l == nil {
			return nil, protocol.CodeDraining
		}
		if !isNew {
			l.mu.Lock()
		} else if refusal := l.load(); refusal != "" {
			l.leaveRegistry()
			l.mu.Unlock()
			return nil, refusal
		}
		gone, leaving, claimed := l.gone, l.leaving, l.claimed
		if !gone && !leaving {
			l.entering++
		}
		l.mu.Unlock()
		switch {
		case gone:
			continue
		case leaving:
			return nil, protocol.CodeRoomUnavailable
		case claimed != nil:
			select {
			case <-claimed:
			case <-ctx.Done():
				l.leave()
				return nil, protocol.CodeStorageUnavailable
			}
			if l.failure.Load() != nil {
				l.leave()
				return nil, protocol.CodeStorageUnavailable
			}
		}
		return l, ""
	}
}

// find returns the room of an id, locked if it is new: others who want it wait until it is loaded.
// It returns nil once the registry is closed.
func (g *registry) find(r *Rooms, id string) (l *liveRoom, isNew bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.m[id]; l != nil {
		return l, false
	}
	if g.closed {
		return nil, false
	}
	l = &liveRoom{rooms: r, id: strings.Clone(id)} // it may be part of a request's first line
	if owner := r.config.Owner; owner != nil {
		l.tenure = owner.Tenure(l.id)
	}
	l.mu.Lock()
	g.m[l.id] = l
	return l, true
}

// leave ends what enter began.
func (l *liveRoom) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entering--
	l.forgetIfUnused()
}

func (g *registry) remove(l *liveRoom) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m[l.id] == l {
		delete(g.m, l.id)
	}
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
	if g.dropped == nil {
		g.dropped = make(map[string]*droppedRoom)
	}
	g.dropped[id] = room
}

// droppedRoom returns what givenUp recorded. It is nil unless the room was given up and has not
// been loaded since.
func (g *registry) droppedRoom(id string) *droppedRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dropped[id]
}

// loaded forgets what givenUp recorded.
func (g *registry) loaded(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.dropped, id)
}
