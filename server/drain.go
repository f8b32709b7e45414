package server

import (
	"context"
	"time"

	"usher/protocol"
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
	s.unsaved.save()
	err := s.closeStore()
	for _, p := range s.pollers {
		p.stop()
	}
	if err == nil {
		s.log.Info("drained")
	}
	return err
}

// closeStore leaves the clean mark only where no stored room may lack frames that were held for it.
func (s *Server) closeStore() error {
	if s.clean.Load() || s.allLoaded.Load() {
		return s.store.CloseClean()
	}
	return s.store.Close()
}

// closeConns closes all connections, evenly spread over DrainSpread. A
// handshake that slips in is closed at the end.
func (s *Server) closeConns() {
	conns := s.conns()
	const rounds = 50
	size := max(1, (len(conns)+rounds-1)/rounds)
	for len(conns) > 0 {
		n := min(size, len(conns))
		for _, c := range conns[:n] {
			c.restart()
		}
		if conns = conns[n:]; len(conns) > 0 {
			time.Sleep(s.config.DrainSpread / rounds)
		}
	}
	for _, c := range s.conns() {
		c.restart()
	}
}

func (s *Server) conns() (conns []*conn) {
	for _, l := range s.rooms.all() {
		l.mu.Lock()
		conns = append(conns, l.conns...)
		l.mu.Unlock()
	}
	return conns
}

// restart closes a connection and lets its room hold the seat.
func (c *conn) restart() {
	c.close(protocol.CloseRestart)
	c.disconnected(protocol.CloseRestart)
}
