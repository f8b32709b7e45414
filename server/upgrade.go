package server

import (
	"context"
	"fmt"
	"net"
	"time"

	"usher/server/edge"
	"usher/server/rooms"
)

// listenedOn returns the settings that the listeners are of, which may not be today's.
func (s *Server) listenedOn() (listen, metricsListen string) {
	listen, metricsListen = s.config.Listen, s.config.MetricsListen
	if s.taken != nil {
		listen = s.taken.listen
		if len(s.taken.metricsListeners) > 0 {
			metricsListen = s.taken.metricsListen
		}
	} else if len(s.config.Listeners) > 0 {
		listen = ""
	}
	return listen, metricsListen
}

// warnOfAddresses says which changed settings wait for a restart: the listeners are another
// process's.
func (s *Server) warnOfAddresses() {
	warn := func(setting, was, is string, listeners []net.Listener) {
		if was == "" || was == is || len(listeners) == 0 {
			return
		}
		s.log.Warn(setting+" has changed, but an upgrade keeps the addresses: restart usher to use the new one",
			"listening", addressesOf(listeners), "was", was, "is", is)
	}
	warn("listen", s.taken.listen, s.config.Listen, s.listeners)
	warn("metrics-listen", s.taken.metricsListen, s.config.MetricsListen, s.metricsAside.all())
}

// carriedRoom is a room with its sockets.
type carriedRoom struct {
	Room    rooms.Carried
	Sockets []carriedSocket // of Room.Sessions
}

// carriedSocket is a socket, or none if Here is not set. A descriptor belongs to each that is.
type carriedSocket struct {
	Here   bool
	Socket edge.Carried
}

// end allows no further upgrade, stops one that is under way, and waits for its end. It can be
// called more than once.
func (s *succession) end() {
	if cancel := s.cancel.Load(); cancel != nil {
		(*cancel)()
	}
	s.ending.Do(s.mu.Lock)
}

// isDone reports whether another process has taken over.
func (s *succession) isDone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// keeps returns the reason that this server's sockets cannot be carried to another process, "" if
// they can.
func (s *Server) keeps() string {
	switch {
	case s.node != nil:
		return "a node of a cluster does not hand over its sockets: drain it, and start the new one"
	case s.relay != nil:
		return "the embedded TURN server cannot hand over its relays: stop usher, and start the new one"
	case s.draining.Load():
		return "the server is draining"
	}
	for _, listener := range s.listeners {
		if _, ok := listener.(*heldListener); !ok {
			return "the listeners cannot be handed over"
		}
	}
	return ""
}

// appendEvents returns what the readers of events have seen or may want, nil if nobody can read
// any.
func (s *Server) appendEvents() ([]byte, error) {
	if s.api == nil {
		return nil, nil
	}
	return s.api.AppendEvents(nil)
}

// restoreEvents is for what appendEvents of another process has returned. Without it readers learn
// of a gap.
func (s *Server) restoreEvents(b []byte) error {
	if s.api == nil || b == nil {
		return nil
	}
	return s.api.RestoreEvents(b)
}

// hold lets all listeners wait, and goOn accept again.
func (s *Server) hold() { s.eachListener((*heldListener).hold) }
func (s *Server) goOn() { s.eachListener((*heldListener).goOn) }

func (s *Server) eachListener(do func(*heldListener)) {
	for _, list := range [][]net.Listener{s.listeners, s.metricsAside.all()} {
		for _, listener := range list {
			if held, ok := listener.(*heldListener); ok {
				do(held)
			}
		}
	}
}

// leave ends this process once another has taken over: what could not be carried is closed with
// 1012, as by a drain.
func (s *Server) leave(stopBackground func()) error {
	s.draining.Store(true)
	close(s.stopping)
	s.succession.end() // Upgrade has yet to report it
	deadline, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	s.log.Info("closing the connections that could not be handed over", "connections", s.metrics.Connections.Load())
	s.webhooks.leave()
	stopBackground()
	s.edge.DrainLeft(deadline, s.config.DrainSpread)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(deadline), time.Second)
	defer cancel()
	_ = s.edge.HTTP().Shutdown(ctx)
	_ = s.edge.HTTP().Close()
	if err := s.Close(); err != nil {
		return fmt.Errorf("after the hand-over: %w", err)
	}
	s.log.Info("handed over")
	return nil
}
