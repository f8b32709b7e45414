package lease

// EventKind is what happened.
type EventKind uint8

// The events. Each names the fields of Event that it reads.
const (
	// Started: the process started, or it has dropped all rooms after Evicted. Nonce. The shell
	// holds the lock of the data folder, so no other process has this node's id. It is the first
	// event, and the only one that has a meaning after Evicted and Left.
	Started EventKind = iota + 1
	// TimerFired: the time of the last SetTimer has come.
	TimerFired
	// Acked: a Put was stored. Request, Revision (its stream sequence). It may come late.
	Acked
	// Conflicted: a Put was refused because its key has another revision. Request, Revision (the
	// key's, 0 if it has none).
	Conflicted
	// Failed: a Put or Fetch ended in any other way: a time-out, no leader, another write in
	// process. A Put may have been stored all the same. Request. A shell need not report it.
	Failed
	// Fetched: a Fetch was answered. Request, Revision (the sequence up to which the answering
	// replica had seen the stream), Records.
	Fetched
	// Hinted: another node has written something that this one should fetch.
	Hinted
	// Occupied: a shard that this node owns has connected people now, or has none any more.
	// Shard, Occupied. Own resets it to none.
	Occupied
	// Frozen: after HandOver, all of a shard's rooms stand still, all their commits are done and
	// their last states are stored with the complete flag. Shard, Term.
	Frozen
	// DrainAsked: this node shall hand everything over.
	DrainAsked
	// Stopped: the shell has saved and dropped all rooms and wants the lease given back, so that
	// other nodes need not wait for it to expire.
	Stopped
)

// Event is one thing that happened. All of it may be reused when Step returns.
type Event struct {
	Kind     EventKind
	Occupied bool
	Shard    int
	Request  uint64
	Revision uint64
	Term     uint64
	// Nonce is fresh randomness, never 0 and never used before with this id.
	Nonce uint64
	// Records are the table's and all nodes' that the answering replica had, of one moment, in any
	// order. One that is missing proves nothing.
	Records []Stored
}

// Stored is one key with its newest value.
type Stored struct {
	Key string
	// Revision is the stream sequence of the value.
	Revision uint64
	Bytes    []byte
}

// TableKey is the key of the table, and NodePrefix begins the key of a node's lease, which its id
// ends.
const (
	TableKey   = "table"
	NodePrefix = "node."
)
