package edge

import (
	"io"
	"slices"
)

// SpareSockets is how many sockets an address may have beyond its bound while all within it have a
// seat or a request under way, so that the owner of a seat can return by token and others can be
// told the reason.
const SpareSockets = 16

// spareWebSockets is how many of the spare sockets may be WebSockets.
const spareWebSockets = SpareSockets / 2

// settle adds a socket to those of its address and makes way for it. It returns false if the socket
// may not stay.
func (g *gate) settle(p *place) bool {
	s := p.source
	s.mu.Lock()
	s.places = append(s.places, p)
	open := len(s.places)
	s.mu.Unlock()
	switch {
	case g.maxSockets == 0 || open <= g.maxSockets || g.closeHTTP(p, true):
	case open <= g.maxSockets+SpareSockets:
		go func() { // it waits for rooms while other sockets wait to be accepted
			if g.crowded(s) {
				g.closeUnseated(p)
			}
		}()
	case !g.closeHTTP(p, false) && !g.closeUnseated(p):
		g.vacate(p)
		return false
	}
	return true
}

// crowded reports whether an address has more sockets than its bound.
func (g *gate) crowded(s *source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.places) > g.maxSockets
}

// occupy gives a handshake the place of its socket, or a place of its own behind a proxy. It
// returns false if all WebSockets that the address may have, and the spare ones, are taken. A nil
// place is not counted.
func (g *gate) occupy(from sender) (*place, bool) {
	if from.source == nil {
		return nil, true
	}
	p, s := from.place, from.source
	if p == nil {
		p = &place{source: g.sources.enter(s.key, g.nowNs())}
	}
	s.mu.Lock()
	if p.left { // its socket is closed to make way for another
		s.mu.Unlock()
		return nil, false
	}
	p.webSocket = true
	if from.place == nil {
		s.places = append(s.places, p)
	}
	open := s.webSockets()
	s.mu.Unlock()
	if g.maxSockets == 0 || open <= g.maxSockets || g.closeUnseated(p) || g.closeParked(p) {
		return p, true
	}
	// All have seats. This may be the owner of one of them, whose token is sent after the
	// handshake.
	if open <= g.maxSockets+spareWebSockets {
		return p, true
	}
	g.release(p)
	return nil, false
}

// webSockets counts the places that are, or are becoming, WebSockets. The caller holds the lock.
func (s *source) webSockets() (n int) {
	for _, p := range s.places {
		if p.webSocket {
			n++
		}
	}
	return n
}

// mayJoin reports whether a connection may take a new seat. It may not if it exceeds the bound of
// its address, because spare sockets exist only so that somebody can return by token.
func (g *gate) mayJoin(p *place) bool {
	if g.maxSockets == 0 {
		return true
	}
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	return p.source.webSockets() <= g.maxSockets
}

// moved records what is to be closed to make way from now on. It returns false if it already is.
func (p *place) moved(socket io.Closer) bool {
	if p == nil {
		return true
	}
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	p.socket = socket
	return !p.left
}

// upgraded records the WebSocket that has the place from now on.
func (p *place) upgraded(c occupant) {
	if p == nil {
		return
	}
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	p.conn, p.socket = c, nil
}

// release ends what occupy began. The socket of a refused handshake stays open for further
// requests.
func (g *gate) release(p *place) {
	if p == nil {
		return
	}
	p.source.mu.Lock()
	p.webSocket = false
	stays := p.socket != nil
	p.source.mu.Unlock()
	if !stays {
		g.vacate(p)
	}
}

// vacate removes a socket from those of its address. It returns false if it was already removed.
func (g *gate) vacate(p *place) bool {
	if p == nil {
		return false
	}
	s := p.source
	s.mu.Lock()
	removed := p.remove()
	s.mu.Unlock()
	if removed {
		g.sources.leave(s, g.nowNs())
	}
	return removed
}

// remove is the part of vacate for callers that hold the source's lock and leave the source later.
func (p *place) remove() bool {
	if p.left {
		return false
	}
	p.left = true
	s := p.source
	at := slices.Index(s.places, p)
	if s.places = slices.Delete(s.places, at, at+1); len(s.places) == 0 {
		s.places = nil
	}
	return true
}

func (p *place) setBusy(busy bool) {
	if p == nil {
		return
	}
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	p.busy = busy
}

// closeHTTP makes way for a newer socket of the address by closing the oldest one that is not a
// WebSocket; if idle is set, only one that waits for a request. It returns false if none exists.
func (g *gate) closeHTTP(newcomer *place, idle bool) bool {
	for _, p := range newcomer.others() {
		if p.webSocket || p.socket == nil || idle && p.busy {
			continue
		}
		if socket, ok := g.madeWay(p); ok {
			_ = socket.Close()
			return true
		}
	}
	return false
}

// closeUnseated does the same with the oldest WebSocket without a seat, whose client may try again.
func (g *gate) closeUnseated(newcomer *place) bool { return g.closeWebSocket(newcomer, false) }

// closeParked does the same with the oldest parked WebSocket, which nobody misses.
func (g *gate) closeParked(newcomer *place) bool { return g.closeWebSocket(newcomer, true) }

func (g *gate) closeWebSocket(newcomer *place, parked bool) bool {
	for _, p := range newcomer.others() {
		if p.conn == nil || !p.conn.giveWay(parked) {
			continue
		}
		if _, ok := g.madeWay(p); ok {
			return true
		}
	}
	return false
}

// placeCopy is a copy of a place's state.
type placeCopy struct {
	*place
	socket          io.Closer
	busy, webSocket bool
	conn            occupant
}

// others returns the other sockets of the address, oldest first.
func (p *place) others() []placeCopy {
	s := p.source
	s.mu.Lock()
	defer s.mu.Unlock()
	others := make([]placeCopy, 0, len(s.places))
	for _, other := range s.places {
		if other != p {
			others = append(others, placeCopy{other, other.socket, other.busy, other.webSocket, other.conn})
		}
	}
	return others
}

// madeWay counts a place that is given up, and returns its socket, which may be net/http's since
// the copy was made. It returns false if the place had been given up before, or if an HTTP socket
// has become a WebSocket since.
func (g *gate) madeWay(p placeCopy) (socket io.Closer, ok bool) {
	p.source.mu.Lock()
	socket = p.place.socket
	removed := p.place.webSocket == p.webSocket && p.remove()
	p.source.mu.Unlock()
	if !removed {
		return nil, false
	}
	g.sources.leave(p.source, g.nowNs())
	g.metrics.MadeWay.Add(1)
	return socket, true
}
