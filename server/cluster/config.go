package cluster

import (
	"log/slog"
	"time"

	"usher/server/cluster/broker"
	"usher/server/cluster/link"
	"usher/server/edge"
	"usher/server/rooms"
	"usher/server/tracing"
)

// Config is what a node needs. Either Embedded or External must be set.
type Config struct {
	// Embedded is a nats-server in this process.
	Embedded *broker.Config
	// External is NATS servers that an operator runs.
	External *broker.External
	// Address is host:port by which balancers reach this node's HTTP server. "" means that Listen
	// says where that is, if it does.
	Address string
	// LinkListen is where other nodes connect to this one for frames, as host:port or :port. ""
	// means that frames to this node, and from it, go over NATS. With External it needs a host, and
	// all files of its TLS.
	LinkListen string
	// Listen is where this node's HTTP server listens, as host:port or :port.
	Listen string
	// StartTimeout is how long a majority of the nodes may take to come. 0 means 2 min.
	StartTimeout time.Duration
	// SeatGrace is how long the seat of somebody who has dropped is held: room.Config.SeatGraceMs.
	SeatGrace time.Duration
	// MaxMessages is how many messages of rooms may wait to be sent; 0 means that none are kept.
	MaxMessages int
	// Log receives nothing that identifies a client or a room.
	Log *slog.Logger

	// wire is what a node of another release speaks in tests, zero for what this one does.
	wire link.Wire
	// boot is a clock of tests in the place of the system's boot time.
	boot func() int64
	// wall is a wall clock of tests, nil for the system's.
	wall func() time.Time
	// retire is how long the records of dead nodes stay in tests, 0 for as long as ever.
	retire time.Duration
}

// Check returns a *broker.Error if the settings cannot work.
func (c *Config) Check() error {
	if _, err := c.address(); err != nil {
		return err
	}
	if c.LinkListen != "" {
		if err := c.checkLinkListen(); err != nil {
			return err
		}
	}
	if c.External != nil {
		return c.External.Check()
	}
	if c.Embedded == nil {
		return nil
	}
	if peers := c.Embedded.Peers; len(peers) == 1 { // which Open takes, for tests
		return &broker.Error{Kind: broker.ErrPeers, Problem: peers[0] + " is the only one",
			Hint: "name three or five nodes, this one included; a single node needs no cluster settings"}
	}
	return c.Embedded.Check()
}

// WithLog returns a copy that logs to log, in the broker too.
func (c Config) WithLog(log *slog.Logger) Config {
	c.Log = log
	if c.Embedded != nil {
		embedded := *c.Embedded
		embedded.Log = log
		c.Embedded = &embedded
	}
	if c.External != nil {
		external := *c.External
		external.Log = log
		c.External = &external
	}
	return c
}

// Local is the node's own part of the server.
type Local struct {
	// Rooms are the rooms that this node owns.
	Rooms *rooms.Rooms
	// Reached is the same rooms, for a link, which is an edge to them.
	Reached edge.Rooms
	// ReadArrived is Edge.ReadArrived.
	ReadArrived func([]edge.Socket)
	// Tracer makes spans of hand-overs, nil for none.
	Tracer *tracing.Tracer
}
