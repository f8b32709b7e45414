package server

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/cluster"
	"usher/server/edge"
	"usher/server/metrics"
	"usher/server/rooms"
	"usher/server/store/bolt"
)

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
	// taken is what another process has handed over, nil for nothing.
	taken *taken
	// tune makes changes that Validate would not allow. It may be nil.
	tune func(*Config)
	// closeGrace is for edge.Config.
	closeGrace time.Duration
	// runningMs is the clock of the budgets, nil for that of the server's clock.
	runningMs func() int64
	// delay is for edge.Config, and check for rooms.Config.
	delay func(context.Context, time.Duration)
	// auth is for edge.Config, and verify and readInvite for rooms.Config, nil for the server's.
	auth       edge.Auth
	verify     func(ctx context.Context, roomID, token string) (*room.Identity, protocol.Code, string)
	readInvite func(roomID, invite string) (*room.Identity, protocol.Code, string)
	check      func(*room.Room) string
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
	s := &Server{config: config, log: config.Log, metrics: metrics.New(), clock: newClock(time.Now()), stopping: make(chan struct{}), asked: make(chan struct{}), startedMs: time.Now().UnixMilli()}
	if config.MetricsListen == MetricsOff {
		s.metrics = metrics.NewUntimed()
	}
	s.succession.done = make(chan struct{})
	if s.taken = out.taken; s.taken != nil {
		s.clock.continueFrom(s.taken.nowMs)
	}
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
	if err := s.openTracer(); err != nil {
		return err
	}
	if err := s.openStore(out); err != nil {
		return err
	}
	if err := s.openAuth(); err != nil {
		return err
	}
	if s.listeners, err = c.listeners(out.taken); err != nil {
		return &ListenError{"listen", c.Listen, err}
	}
	if s.metricsAside, err = openMetrics(c, out.taken); err != nil {
		return err
	}
	s.memory = newMemory(c.MemoryBound(), s.log, func() { s.edge.CutSlowReaders() })
	if out.readArrived == nil {
		out.readArrived = s.readArrived
	}
	if err := s.openICE(); err != nil {
		return err
	}
	if err := errors.Join(s.openAudit(), s.openWebhooks()); err != nil {
		return err
	}
	config := rooms.Config{
		Room: c.Room, MaxPerAddress: c.MaxRoomsPerAddress, MaxPendingBytes: c.MaxPendingBytes,
		Store: s.store, Clock: out.clock, Secret: out.secret, Hasher: out.hasher, Full: s.memory.full, ReadArrived: out.readArrived,
		ICE: seatICE{s}, Turned: out.turned, Check: out.check, Metrics: s.metrics, Tracer: s.tracer, Log: s.log, List: c.ListRooms,
		Observer: s.observer(), Version: c.Version,
	}
	s.sendOn(&config)
	s.setVerifiers(&config, out)
	s.openFlights(&config)
	if s.node != nil {
		config.Owner, config.Turned = s.node, s.node.Turned
	}
	if s.rooms, err = rooms.New(config); err != nil {
		return err
	}
	var reached edge.Rooms = localRooms{s.rooms}
	if s.node != nil {
		reached = s.node.Attach(cluster.Local{
			Rooms: s.rooms, Reached: reached, Tracer: s.tracer,
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
		Page: c.Page, ServeMetrics: c.MetricsListen == "", Auth: s.auth, Metrics: s.metrics, Tracer: s.tracer, Log: s.log,
	}
	if c.ListRooms {
		config.Lister = s.rooms
	}
	if out.auth != nil {
		config.Auth = out.auth
	}
	s.openAPI(reached, &config)
	if s.node != nil {
		config.OwnerAddress = s.node.OwnerAddress
		config.ClusterStatus, config.ClusterDrain = s.node.ServeStatus, s.node.DrainHandler()
		s.metrics.Register(s.node, cluster.MetricRows()...)
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
		config := c.Cluster.WithLog(s.log)
		if c.Webhook.URL != "" {
			config.MaxMessages = c.Webhook.Queue
		}
		node, err := cluster.Open(context.Background(), config)
		if err != nil {
			return err
		}
		s.node, s.store = node, node.Store()
		return nil
	}
	opened, err := openKept(c.DataDir, bolt.Options{
		MaxBytes: c.MaxStoreBytes, MaxMessages: c.Webhook.Queue, Log: s.log, OpenedMs: out.clock.Now().Ms, OnCommitFailed: s.metrics.CommitFailed,
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
	s.store, s.closeStore, s.unmapStore = opened, opened.Close, opened.Unmap
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
		s.webhooks.stop()
		if s.closeStore != nil {
			err = s.closeStore()
		}
		if s.audit != nil {
			err = errors.Join(err, s.audit.Close())
		}
		if s.node != nil {
			s.node.Close()
		}
		if lost := s.tracer.Close(); lost != nil {
			s.log.Warn("the last spans could not be sent", "error", lost)
		}
	})
	return err
}
