// Package server is the native shell: one process that serves clients (package edge), owns rooms
// (package rooms) and stores them (package store/bolt). It wires these together, listens, and
// drains.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
	"usher/server/cluster"
	"usher/server/edge"
	"usher/server/metrics"
	"usher/server/rooms"
	"usher/server/store"
	"usher/server/store/bolt"
	"usher/server/turn"
	"usher/server/turn/relay"
)

// sweepEvery is how often the addresses that have nothing open and whose budgets are full are
// forgotten.
const sweepEvery = 5 * time.Second

// Server is a native server. New returns one, Run serves, Close releases what it holds.
type Server struct {
	config  Config
	log     *slog.Logger
	metrics *metrics.Metrics
	store   roomStore
	// closeStore is nil if the node closes it.
	closeStore func() error
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
	// metricsAside serves metrics on a separate listener, nil if they are served with everything
	// else.
	metricsAside *metricsServer
	clock        *clock
	draining     atomic.Bool
	closing      sync.Once
}

// roomStore is the embedded store, or the cluster's.
type roomStore interface {
	store.Store
	// Healthy reports whether what is saved is stored in time.
	Healthy() bool
}

// outside is what a server does not decide: time, randomness, and how its parts reach each other.
// New uses the real ones, and tests use their own.
type outside struct {
	clock  rooms.Clock
	secret func() [protocol.TokenBytes]byte
	// hasher is for rooms.Config.
	hasher rooms.Hasher
	// onCommit is called after each commit, before its result is reported. It may be nil.
	onCommit func()
	// connect returns what the edge uses as the rooms. Nil for the rooms themselves.
	connect func(*rooms.Rooms) edge.Rooms
	// readArrived is for rooms.Config, nil for the edge's.
	readArrived func([]rooms.Socket)
	// turned is for rooms.Config.
	turned func()
	// tune makes changes that Validate would not allow. It may be nil.
	tune func(*Config)
	// closeGrace is for edge.Config.
	closeGrace time.Duration
	// runningMs is the clock of the budgets, nil for that of the server's clock.
	runningMs func() int64
	// delay is for edge.Config, and check for rooms.Config.
	delay func(context.Context, time.Duration)
	// auth is for edge.Config, and verify for rooms.Config, nil for the server's.
	auth   edge.Auth
	verify func(ctx context.Context, roomID, token string) (*room.Identity, protocol.Code, string)
	check  func(*room.Room) string
}

// New opens the store and the listeners, so that errors in either are known before anything is
// served. The error is store.ErrLocked if another process has the store open.
func New(config Config) (*Server, error) {
	return newServer(config, outside{secret: randomSecret})
}

func newServer(config Config, out outside) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, log: config.Log, metrics: metrics.New(), clock: newClock(time.Now())}
	if out.clock == nil {
		out.clock = s.clock
	}
	if out.tune != nil {
		out.tune(&s.config)
	}
	if err := s.open(&out); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(out *outside) (err error) {
	c := &s.config
	if s.certs, err = openCertificates(s.config); err != nil {
		return err
	}
	if err := s.openStore(out); err != nil {
		return err
	}
	if err := s.openAuth(); err != nil {
		return err
	}
	if s.listeners, err = c.listeners(); err != nil {
		return &ListenError{"listen", c.Listen, err}
	}
	if s.metricsAside, err = openMetrics(c); err != nil {
		return err
	}
	s.memory = newMemory(c.MemoryBound(), s.log, func() { s.edge.CutSlowReaders() })
	if out.readArrived == nil {
		out.readArrived = s.readArrived
	}
	if err := s.openICE(); err != nil {
		return err
	}
	config := rooms.Config{
		Room: c.Room, MaxPerAddress: c.MaxRoomsPerAddress, MaxPendingBytes: c.MaxPendingBytes,
		Store: s.store, Clock: out.clock, Secret: out.secret, Hasher: out.hasher, Full: s.memory.full, ReadArrived: out.readArrived,
		ICE: seatICE{s}, Turned: out.turned, Check: out.check, Metrics: s.metrics, Log: s.log, List: c.ListRooms,
	}
	if config.Verify = out.verify; out.verify == nil && s.auth.Accounts != nil {
		config.Verify = s.verify
	}
	if s.node != nil {
		config.Owner, config.Turned = s.node, s.node.Turned
	}
	if s.rooms, err = rooms.New(config); err != nil {
		return err
	}
	var reached edge.Rooms = localRooms{s.rooms}
	if s.node != nil {
		reached = s.node.Attach(cluster.Local{
			Rooms: s.rooms, Reached: reached,
			ReadArrived: func(sockets []edge.Socket) { s.edge.ReadArrived(connsOf(sockets)) },
		})
	}
	if out.connect != nil {
		reached = out.connect(s.rooms)
	}
	if out.runningMs == nil {
		out.runningMs = func() int64 { return out.clock.Now().RunningMs() }
	}
	return s.openEdge(reached, out)
}

