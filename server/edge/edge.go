package edge

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"usher/server/metrics"
)

// Edge serves clients. New makes one, Run reads their sockets.
type Edge struct {
	config  Config
	log     *slog.Logger
	debug   bool
	metrics *metrics.Metrics
	origins *OriginList
	gate    *gate
	pollers []*poller
	sockets socketLimits
	http    *http.Server
	// draining: new WebSockets are refused.
	draining   atomic.Bool
	lastPoller atomic.Uint32
	streams    streams
	// requestIDs are the ids of the requests by which each Conn came, for the log. Empty unless that has
	// everything: they would be a tenth of what an idle connection takes.
	requestIDs sync.Map
}
