package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"usher/protocol"
	"usher/room"
)

// drain says goodbye: readiness fails, sockets are closed with 1012 over a
// few seconds, so that their clients do not all come back at once, and
// everything is stored. Seats are held, so clients find theirs when they return.
func (s *Server) drain() error {
	s.draining.Store(true)
	deadline := time.Now().Add(s.config.DrainTimeout)
	s.log.Info("closing connections", "connections", s.metrics.connections.Load(), "rooms", s.metrics.rooms.Load())
	s.closeConns()
	for s.metrics.connections.Load() > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond) // for the clients' close frames, which closeGrace bounds
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(time.Second))
	defer cancel()
	_ = s.http.Shutdown(ctx) // what is left are idle HTTP connections
	_ = s.http.Close()
	err := s.storeAll()
	for _, p := range s.pollers {
		p.stop()
	}
	if err != nil {
		s.log.Error("drained, but not everything could be stored", "error", err)
		return fmt.Errorf("not everything could be stored: %w", err)
	}
	s.log.Info("drained")
	return nil
}

// storeAll stores what can be stored, and closes the store. It leaves the clean mark only if no stored
// room may lack frames that were held for it.
func (s *Server) storeAll() error {
	for _, id := range s.rooms.lost() {
		s.touch(id) // which notes in the room itself that something is lost
	}
	s.unsaved.save()
	s.store.Flush()
	unstored := s.unstored.Load()
	if unstored == nil && len(s.rooms.lost()) == 0 && (s.clean.Load() || s.allLoaded.Load()) {
		return s.store.CloseClean()
	}
	err := s.store.Close()
	if unstored != nil {
		return *unstored
	}
	return err
}

// notStored notes that a save failed. Only during a drain that is the end of it.
func (s *Server) notStored(err error) {
	if s.draining.Load() {
		s.unstored.CompareAndSwap(nil, &err)
	}
}

// closeConns closes all connections, evenly spread over DrainSpread. A
// handshake that slips in is closed at the end.
func (s *Server) closeConns() {
	conns := s.spread()
	began := time.Now()
	for i, c := range conns {
		// The first goes at once, the last when DrainSpread is over.
		at := began.Add(s.config.DrainSpread * time.Duration(i) / time.Duration(max(1, len(conns)-1)))
		time.Sleep(time.Until(at))
		c.restart()
	}
	for _, c := range s.spread() {
		c.restart()
	}
}

// spread returns all connections in an order in which those of a room are as far apart as those of all:
// people who return to one room at the same moment disturb each other.
func (s *Server) spread() []*conn {
	type turn struct {
		conn *conn
		at   float64 // from 0 to 1
	}
	var turns []turn
	rooms := s.rooms.all()
	for i, l := range rooms {
		l.mu.Lock()
		for j, c := range l.conns {
			turns = append(turns, turn{c, (float64(j) + float64(i)/float64(len(rooms))) / float64(len(l.conns))})
		}
		l.mu.Unlock()
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	conns := make([]*conn, len(turns))
	for i := range turns {
		conns[i] = turns[i].conn
	}
	return conns
}

// restart closes a connection, after what waits for it, and lets its room hold the seat.
func (c *conn) restart() {
	l := c.room
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.connOf(c.id) != c {
		return // it is closed already
	}
	l.close(c.id, protocol.CloseRestart)
	l.stepLocked(room.Event{Kind: room.Disconnected, Conn: c.id, CloseCode: protocol.CloseRestart})
}
