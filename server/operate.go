package server

import (
	"context"
	"errors"
	"net/http"
	"runtime"

	"usher/protocol"
	"usher/server/api"
	"usher/server/cluster"
	"usher/server/edge"
)

// openAPI makes the API for operators ready, if there is one, and gives the edge its routes.
func (s *Server) openAPI(reached edge.Rooms, config *edge.Config) {
	if s.api == nil {
		return
	}
	c := api.Config{
		Rooms: reached, Own: s.rooms, Auth: s.auth, Server: s.describe, Drain: s.drainNode, Draining: s.stopping,
		TrustedProxies: s.config.TrustedProxies, Log: s.log,
	}
	if s.node != nil {
		c.OwnerAddress = s.node.OwnerAddress
	}
	if s.audit != nil {
		c.Audit = s.audit
	}
	s.api.Open(c)
	config.Operator = s.api.Routes()
	config.Admin = s.auth.Admin != nil
	if s.auth.Keys != nil {
		config.CreateRoom = http.HandlerFunc(s.api.CreateRoom)
	}
}

// describe returns what an operator wants to know of this server.
func (s *Server) describe(ctx context.Context) api.Server {
	d := api.Server{
		StartedAt: s.startedMs, Now: s.rooms.Now().Ms, NotReady: string(s.ready()), Counts: s.metrics.Summary(),
		Memory: api.Memory{BoundBytes: s.config.MemoryBound(), IsFull: s.memory.full(), LiveBytes: liveBytes()(), Goroutines: runtime.NumGoroutine()},
		Store:  api.Store{Accepts: s.store.Accepts(), Healthy: s.store.Healthy()},
	}
	if s.node == nil {
		return d
	}
	status := s.node.Status(ctx)
	d.Node = status.Node
	d.Cluster = &api.Cluster{Shards: status.Shards, Unowned: status.Unowned, Problem: status.Problem, Nodes: make([]api.Node, len(status.Nodes))}
	for i, n := range status.Nodes {
		d.Cluster.Nodes[i] = api.Node{ID: n.ID, Address: n.Address, State: n.State, Shards: n.Shards}
	}
	return d
}

// drainNode drains this server for "", or a node of the cluster.
func (s *Server) drainNode(node string) protocol.Code {
	if node == "" || s.node != nil && node == s.node.ID() {
		s.askOnce.Do(func() {
			s.log.Info("an operator asked this server to drain")
			close(s.asked)
		})
		return ""
	}
	if s.node == nil {
		return protocol.CodeNotFound
	}
	switch err := s.node.AskToDrain(node); {
	case errors.Is(err, cluster.ErrNoNode):
		return protocol.CodeNotFound
	case err != nil:
		return protocol.CodeRoomUnavailable
	}
	return ""
}
