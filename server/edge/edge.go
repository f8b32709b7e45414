package edge

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"usher/server/frame"
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
	router  *router
	http    *http.Server
	// draining is set once new WebSockets are refused, and handshakes counts those under way, which
	// may have begun before.
	draining   atomic.Bool
	handshakes atomic.Int64
	// held is nil unless nothing is read now, and left is set once the rooms are another process's.
	held       atomic.Pointer[hold]
	left       atomic.Bool
	lastPoller atomic.Uint32
	listening  sync.Mutex
	listeners  []*polledListener
	streams    streams
	// requestIDs has, by Conn, the id of the request that opened it, for the log. It is empty
	// unless the log level is debug: the ids would be a tenth of what an idle connection takes.
	requestIDs sync.Map
}

// hold is a time in which nothing is read.
type hold struct{ over chan struct{} }

// Conn is one WebSocket of a client. Its frames are read on a poller's goroutine, or on systems
// other than Linux on one of its own, and written by whichever goroutine steps its room.
type Conn struct {
	edge    *Edge
	session Session
	// socket is a *polledSocket, a *tlsSocket or a *streamSocket. Methods other than start are for
	// the room, which must check state first.
	socket connSocket
	// place is the connection's place among the sockets of the client's address, nil if it is not
	// counted.
	place *place
	// frames is used by whichever goroutine reads the socket, so by one at a time.
	frames frame.Reader
	// state is opening, open, or the code of a Close that arrived while it was opening.
	state    atomic.Uint32
	standing atomic.Uint32
	// closing: a close frame has been sent or queued, and what the client still sends is only
	// searched for its close frame. broken: what the client still sends is discarded. counted: the
	// room knows about the end or has caused it, and the metrics have counted it.
	closing, broken, counted atomic.Bool
}

const (
	opening = iota
	open
)

// poller distributes new connections over the pollers. It returns nil if the system has none.
func (e *Edge) poller() *poller {
	return e.pollers[e.lastPoller.Add(1)%uint32(len(e.pollers))]
}
