package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// sweepEvery is how often the addresses that have nothing open and whose budgets are full are
// forgotten.
const sweepEvery = 5 * time.Second

// Run serves until ctx is done, then drains, and returns nil if everything is stored. It can be
// called once.
func (s *Server) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.Background())
	defer stop()
	go s.edge.Run()
	go s.rooms.Run(background)
	if s.node != nil {
		go s.node.Run(background)
	}
	go s.memory.watch(background)
	go newIdleMemory(s.unmapStore).watch(background)
	go every(background, sweepEvery, func(time.Time) { s.edge.Sweep() })
	go s.clock.beat(background.Done())
	if s.auth.Accounts != nil {
		go s.auth.Accounts.Warm(background)
	}
	s.metricsAside.serve(s.log)
	s.webhooks.run(background, s.node, s.config.DataDir, s.log)
	served := make(chan error, len(s.listeners))
	for _, listener := range s.listeners {
		go func() {
			if s.certs != nil {
				served <- s.edge.HTTP().ServeTLS(s.edge.Gated(listener), "", "")
			} else {
				served <- s.edge.Serve(listener)
			}
		}()
	}
	s.log.Info("serving", "listen", addressesOf(s.listeners))
	select {
	case <-ctx.Done():
		return s.drain(stop)
	case <-s.asked:
		return s.drain(stop)
	case <-s.drainAsked():
		return s.drain(stop)
	case <-s.succession.done:
		return s.leave(stop)
	case err := <-served:
		if s.succession.isDone() {
			return s.leave(stop)
		}
		return errors.Join(fmt.Errorf("serving: %w", err), s.drain(stop))
	}
}
