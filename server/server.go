// Package server is the native shell: one process that serves clients (package edge), owns rooms
// (package rooms) and stores them (package store/bolt). It wires these together, listens, and
// drains.
package server

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"usher/protocol"
	"usher/server/api"
	"usher/server/audit"
	"usher/server/auth"
	"usher/server/cluster"
	"usher/server/edge"
	"usher/server/metrics"
	"usher/server/rooms"
	"usher/server/store"
	"usher/server/tracing"
	"usher/server/turn"
	"usher/server/turn/relay"
	"usher/server/webhook"
)

// Server is a native server. New returns one, Run serves, Close releases what it holds.
type Server struct {
	config  Config
	log     *slog.Logger
	metrics *metrics.Metrics
	// tracer is nil without a collector.
	tracer *tracing.Tracer
	store  roomStore
	// closeStore is nil if the node closes it.
	closeStore func() error
	// unmapStore gives back the memory of the store's pages, nil if it has none.
	unmapStore func()
	// ice hands out STUN and TURN servers.
	ice turn.Provider
	// relay is the embedded TURN server, nil for none.
	relay *relay.Server
	// node is nil without a cluster.
	node      *cluster.Node
	auth      *auth.Auth
	rooms     *rooms.Rooms
	edge      *edge.Edge
	listeners []net.Listener
	certs     *certificates
	memory    *memory
	// api is nil if there is neither an API key nor an admin token.
	api *api.API
	// stopping is closed when the drain begins, and asked when an operator wants one.
	stopping, asked chan struct{}
	askOnce         sync.Once
	startedMs       int64
	// audit is nil without an audit log.
	audit *audit.Log
	// webhooks are those of webhooks.go.
	webhooks webhooks
	// metricsAside serves metrics on a separate listener, nil if they are served with everything
	// else.
	metricsAside *metricsServer
	clock        *clock
	draining     atomic.Bool
	succession   succession
	closing      sync.Once
	// taken is what another process has handed over, nil for nothing.
	taken *taken
}

// roomStore is the embedded store, or the cluster's.
type roomStore interface {
	store.Store
	// Healthy reports whether what is saved is stored in time.
	Healthy() bool
}

// Addr returns the address that the server listens on, for localhost the first one.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// ready returns "" while new rooms are welcome.
func (s *Server) ready() protocol.Code {
	switch {
	case s.draining.Load():
		return protocol.CodeDraining
	case !s.store.Accepts(), s.node != nil && s.node.Ready() != nil:
		return protocol.CodeStorageUnavailable
	case s.memory.full():
		return protocol.CodeServerFull
	}
	return ""
}

// succession is what a server knows of the process that takes over from it.
type succession struct {
	// mu is held during an upgrade, and for good once the server ends.
	mu     sync.Mutex
	ending sync.Once
	cancel atomic.Pointer[context.CancelFunc]
	// done is closed once another process has everything.
	done chan struct{}
}

// webhooks is what sends them, and listens to usher webhooks. The zero value does nothing.
type webhooks struct {
	sender *webhook.Sender
	// control is nil if the data folder can have no socket.
	control *webhook.Control
	// done is closed when the last has been sent, nil if nothing ever was.
	done chan struct{}
}
