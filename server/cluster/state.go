package cluster

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/cluster/stream"
	"usher/server/metrics"
	"usher/server/rooms"
)

// Node is this server's part in the cluster. Open makes it, Attach gives it the rooms, Run works,
// Drain hands the rooms over, and Close ends it.
type Node struct {
	config Config
	log    *slog.Logger
	broker *broker.Broker
	stream *stream.Stream
	frames *nats.Conn
	// forLinks is where other nodes connect, and direct carries frames then. Nil for NATS only.
	forLinks  net.Listener
	direct    *link.Direct
	transport link.Transport
	links     *link.Links
	local     Local
	clock     *clock
	// address is what balancers are told of this node, "" for nothing.
	address string

	// What is read without the lock: what lease has said.
	validUntil atomic.Int64 // by clock
	tenures    [lease.Shards]atomic.Pointer[tenure]
	places     [lease.Shards]atomic.Pointer[link.Place]
	// trouble is what the last check of the settings found, nil for nothing.
	trouble atomic.Pointer[error]

	mu      sync.Mutex
	lease   *lease.Node
	effects []lease.Effect
	timer   *time.Timer
	// running is set between Run's begin and Close.
	running bool
	// ending is set by Drain. drained is closed by Drained, and left by Left or by Evicted while
	// ending.
	ending        bool
	drained, left chan struct{}
	// asked is closed when an operator wants the node to stop.
	asked   chan struct{}
	asking  sync.Once
	touches touches
	// turns holds one when it may have become this node's turn, or no longer is: see RunInTurn.
	turns  chan struct{}
	counts counts
}

// counts are what the node itself counts.
type counts struct {
	handedOver, evicted, suspended, unknown atomic.Uint64
	// skew is how far the clock was ahead of that of the stream's leader at the last look, in ns.
	skew atomic.Int64
	// handOvers are how long hand-overs took.
	handOvers metrics.Histogram
}

// tenure is one term of this node for one shard. It implements rooms.Tenure.
type tenure struct {
	node    *Node
	shard   int
	term    stream.Term
	since   rooms.Moment
	leaving atomic.Bool // nobody may enter now
	over    atomic.Bool // nothing may be seen now
	// occupied is what lease was told: whether the rooms have connected people. The node's lock
	// guards it.
	occupied bool
}

// touches are tenures by when their records are to be looked at.
type touches struct {
	mu  sync.Mutex
	due []touch // the earliest first
}

type touch struct {
	tenure *tenure
	at     time.Time
}

// fetchTimeout bounds one read of the nodes and the table. lease asks again before, and takes the
// reply to either.
const fetchTimeout = 2500 * time.Millisecond