func (s *Server) openEdge(reached edge.Rooms, out *outside) (err error) {
	c := &s.config
	config := edge.Config{
		Rooms: reached, Ready: s.ready, Full: s.memory.full, Secret: s.store.Secret(),
		RunningMs: out.runningMs, Delay: out.delay, CloseGrace: out.closeGrace,
		MaxFrameBytes: c.MaxFrameBytes, MaxPendingBytes: c.MaxPendingBytes, MaxSockets: c.MaxConnsPerAddress,
		RequestRate: c.AddressRequests, JoinRate: c.AddressJoins, MessageRate: c.AddressMessages, ByteRate: c.AddressBytes,
		AllowOrigins: c.AllowOrigins, TrustedProxies: c.TrustedProxies, ICE: s.ice, TURNOpen: c.TURNOpen, TURNTTL: c.TURNTTL,
		Page: c.Page, ServeMetrics: s.metricsAside == nil, Auth: s.auth, Metrics: s.metrics, Log: s.log,
	}
	if c.ListRooms {
		config.Lister = s.rooms
	}
	if out.auth != nil {
		config.Auth = out.auth
	}
	if s.node != nil {
		config.OwnerAddress = s.node.OwnerAddress
		config.ClusterStatus, config.ClusterDrain = s.node.ServeStatus, s.node.DrainHandler()
		s.metrics.Register(s.node)
	}
	if s.edge, err = edge.New(config); err != nil {
		return err
	}
	s.metricsAside.prepare(&config)
	if s.certs != nil {
		s.edge.HTTP().TLSConfig = s.certs.tlsConfig()
	}
	return nil
}

// openStore opens the embedded store, or joins the cluster, which has the rooms of all nodes.
func (s *Server) openStore(out *outside) error {
	c := &s.config
	if c.Cluster != nil {
		node, err := cluster.Open(context.Background(), c.Cluster.WithLog(s.log))
		if err != nil {
			return err
		}
		s.node, s.store = node, node.Store()
		return nil
	}
	opened, err := bolt.Open(c.DataDir, bolt.Options{
		MaxBytes: c.MaxStoreBytes, Log: s.log, OpenedMs: out.clock.Now().Ms, OnCommitFailed: s.metrics.CommitFailed,
		OnCommit: func(records int, took time.Duration) {
			s.metrics.Committed(records, took)
			if out.onCommit != nil {
				out.onCommit()
			}
		},
	})
	if err != nil {
		return err
	}
	s.store, s.closeStore = opened, opened.Close
	return nil
}

// readArrived makes this node's edge, and those of other nodes, read what has arrived for their own
// sockets.
func (s *Server) readArrived(sockets []rooms.Socket) {
	s.edge.ReadArrived(connsOf(sockets))
	if s.node != nil {
		s.node.Links().ReadArrived(sockets)
	}
}

// connsOf returns those of the sockets that are this node's.
func connsOf[S any](sockets []S) (conns []*edge.Conn) {
	for _, socket := range sockets {
		if c, ok := any(socket).(*edge.Conn); ok {
			conns = append(conns, c)
		}
	}
	return conns
}

// localRooms are rooms in the same process as their edge.
type localRooms struct{ rooms *rooms.Rooms }

// Open implements edge.Rooms.
func (l localRooms) Open(ctx context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	session, refusal := l.rooms.Open(ctx, roomID, rooms.Opening(o), s)
	if refusal != "" {
		return nil, refusal
	}
	return session, ""
}

// Seated implements edge.Rooms.
func (l localRooms) Seated(ctx context.Context, roomID, userID, token string) (takenAtMs int64, refusal protocol.Code) {
	return l.rooms.Seated(ctx, roomID, userID, token)
}

// Create implements edge.Rooms.
func (l localRooms) Create(ctx context.Context, roomID string, a room.Arrangement) (createdMs int64, refusal protocol.Code) {
	return l.rooms.Create(ctx, roomID, a)
}

// Describe implements edge.Rooms.
func (l localRooms) Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code) {
	return l.rooms.Describe(ctx, roomID)
}

func randomSecret() (secret [protocol.TokenBytes]byte) {
	_, _ = rand.Read(secret[:]) // never fails
	return secret
}

// Close releases everything. Run does so when it ends; a server that never ran needs it.
func (s *Server) Close() (err error) {
	s.closing.Do(func() {
		closeAll(s.listeners)
		s.metricsAside.close()
		if s.edge != nil {
			_ = s.edge.Close()
		}
		if s.relay != nil {
			_ = s.relay.Close()
		}
		if s.closeStore != nil {
			err = s.closeStore()
		}
		if s.node != nil {
			s.node.Close()
		}
	})
	return err
}

// Addr returns the address that the server listens on, for localhost the first one.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// Reload reads the certificate files again. If they are not usable, the old ones stay and the error
// says why.
func (s *Server) Reload() error {
	if s.certs == nil {
		return nil
	}
	return s.certs.Reload()
}

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

// Run serves until ctx is done, then drains, and returns nil if everything is stored. It can be
// called once.
func (s *Server) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.Background())
	defer stop()
	go s.edge.Run()
	go s.rooms.Run(background)
	if s.node != nil {
		go s.node.Run(background)
	}
	go s.memory.watch(background)
	go newIdleHeap().watch(background)
	go every(background, sweepEvery, func(time.Time) { s.edge.Sweep() })
	go s.clock.beat(background.Done())
	if s.auth.Accounts != nil {
		go s.auth.Accounts.Warm(background)
	}
	s.metricsAside.serve(s.log)
	served := make(chan error, len(s.listeners))
	for _, listener := range s.listeners {
		gated := s.edge.Gated(listener)
		go func() {
			if s.certs != nil {
				served <- s.edge.HTTP().ServeTLS(gated, "", "")
			} else {
				served <- s.edge.HTTP().Serve(gated)
			}
		}()
	}
	s.log.Info("serving", "listen", addressesOf(s.listeners))
	select {
	case <-ctx.Done():
		return s.drain(stop)
	case <-s.drainAsked():
		return s.drain(stop)
	case err := <-served:
		return errors.Join(fmt.Errorf("serving: %w", err), s.drain(stop))
	}
}

// drainAsked is closed when an operator wants this node to stop.
func (s *Server) drainAsked() <-chan struct{} {
	if s.node == nil {
		return nil
	}
	return s.node.DrainAsked()
}

// every calls do once in each interval until ctx is done.
func every(ctx context.Context, interval time.Duration, do func(now time.Time)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			do(now)
		}
	}
}
