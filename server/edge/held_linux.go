package edge

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"usher/server/frame"
)

// Held is an edge that reads nothing, so that its connections can be carried to another process.
// What it sends is still sent.
type Held struct {
	edge    *Edge
	hold    *hold
	resumes []func()
	carried []*polledSocket
}

// Hold lets handshakes wait, lets those under way end until ctx is done, and stops reading.
func (e *Edge) Hold(ctx context.Context) *Held {
	h := &Held{edge: e, hold: &hold{make(chan struct{})}}
	e.held.Store(h.hold)
	e.eachListener(func(l *polledListener) { l.setHeld(true) })
	e.waitForHandshakes(ctx)
	for _, p := range e.pollers {
		h.resumes = append(h.resumes, p.pause())
	}
	return h
}

// Carry returns what another process needs to go on with a connection, and its descriptor, which
// still belongs to this one. It reports false for a connection that must stay: one with TLS, or one
// that begins or ends.
func (h *Held) Carry(c *Conn) (carried *Carried, fd int, ok bool) {
	if c.state.Load() != open { // its socket may not be there yet
		return nil, -1, false
	}
	s, polled := c.socket.(*polledSocket)
	if !polled || c.closing.Load() || c.broken.Load() || c.counted.Load() {
		return nil, -1, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.polled || s.closed || s.last || s.finishing || s.readOver || s.shutDown {
		return nil, -1, false
	}
	carried = &Carried{RequestID: h.edge.requestIDOf(c), Standing: c.standing.Load(), Reader: c.frames.AppendTo(nil)}
	if s.rest != nil {
		carried.Unread = *s.rest
	}
	if c.place != nil {
		carried.Place = c.place.source.key
	}
	if s.out != nil {
		carried.Unsent = bytes.Clone(s.out.rest())
	}
	h.carried = append(h.carried, s)
	return carried, int(s.fd), true
}

// Resume goes on as if nothing had happened.
func (h *Held) Resume() {
	h.edge.held.Store(nil)
	h.edge.eachListener(func(l *polledListener) { l.setHeld(false) })
	close(h.hold.over)
	for _, resume := range h.resumes {
		resume()
	}
}

// Leave forgets the connections that were carried, without a word to their clients, and goes on
// with the others.
func (h *Held) Leave() {
	h.edge.draining.Store(true)
	h.edge.eachListener((*polledListener).stop)
	for _, s := range h.carried {
		s.leave()
	}
	h.edge.metrics.Connections.Add(-int64(len(h.carried)))
	h.Resume()
}

// leave closes the descriptor and not the connection.
func (s *polledSocket) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.out = true, nil
	p := s.poller
	p.mu.Lock()
	p.sockets[s.fd] = nil
	p.mu.Unlock()
	// Closing it does not remove it from the epoll set, because the other process has it open.
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, int(s.fd), nil)
	_ = unix.Close(int(s.fd))
}

// Adopt makes a connection of what another process has carried here. It owns the descriptor.
func (e *Edge) Adopt(carried *Carried, fd int) (*Conn, error) {
	reader, ok := frame.Resume(carried.Reader)
	if !ok {
		_ = unix.Close(fd)
		return nil, errors.New("a connection's incomplete frame cannot be read")
	}
	c := &Conn{edge: e, frames: reader}
	c.state.Store(open)
	c.standing.Store(carried.Standing)
	p := e.poller()
	s := &polledSocket{poller: p, fd: int32(fd)}
	s.socket = socket{transport: s, reader: c, limits: p.limits}
	if len(carried.Unsent) > 0 {
		s.out, s.blocked = &buffer{bytes: carried.Unsent}, true
	}
	c.socket = s
	if carried.Place != 0 {
		from := e.gate.sources.enter(carried.Place, e.gate.nowNs())
		c.place = &place{source: from, conn: c, webSocket: true}
		from.mu.Lock()
		from.places = append(from.places, c.place)
		from.mu.Unlock()
	}
	if e.debug {
		e.requestIDs.Store(c, carried.RequestID)
	}
	e.metrics.Connections.Add(1)
	return c, nil
}

// Join gives an adopted connection its session.
func (c *Conn) Join(session Session) { c.session = session }

// Begin starts reading from an adopted connection.
func (c *Conn) Begin(carried *Carried) { c.socket.start(carried.Unread) }
