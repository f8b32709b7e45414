package edge

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
)

// Rooms are whoever owns the rooms, in this process or another.
type Rooms interface {
	// Open connects a socket to a room. The code says why not, or is "". The Socket's methods may be
	// called before Open returns.
	Open(ctx context.Context, roomID string, o Opening, s Socket) (Session, protocol.Code)
	// Describe returns what somebody with an invitation may know of a room, or why not.
	Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code)
}

// Opening is what a room is told of a new connection.
type Opening struct {
	// Address is a keyed hash of the client's network address, equal for equal addresses.
	Address uint64
	// Uncounted: the client is a trusted proxy itself, so the rooms that it creates are not bounded.
	Uncounted bool
	// RequestID is for the log.
	RequestID string
}

// Session is a connection as its room has it. Its methods may be called from any goroutine, but the
// events of one socket one after the other. None of them blocks for long.
type Session interface {
	RoomID() string
	// Received reports a text frame, which is not used after it returns. refuseSeat is why the client
	// may take no new seat now, or "". batch is passed to Socket.Send for what that causes.
	Received(f *protocol.Frame, refuseSeat protocol.Code, batch any)
	// ReceivedBinary reports a binary frame, Seen a control frame, which proves life.
	ReceivedBinary()
	Seen()
	// Exceeded reports that the client's address has used up what it may send.
	Exceeded()
	// Close has the room close the socket with that code, after what waits for it, and end the session.
	Close(protocol.CloseCode)
	// Disconnected reports the end of the socket.
	Disconnected(protocol.CloseCode)
}

// Socket is the client's end of a Session: a Conn.
type Socket interface {
	Send(frame []byte, batch any)
	Ping()
	Close(protocol.CloseCode)
	Cut()
	Stands(room.Standing)
}

// DefaultMaxSockets is how many sockets one address may have open: a room of 50 that reconnects has
// new ones while the old ones have not ended.
const DefaultMaxSockets = 200

// The default rates let a full room of 50 behind one address reconnect five times in a row
// (docs/design.md).
var (
	// DefaultRequestRate is of HTTP requests, handshakes included.
	DefaultRequestRate = Rate{20, 2_000}
	// DefaultJoinRate is of joins.
	DefaultJoinRate = Rate{3, 300}
	// DefaultMessageRate is of messages, requests counting for RequestCost.
	DefaultMessageRate = Rate{2_000, 200_000}
	// DefaultByteRate is of their bytes.
	DefaultByteRate = Rate{2 << 20, 200 << 20}
)

// Config is what an Edge can be told. All fields must be valid.
type Config struct {
	// Rooms are those that clients come to.
	Rooms Rooms
	// Ready says why no new room is welcome, or "".
	Ready func() protocol.Code
	// Full reports whether memory is nearly used up, so that newcomers are refused.
	Full func() bool
	// RunningMs is the clock of the budgets. It stands still while the process does not run.
	RunningMs func() int64
	// Delay waits for so long, unless ctx ends or the server drains. Nil does.
	Delay func(ctx context.Context, d time.Duration)
	// CloseGrace is how long a client has to answer a close frame, before its socket is closed
	// whatever it still sends. Default 2 s.
	CloseGrace time.Duration
	// Secret is the key that network addresses are hashed with. It must stay the same over restarts.
	Secret [32]byte

	// MaxFrameBytes bounds one message from a client, and MaxPendingBytes what waits to be written to it.
	MaxFrameBytes, MaxPendingBytes int
	// MaxSockets bounds the open sockets of one network address, 0 for no bound.
	MaxSockets int
	// RequestRate, JoinRate, MessageRate and ByteRate bound what one network address does: HTTP requests,
	// joins, messages (requests counting for RequestCost) and their bytes.
	RequestRate, JoinRate, MessageRate, ByteRate Rate

	// AllowOrigins are in the form of ParseOrigins.
	AllowOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// ICEServers are handed out by /turn-credentials.
	ICEServers []ICEServer
	// TURNSecret makes credentials for those that have none.
	TURNSecret string
	// Page is whether / serves the page. ServeMetrics is whether /metrics is served.
	Page, ServeMetrics bool

	// Metrics counts what happens.
	Metrics *metrics.Metrics
	// Log is told nothing that identifies a client or a room.
	Log *slog.Logger
}

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

