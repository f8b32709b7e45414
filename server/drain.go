package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drain ends service: readiness fails, sockets are closed with 1012 over a few seconds, and
// everything is stored. Seats are held, so clients find theirs when they return. What runs in the
// background does so until the clients are gone.
func (s *Server) drain(stopBackground func()) error {
	s.draining.Store(true)
	s.succession.end()
	if s.succession.isDone() {
		return s.leave(stopBackground)
	}
	close(s.stopping)
	s.rooms.Stopping()
	deadline, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	s.log.Info("closing connections", "connections", s.metrics.Connections.Load(), "rooms", s.metrics.Rooms.Load())
	if s.node != nil {
		if err := s.node.StepDown(deadline); err != nil {
			s.log.Warn("the lead of the cluster's stream could not be given up first", "error", err)
		}
		s.node.Drain(deadline)
	}
	s.edge.Drain(deadline, s.config.DrainSpread)
	stopBackground()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(deadline), time.Second)
	defer cancel()
	_ = s.edge.HTTP().Shutdown(ctx) // only idle HTTP connections are left
	_ = s.edge.HTTP().Close()
	err := s.rooms.Close()
	if s.node != nil {
		s.node.Leave()
	}
	if err := errors.Join(err, s.Close()); err != nil {
		s.log.Error("drained, but not everything could be stored", "error", err)
		return fmt.Errorf("not everything could be stored: %w", err)
	}
	s.log.Info("drained")
	return nil
}

// drainAsked is closed when an operator wants this node to stop.
func (s *Server) drainAsked() <-chan struct{} {
	if s.node == nil {
		return nil
	}
	return s.node.DrainAsked()
}
