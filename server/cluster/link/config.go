package link

import (
	"log/slog"
	"time"

	"usher/server/edge"
)

const (
	// BeatInterval is the time between two beats.
	BeatInterval = 500 * time.Millisecond
	// BeatsMissed is after how many intervals in which nothing came a link breaks: it has been
	// silent for 2 to 2.5 s then. Time in which this node did not run does not count.
	BeatsMissed = 4
	// MaxUnacknowledged bounds what has been sent over a link and not been handled, in bytes.
	MaxUnacknowledged = 8 << 20
	// personShare is the part of what is left of MaxUnacknowledged that one person may have.
	personShare = 4
	// acknowledgeBytes is how much is handled before it is acknowledged without waiting for a beat.
	acknowledgeBytes = 256 << 10
	// MaxNodes bounds the nodes that this one has links with.
	MaxNodes = 255
	// MaxSockets bounds the connections that one node may have to rooms of this one.
	MaxSockets = 1 << 17
	// maxUnderWay bounds the calls under way for one other node: at the owner, rooms that are
	// opened or described; at the edge, questions that wait for a reply.
	maxUnderWay = 1 << 12
	// forgetTicks is how long a node is remembered that nothing but its messages told of.
	forgetTicks = 60
	// OpenTimeout is how long the edge waits for the owner to open or describe a room. To open one,
	// it also waits within that time until the room has an owner: a death is noticed earlier.
	OpenTimeout = 5 * time.Second
	// MaxWaiting bounds the handshakes that wait for a room to have an owner. Each keeps a
	// goroutine and net/http's buffers, and all come to the next owner at once, which opens no more
	// for one node.
	MaxWaiting = maxUnderWay
	// openAgain is when a room whose owner has not changed is tried again.
	openAgain = 250 * time.Millisecond
	// readTimeout is how long the owner waits for an edge to read what has arrived. The edge's own
	// bound is 1 s.
	readTimeout = 1500 * time.Millisecond
)

// Place is where a room is, by the newest table that this node knows.
type Place struct {
	// Shard is below Config.Shards.
	Shard int
	// Term is the term of the owner.
	Term uint64
	// Owner is the zero Incarnation if nobody owns the shard.
	Owner Incarnation
	// Here: this node owns it, and may act for it or will be able to soon.
	Here bool
}

// Move is a shard that has another owner than before, or a later term.
type Move struct {
	Shard int
	Term  uint64
}

// Config is what links need. All fields but Wire must be set.
type Config struct {
	// Transport carries messages.
	Transport Transport
	// Local are the rooms that this node owns. They must call Links.Turned (rooms.Config.Turned).
	Local edge.Rooms
	// Place says where a room is. It must not block, nor call Links.
	Place func(roomID string) Place
	// ReadArrived returns once everything that has arrived for these sockets of this node's edge
	// has been Received: Edge.ReadArrived.
	ReadArrived func([]edge.Socket)
	// Wire is what this node speaks, Spoken if it is zero.
	Wire Wire
	// Shards is how many shards there are, at most 65 536.
	Shards int
	// Log receives nothing that identifies a client or a room.
	Log *slog.Logger
}

// itemBytes is what an item counts in addition to its frame.
const itemBytes = 32
