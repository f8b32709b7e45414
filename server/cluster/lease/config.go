package lease

// Shards is how many shards the rooms hash to. It is a promise of the stored format.
const Shards = 1024

// MaxIDBytes bounds a node's id, MaxAddressBytes its HTTP address, and MaxNodes the nodes that one
// table can name.
const (
	MaxIDBytes      = 64
	MaxAddressBytes = 255
	MaxNodes        = 255
)

// Config is what a node is and how long it waits. All nodes of a cluster must agree on TTLMs.
type Config struct {
	// ID is the node's name, kept in its data folder: ValidID holds for it.
	ID string
	// Address is host:port of the node's HTTP server, for affinity, at most MaxAddressBytes.
	Address string
	// MinWire and MaxWire are the versions of the messages between nodes that it speaks.
	MinWire, MaxWire uint8

	// TTLMs is how long a lease lasts from the moment before its write was sent; 3000.
	TTLMs int64
	// RenewMs is how often it is renewed; 500, which leaves an election 2.5 s.
	RenewMs int64
	// HolderMarginMs is how much earlier the holder stops, and EvictorMarginMs how much longer an
	// evictor waits; 50 and 500. Together they must exceed what two clocks differ in over TTLMs.
	HolderMarginMs, EvictorMarginMs int64
	// GraceMs is for how long nobody is evicted after this node's own renewals had been without an
	// answer: the store may have taken nobody's. 400, an attempt of every other node, which is made
	// each ReplyMs, and 150 ms for it to be stored. Whoever was stored is not evicted, because an
	// eviction expects the revision that was seen.
	GraceMs int64
	// PollMs is how often the records are fetched, and SteadyPollMs how often while they show
	// nothing but renewals in time; 250 and 500.
	PollMs, SteadyPollMs int64
	// ReplyMs is when a request without a reply is sent again; 250. After an election it is what
	// a renewal waits for, and an earlier attempt's reply still counts.
	ReplyMs int64
	// RetryMs is when a request that failed, or that a replica behind answered, is sent again; 20.
	RetryMs int64
	// RetireMs is how long the record of an incarnation that is over stays; 600_000.
	RetireMs int64
	// BatchShards is how many shards are handed over in one write; 32.
	BatchShards int
	// BatchMs is how long the first shard that has stopped waits for the rest of its batch; 100.
	BatchMs int64
}

// DefaultConfig is what the cluster was measured with.
func DefaultConfig(id string) Config {
	return Config{
		ID: id, MinWire: 1, MaxWire: 1,
		TTLMs: 3000, RenewMs: 500, HolderMarginMs: 50, EvictorMarginMs: 500, GraceMs: 400,
		PollMs: 250, SteadyPollMs: 500, ReplyMs: 250, RetryMs: 20, RetireMs: 600_000,
		BatchShards: 32, BatchMs: 100,
	}
}

// ValidID reports whether an id may name a node: letters, digits, '-' and '_', which every store
// takes as a part of a key.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxIDBytes {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// ShardOf is the shard of a room, the same on every node and in every version.
func ShardOf(roomID string) int {
	hash := uint64(14695981039346656037) // FNV-1a
	for i := range len(roomID) {
		hash = (hash ^ uint64(roomID[i])) * 1099511628211
	}
	return int((hash ^ hash>>32) % Shards)
}
