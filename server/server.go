// Package server is the native shell: rooms in memory, snapshots in an
// embedded database, WebSockets on pollers.
//
// net/http takes the connections, with its parser, time-outs and TLS; the
// socket of a WebSocket is then read by a poller, so that an idle participant
// costs no goroutine, and package frame reads and writes its frames. Each room has a lock (loop.go) under which the core is
// stepped and its effects are carried out; frames and closes wait there for the commits that
// they must not be seen before (effect.go). Everything about roles, seats and
// limits is the core's; the shell counts rooms and connections by address,
// because no single room could.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/server/store"
)

// saveLaterEvery is how much of playback positions and held frames a crash may lose.
const saveLaterEvery = 5 * time.Second

// Server is a native server. New makes one, Run serves.
type Server struct {
	config    Config
	log       *slog.Logger
	debug     bool
	store     *store.Store
	listeners []net.Listener
	http      *http.Server
	certs     *certificates
	pollers   []*poller
	sockets   socketLimits
	origins   *OriginList
	gate      *gate
	memory    *memory
	metrics   *metrics
	// onCommit is called after each commit, before anybody hears of it.
	onCommit func(records int, took time.Duration)
	// metricsAside serves them on a listener of their own, nil if they are served with everything else.
	metricsAside *metricsServer
	outside

	clock     *clock
	startedMs int64
	// clean: the store has the very last state of each room that is not in
	// memory. allLoaded: there is no such room.
	clean     atomic.Bool
	allLoaded atomic.Bool
	draining  atomic.Bool
	// unstored is why something could not be stored during the drain.
	unstored atomic.Pointer[error]
	lastConn atomic.Uint64
	rooms    registry
	unsaved  unsavedRooms
	// waitingBytes is what waits for commits in all rooms. What many wait for counts once.
	waitingBytes atomic.Int64
	roomLimit    *limiter
}

// New opens the store and the listener, so that what is wrong with either is
// known before anything is served. A store that another process has open is store.ErrLocked.
func New(config Config) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		config: config, log: config.Log, debug: config.Log.Enabled(context.Background(), slog.LevelDebug),
		metrics: newMetrics(), rooms: registry{m: make(map[string]*liveRoom)},
		roomLimit: newLimiter(config.MaxRoomsPerAddress),
		clock:     newClock(time.Now()),
	}
	s.startedMs = s.clock.startMs
	s.onCommit = s.metrics.committed
	s.outside = s.realOutside()
	var err error
	if s.certs, err = openCertificates(config); err != nil {
		return nil, err
	}
	if s.store, err = store.Open(config.DataDir, store.Options{
		MaxBytes: config.MaxStoreBytes, Log: config.Log, OnCommit: func(records int, took time.Duration) { s.onCommit(records, took) }, OnCommitFailed: s.metrics.commitFailed,
	}); err != nil {
		return nil, err
	}
	if err = s.open(); err != nil {
		closeAll(s.listeners)
		s.metricsAside.close()
		_ = s.store.Close()
		return nil, err
	}
	return s, nil
}

// open opens the listeners and prepares what serves them.
func (s *Server) open() (err error) {
	if s.listeners, err = listen(s.config.Listen, listenTCP); err != nil {
		return &ListenError{"listen", s.config.Listen, err}
	}
	if s.metricsAside, err = openMetrics(&s.config); err != nil {
		return err
	}
	return s.prepare()
}

// prepare makes what serves the listener and takes stock of the store.
func (s *Server) prepare() error {
	s.clean.Store(s.store.WasClean())
	book := &addressBook{secret: s.store.Secret(), trusted: s.config.TrustedProxies, log: s.log}
	s.memory = newMemory(s.config.MemoryBound(), s.log, s.cutSlowReaders)
	clock := sync.OnceValue(func() func() moment { return s.now }) // the one that is set when Run begins
	runningMs := func() int64 { return clock()().runningMs() }
	s.gate = newGate(&s.config, book, runningMs, s.memory, s.metrics)
	var err error
	if s.origins, err = ParseOrigins(s.config.AllowOrigins); err != nil {
		return err
	}
	routes := append(healthRoutes(s.ready), s.roomRoute(), turnRoute(newConfiguredICE(s.config), s.origins, s.log))
	routes = append(routes, s.wsRoutes()...)
	if s.metricsAside == nil {
		routes = append(routes, s.metrics.route())
	} else if err := s.metricsAside.prepare(s.config, book, runningMs, s.metrics); err != nil {
		return err
	}
	if s.config.Page {
		if routes, err = withPage(routes); err != nil {
			return err
		}
	}
	edge, err := newEdge(s.config, s.metrics, routes...)
	if err != nil {
		return err
	}
	edge.gate = s.gate
	s.http = newHTTPServer(edge, s.log)
	s.gate.watch(s.http)
	if s.certs != nil {
		s.http.TLSConfig = s.certs.tlsConfig()
	}
	if err := s.takeStock(context.Background()); err != nil {
		return err
	}
	return s.startPollers()
}

func (s *Server) startPollers() error {
	cores := runtime.GOMAXPROCS(0)
	s.sockets = socketLimits{
		maxPending: s.config.MaxPendingBytes, maxPendingWhenFull: 2 * s.config.MaxFrameBytes, memory: s.memory,
		closeGrace: closeGrace, lateTurns: make(chan struct{}, max(1, cores/2)),
	}
	for range max(1, cores/4) {
		p, err := newPoller(&s.sockets)
		if err != nil {
			return err
		}
		s.pollers = append(s.pollers, p)
		go func() {
			if err := p.run(); err != nil {
				s.log.Error("a poller has ended", "error", err)
			}
		}()
	}
	return nil
}

// poller spreads new connections over the pollers. Nil where the system has none.
func (s *Server) poller() *poller { return s.pollers[s.lastConn.Load()%uint64(len(s.pollers))] }

// Addr is the address that the server listens on, the first of localhost's.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// Reload reads the certificate files again. Where they are of no use, the old
// ones stay and the error says why.
func (s *Server) Reload() error {
	if s.certs == nil {
		return nil
	}
	return s.certs.Reload()
}

// ready is "" while new rooms are welcome.
func (s *Server) ready() protocol.Code {
	switch {
	case s.draining.Load():
		return protocol.CodeDraining
	case !s.store.Accepts():
		return protocol.CodeStorageUnavailable
	case s.memory.full():
		return protocol.CodeServerFull
	}
	return ""
}

// Run serves until ctx is done, then drains, and returns nil when everything
// is stored. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.Background())
	defer stop()
	grace := time.Duration(s.config.Room.SeatGraceMs) * time.Millisecond
	defer s.afterFunc(grace, func() { s.endUntouched(background) }).Stop()
	go s.saveUnsaved(background)
	go s.memory.watch(background)
	s.metricsAside.serve(s.log)
	defer s.metricsAside.close()
	go s.clock.beat(background.Done())
	served := make(chan error, len(s.listeners))
	for _, listener := range s.listeners {
		gated := &gatedListener{listener, s.gate}
		go func() {
			if s.certs != nil {
				served <- s.http.ServeTLS(gated, "", "")
			} else {
				served <- s.http.Serve(gated)
			}
		}()
	}
	s.log.Info("serving", "listen", addressesOf(s.listeners))
	select {
	case <-ctx.Done():
		stop()
		return s.drain()
	case err := <-served:
		stop()
		return errors.Join(fmt.Errorf("serving: %w", err), s.drain())
	}
}

func (s *Server) saveUnsaved(ctx context.Context) {
	ticker := time.NewTicker(saveLaterEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.unsaved.save()
			s.gate.sweep()
		}
	}
}
