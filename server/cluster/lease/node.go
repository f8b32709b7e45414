package lease

import "slices"

// Node is this node's part in the cluster. It is not safe for concurrent use.
type Node struct {
	config Config
	self   Incarnation
	phase  phase
	// request numbers the requests of all incarnations.
	request uint64
	timerMs int64

	// revision is that of the own key, as it is known; next the write under way on it, nil for
	// none. renewMs is when the next one is due.
	revision, counter uint64
	next              *write
	renewMs           int64
	// lookedUp: the own key has been fetched, so that it can be taken.
	lookedUp     bool
	validUntilMs int64
	valid        bool
	// ackedMs is when the last renewal was acked. judgeMs is before when nobody is evicted.
	ackedMs, judgeMs int64
	// draining was asked for; drainWritten says that the lease says so; drained was reported.
	draining, drainWritten, drained bool

	// floor is the highest sequence that this incarnation knows; an older reply is not believed.
	floor   uint64
	fetch   fetch
	peers   []peer // in the order of their ids
	badRows []unreadable
	// changedMs is when something other than a renewal was last seen.
	changedMs int64

	table         *Table // never nil, never changed
	tableRevision uint64
	// unreadableTable is the revision of a table that cannot be read. While it is the newest, none
	// is written.
	unreadableTable uint64
	// move is the write under way on the table, nil for none.
	move *write
	// looked: something was learned since the last proposal.
	looked bool
	shards [Shards]shard
	// freezing and stopped count the shards in these states. batchMs is when the first that has
	// stopped will not wait for the others any longer.
	freezing, stopped int
	batchMs           int64

	broken broken // for tests: the rules that it breaks
}

// phase is how far the incarnation is.
type phase uint8

const (
	idle    phase = iota // not Started
	taking               // the lease is not this incarnation's yet
	holding              // it is
	leaving              // it is being given back
	over                 // evicted, or left
)

// shard is a shard of this node. The zero shard is somebody else's.
type shard struct {
	// acting is the term in which it is valid while the lease is, 0 for none.
	acting   uint64
	term     uint64
	state    shardState
	occupied bool
}

type shardState uint8

const (
	foreign  shardState = iota
	owned               // and acting
	freezing            // acting, until the shell reports Frozen
	stopped             // not acting, until the table says whose it is
)

// peer is a node as its key was last fetched, this one among them.
type peer struct {
	Incarnation
	revision uint64
	// readAt is up to where the reply reached that had this record.
	readAt uint64
	record Record
	err    error
	// firstMs is when this revision was first seen, by this node's clock.
	firstMs int64
	// evictMs is when an eviction may be tried again; evict is its request.
	evictMs int64
	evict   uint64
	// joined was reported.
	joined bool
}

// lives reports whether the record is that of a living incarnation.
func (p *peer) lives() bool { return p.err == nil && !p.record.Evicted }

// unreadable is a key that was reported.
type unreadable struct {
	key      string
	revision uint64
}

// New returns a node that has not Started. The config must keep to its bounds.
func New(config Config) *Node {
	if !ValidID(config.ID) || len(config.Address) > MaxAddressBytes {
		panic("lease: the id or the address is out of bounds")
	}
	return &Node{config: config, table: &Table{}}
}

// Valid reports whether what this node does for a shard in a term may be seen now. It allocates
// nothing.
func (n *Node) Valid(nowMs int64, shard int, term uint64) bool {
	return n.shards[shard].acting == term && term != 0 && nowMs < n.validUntilMs
}

// Owner is who owns a shard by the newest table that is known, and in which term. here reports
// whether it is this node, which then may be handing it over. node is the zero Incarnation if
// nobody owns it or no table is known.
func (n *Node) Owner(shard int) (node Incarnation, term uint64, here bool) {
	p := n.table.Shards[shard]
	node = n.table.node(p.Owner)
	return node, p.Term, n.shards[shard].state != foreign
}

// Occupied reports whether a shard of this node has connected people, as it was told.
func (n *Node) Occupied(shard int) bool { return n.shards[shard].occupied }

// Self is the incarnation that Started made; it may be over.
func (n *Node) Self() Incarnation { return n.self }

// Peer is the record of a node's living incarnation, this node's too; false if it is not known to
// live.
func (n *Node) Peer(id string) (Record, bool) {
	if at, found := n.find(id); found && n.peers[at].lives() {
		return n.peers[at].record, true
	}
	return Record{}, false
}

// Each calls do with the record of every node that is known, in the order of their ids.
func (n *Node) Each(do func(id string, r Record)) {
	for i := range n.peers {
		if n.peers[i].err == nil {
			do(n.peers[i].ID, n.peers[i].record)
		}
	}
}

func (n *Node) find(id string) (int, bool) {
	return slices.BinarySearchFunc(n.peers, id, func(p peer, id string) int {
		return compare(Incarnation{ID: p.ID}, Incarnation{ID: id})
	})
}

// livesHere reports whether an incarnation lives, as far as is known.
func (n *Node) livesHere(who Incarnation) bool {
	at, found := n.find(who.ID)
	return found && n.peers[at].lives() && n.peers[at].Incarnation == who
}

func (n *Node) blocked() bool { return n.unreadableTable > n.tableRevision }

// gone reports whether an incarnation is proved to be over: its key, fetched no earlier than
// the table was written, says so. That the key is missing proves nothing.
func (n *Node) gone(who Incarnation) bool {
	at, found := n.find(who.ID)
	if !found || n.peers[at].err != nil {
		return false
	}
	p := &n.peers[at]
	if p.readAt < n.tableRevision && n.broken&oldLeases == 0 {
		return false
	}
	return p.Incarnation != who || p.record.Evicted
}

// step is one Step under way.
type step struct {
	*Node
	nowMs   int64
	event   Event
	effects []Effect
}

// maxAttempts is how many of its last attempts a write knows, those of a TTL. An earlier one's
// Acked is ignored as if it had been lost.
const maxAttempts = 12

// write is one conditional write, sent again with the same bytes until it is acked or the key is
// known to have another revision: an unknown outcome is not a failure.
type write struct {
	key      string
	expected uint64
	bytes    []byte
	attempts [maxAttempts]attempt
	tries    int
	againMs  int64
	// conflicted: the key has a higher revision, which has to be fetched before anything is sent.
	conflicted bool
	// lowerMs is since when the key has been said to have a lower revision, 0 for not.
	lowerMs int64
	// record and table are what bytes encode, according to key.
	record Record
	table  *Table
}

type attempt struct {
	request uint64
	sentMs  int64
}

// fetch is the reading of the records.
type fetch struct {
	// request is under way since sentMs, 0 for none. Earlier ones may be, too; taken is the last
	// whose reply was believed, or that an earlier incarnation sent.
	request, taken uint64
	sentMs         int64
	// wanted: at atMs at the latest; else a poll after the last request.
	wanted bool
	atMs   int64
}

// candidate reports whether a node may be given shards.
func (s *step) candidate(p *peer) bool { return p.lives() && !p.record.Draining }

// isRead reports whether a node was read no earlier than the table that is known: only such a one
// may be added to the next.
func (s *step) isRead(p *peer) bool {
	return p.readAt >= s.tableRevision || s.broken&nameUnread != 0
}

// allRead reports whether all nodes that seem to live were. One that can no longer be found,
// though it should have renewed, is not waited for.
func (s *step) allRead() bool {
	for i := range s.peers {
		if p := &s.peers[i]; p.lives() && !s.isRead(p) && s.nowMs < p.firstMs+s.silentMs() {
			return false
		}
	}
	return true
}