// New returns an Edge that serves nothing yet. Close releases what it holds.
func New(config Config) (*Edge, error) {
	e := &Edge{config: config, log: config.Log, debug: config.Log.Enabled(context.Background(), slog.LevelDebug), metrics: config.Metrics, streams: streams{all: make(map[*streamSocket]struct{})}}
	var err error
	if e.origins, err = ParseOrigins(config.AllowOrigins); err != nil {
		return nil, err
	}
	e.gate = newGate(&e.config)
	routes := append(healthRoutes(config.Ready), e.roomRoute(), turnRoute(newConfiguredICE(&config), e.origins, e.log))
	routes = append(routes, e.wsRoutes()...)
	if config.ServeMetrics {
		routes = append(routes, metricsRoute(config.Metrics))
	}
	if config.Page {
		if routes, err = withPage(routes); err != nil {
			return nil, err
		}
	}
	e.http = newHTTPServer(newRouter(&e.config, e.origins, e.gate, routes...), e.gate, e.log)
	cores := runtime.GOMAXPROCS(0)
	e.sockets = socketLimits{
		maxPending: config.MaxPendingBytes, maxPendingWhenFull: 2 * config.MaxFrameBytes, full: config.Full,
		closeGrace: cmp.Or(config.CloseGrace, closeGrace), lateSlices: make(chan struct{}, max(1, cores/2)),
	}
	for range max(1, cores/4) {
		p, err := newPoller(&e.sockets)
		if err != nil {
			_ = e.Close()
			return nil, err
		}
		e.pollers = append(e.pollers, p)
	}
	return e, nil
}

// Run reads the sockets until Close.
func (e *Edge) Run() {
	var running sync.WaitGroup
	for _, p := range e.pollers {
		running.Go(func() {
			if err := p.run(); err != nil {
				e.log.Error("a poller has ended", "error", err)
			}
		})
	}
	running.Wait()
}

// Close ends Run and releases the pollers.
func (e *Edge) Close() error {
	for _, p := range e.pollers {
		p.stop()
	}
	return nil
}

// HTTP returns the server for all listeners, which should be wrapped by Gated.
func (e *Edge) HTTP() *http.Server { return e.http }

// Sweep forgets the addresses that have nothing open and whose budgets are full again. It should be
// called now and then.
func (e *Edge) Sweep() { e.gate.sweep() }

// poller spreads new connections over the pollers. Nil if the system has none.
func (e *Edge) poller() *poller {
	return e.pollers[e.lastPoller.Add(1)%uint32(len(e.pollers))]
}

// conns returns all connections of this moment.
func (e *Edge) conns() (all []*Conn) {
	add := func(r reader) {
		if c, ok := r.(*Conn); ok {
			all = append(all, c)
		}
	}
	for _, p := range e.pollers {
		p.each(add)
	}
	e.streams.each(add)
	return all
}

// requestIDOf returns the id of the request by which a connection came, "" if it is not kept.
func (e *Edge) requestIDOf(c *Conn) string {
	id, _ := e.requestIDs.Load(c)
	text, _ := id.(string)
	return text
}

// CutSlowReaders ends the connections for which more waits than may while memory is nearly used up.
func (e *Edge) CutSlowReaders() {
	for _, c := range e.conns() {
		if c.Pending() > e.sockets.pending() {
			c.Cut()
		}
	}
}

// NewMetricsServer returns a server of /metrics only, and what its listeners must be wrapped by. Each
// address may have maxSockets there, whatever it has elsewhere.
func NewMetricsServer(c *Config, maxSockets int) (*http.Server, func(net.Listener) net.Listener) {
	config := Config{
		Full: func() bool { return false }, RunningMs: c.RunningMs, Secret: c.Secret, MaxSockets: maxSockets,
		AllowOrigins: c.AllowOrigins, TrustedProxies: c.TrustedProxies, Metrics: c.Metrics, Log: c.Log,
	}
	origins, _ := ParseOrigins(config.AllowOrigins) // New has parsed them
	g := newGate(&config)
	server := newHTTPServer(newRouter(&config, origins, g, metricsRoute(c.Metrics)), g, c.Log)
	return server, func(l net.Listener) net.Listener { return &gatedListener{l, g} }
}

// ScrapeCost is how many requests one scrape counts for.
const ScrapeCost = 20

func metricsRoute(m *metrics.Metrics) route {
	return route{path: "/metrics", cost: ScrapeCost, handler: m.Handler().ServeHTTP}
}
