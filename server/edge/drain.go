package edge

import (
	"cmp"
	"context"
	"slices"
	"time"

	"usher/protocol"
)

// Drain closes all connections with 1012, evenly spread over the given time so that their clients
// do not all reconnect at once, and waits for them to end until ctx is done. Handshakes are refused
// from now on.
func (e *Edge) Drain(ctx context.Context, spread time.Duration) {
	e.drain(ctx, spread, func(c *Conn) { c.session.Close(protocol.CloseRestart) })
}

func (e *Edge) drain(ctx context.Context, spread time.Duration, end func(*Conn)) {
	e.draining.Store(true)
	conns := e.spread()
	began := time.Now()
	for i, c := range conns {
		// The first is closed at once, the last when the time is over.
		at := began.Add(spread * time.Duration(i) / time.Duration(max(1, len(conns)-1)))
		time.Sleep(time.Until(at))
		end(c)
	}
	// Handshakes that began before this close their own connections. The clients' close frames are
	// waited for, which closeGrace bounds. A handshake becomes a connection, so look at it first.
	for (e.handshakes.Load() > 0 || e.metrics.Connections.Load() > 0) && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
}

// spread returns all connections in an order that puts those of one room as far apart as possible
// over the whole: people who return to one room at the same moment disturb each other.
func (e *Edge) spread() []*Conn {
	type position struct {
		conn *Conn
		at   float64 // from 0 to 1
	}
	rooms := make(map[string][]*Conn)
	for _, c := range e.conns() {
		id := c.session.RoomID()
		rooms[id] = append(rooms[id], c)
	}
	var positions []position
	i := 0
	for _, conns := range rooms {
		for j, c := range conns {
			positions = append(positions, position{c, (float64(j) + float64(i)/float64(len(rooms))) / float64(len(conns))})
		}
		i++
	}
	slices.SortStableFunc(positions, func(a, b position) int { return cmp.Compare(a.at, b.at) })
	conns := make([]*Conn, len(positions))
	for i := range positions {
		conns[i] = positions[i].conn
	}
	return conns
}

// conns returns all current connections.
func (e *Edge) conns() (all []*Conn) {
	add := func(r reader) {
		if c, ok := r.(*Conn); ok {
			all = append(all, c)
		}
	}
	for _, p := range e.pollers {
		p.each(add)
	}
	e.streams.each(add)
	return all
}

// CutSlowReaders ends the connections that have more queued than is allowed while memory is nearly
// used up.
func (e *Edge) CutSlowReaders() {
	if e.held.Load() != nil {
		return // they may be another process's in a moment
	}
	for _, c := range e.conns() {
		if c.Pending() > e.sockets.pending() {
			c.Cut()
		}
	}
}
