package edge

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"usher/server/metrics"
)

// Edge serves clients. New returns one, and Run reads its sockets.
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
	// draining is set once new WebSockets are refused, and handshakes counts those under way, which
	// may have begun before.
	draining   atomic.Bool
	handshakes atomic.Int64
	lastPoller atomic.Uint32
	streams    streams
	// requestIDs has, by Conn, the id of the request that opened it, for the log. It is empty
	// unless the log level is debug: the ids would be a tenth of what an idle connection takes.
	requestIDs sync.Map
}
