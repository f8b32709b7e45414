package stream

import (
	"context"
	"time"
)

// Copy is one server's copy of the stream.
type Copy struct {
	// Server is the server's name: the id of its node, if it is embedded.
	Server string `json:"server"`
	// Leads is set for one: it decides the order of writes.
	Leads bool `json:"leads"`
	// Current: it has what the leader has, or nearly. Offline: the leader has lost sight of it.
	Current bool `json:"current"`
	Offline bool `json:"offline"`
	// Lag is how many writes it is behind, and SeenMs how long ago the leader heard of it.
	Lag    uint64 `json:"lag"`
	SeenMs int64  `json:"seenMs"`
}

// Copies asks the stream's leader for all copies, itself first.
func (s *Stream) Copies(ctx context.Context) ([]Copy, error) {
	found, err := s.info(ctx, Name, "", 0)
	if err != nil {
		return nil, err
	}
	s.known.know(found.State.LastSequence)
	var copies []Copy
	if leader := found.Cluster.Leader; leader != "" {
		copies = append(copies, Copy{Server: leader, Leads: true, Current: true})
	}
	for _, c := range found.Cluster.Replicas {
		copies = append(copies, Copy{Server: c.Name, Current: c.Current, Offline: c.Offline, Lag: c.Lag, SeenMs: c.Active.Milliseconds()})
	}
	return copies, nil
}

// Time is what the clock of the server that leads the stream shows, and that server's name.
func (s *Stream) Time(ctx context.Context) (now time.Time, server string, err error) {
	found, err := s.info(ctx, Name, "", 0)
	if err != nil {
		return now, "", err
	}
	return found.Time, found.Cluster.Leader, nil
}
