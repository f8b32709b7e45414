package edge

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"

	"usher/server/metrics"
)

// New returns an Edge that serves nothing yet. Close releases what it holds.
func New(config Config) (*Edge, error) {
	e := &Edge{config: config, log: config.Log, debug: config.Log.Enabled(context.Background(), slog.LevelDebug), metrics: config.Metrics, streams: streams{all: make(map[*streamSocket]struct{})}}
	var err error
	if e.origins, err = ParseOrigins(config.AllowOrigins); err != nil {
		return nil, err
	}
	e.gate = newGate(&e.config)
	routes := append(healthRoutes(config.Ready), e.roomRoute(), e.turnRoute())
	routes = append(routes, e.wsRoutes()...)
	routes = append(routes, e.ticketRoute()...)
	routes = append(routes, e.roomsRoute()...)
	for _, rt := range config.Operator {
		routes = append(routes, route{path: rt.Path, methods: rt.Methods, cost: rt.Cost, handler: rt.Handler, private: true})
	}
	if config.OwnerAddress != nil {
		routes = append(routes, e.ownerRoute())
	}
	if config.ServeMetrics {
		routes = append(routes, operatorRoutes(&config)...)
	}
	if config.Admin {
		page, err := adminRoutes()
		if err != nil {
			return nil, err
		}
		routes = append(routes, page...)
	}
	if config.Page {
		if routes, err = withPage(routes); err != nil {
			return nil, err
		}
	}
	e.router = newRouter(&e.config, e.origins, e.gate, routes...)
	e.http = newHTTPServer(e.router, e.gate, e.log)
	cores := runtime.GOMAXPROCS(0)
	e.sockets = socketLimits{
		maxPending: config.MaxPendingBytes, maxPendingWhenFull: 2 * config.MaxFrameBytes, full: config.Full,
		closeGrace: cmp.Or(config.CloseGrace, closeGrace), lateSlices: make(chan struct{}, max(1, cores/2)), metrics: config.Metrics,
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

// Run reads the sockets until Close is called.
func (e *Edge) Run() {
	var running sync.WaitGroup
	for _, p := range e.pollers {
		running.Go(func() {
			if err := p.run(); err != nil {
				e.log.Error("a poller ended", "error", err)
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
// called from time to time.
func (e *Edge) Sweep() { e.gate.sweep() }

// Sockets returns how many open sockets count for their addresses.
func (e *Edge) Sockets() (n int) {
	for i := range e.gate.sources.shards {
		shard := &e.gate.sources.shards[i]
		shard.Lock()
		for _, s := range shard.byKey {
			s.mu.Lock()
			n += len(s.places)
			s.mu.Unlock()
		}
		shard.Unlock()
	}
	return n
}

// NewMetricsServer returns a server of what is for the operator only, /metrics first of all, and
// the function that its listeners must be wrapped with. Each address may have maxSockets there,
// however many it has elsewhere.
func NewMetricsServer(c *Config, maxSockets int) (*http.Server, func(net.Listener) net.Listener) {
	config := Config{
		Full: func() bool { return false }, RunningMs: c.RunningMs, Secret: c.Secret, MaxSockets: maxSockets,
		AllowOrigins: c.AllowOrigins, TrustedProxies: c.TrustedProxies, Metrics: c.Metrics, Log: c.Log,
	}
	origins, _ := ParseOrigins(config.AllowOrigins) // New has parsed them
	g := newGate(&config)
	server := newHTTPServer(newRouter(&config, origins, g, operatorRoutes(c)...), g, c.Log)
	return server, func(l net.Listener) net.Listener { return &gatedListener{l, g} }
}

// ScrapeCost is how many requests one scrape counts as.
const ScrapeCost = 20

// operatorRoutes are what no client needs, and no page of another origin that an operator looks at.
func operatorRoutes(c *Config) []route {
	routes := []route{metricsRoute(c.Metrics)}
	if c.ClusterStatus != nil {
		routes = append(routes, route{path: "/cluster/status", cost: ScrapeCost, private: true, handler: c.ClusterStatus})
	}
	if c.ClusterDrain != nil {
		routes = append(routes, route{path: "/cluster/drain", methods: []string{http.MethodPost}, cost: ScrapeCost, private: true, handler: c.ClusterDrain})
	}
	return routes
}

// Gated returns a listener that counts the sockets of each address before they have sent anything.
func (e *Edge) Gated(l net.Listener) net.Listener { return &gatedListener{l, e.gate} }

func metricsRoute(m *metrics.Metrics) route {
	return route{path: "/metrics", cost: ScrapeCost, private: true, handler: m.Handler().ServeHTTP}
}
