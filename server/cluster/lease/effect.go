package lease

// EffectKind is what the shell has to do.
type EffectKind uint8

// The effects. Each names the fields of Effect that it sets.
const (
	// Put: store Bytes under Key if the key's revision is Expected, 0 if it must have none; never
	// without that condition. The store forgets the key TTLMs later, unless it is written again; 0
	// is never. Request. Answer by Acked, Conflicted or Failed, once or not at all. Send it at once
	// or never: it must not wait in the buffer of a lost connection. Bytes is never changed again.
	Put EffectKind = iota + 1
	// Fetch: get TableKey and all keys with NodePrefix, in one request of one replica. Request.
	// AtLeast is the sequence that the reply must have reached; an older one is fetched again.
	Fetch
	// SetTimer: send TimerFired at AtMs, and forget the timer set before. 0 sets none.
	SetTimer
	// ValidUntil: what this node owns is valid while the clock is before AtMs. 0: not any more.
	ValidUntil
	// Suspended: the lease has expired, and the node is not evicted. Rooms are stepped, and what
	// they send waits; nothing is claimed. Valid knew it before.
	Suspended
	// Resumed: the lease is valid, for the first time or again. It follows its ValidUntil: what
	// waited may go out.
	Resumed
	// Own: this node owns Shard in Term. Load its rooms, each with a claim, as they are asked for,
	// while Valid.
	Own
	// HandOver: freeze Shard in Term: take no further step of its rooms, let nobody enter, wait for
	// their commits, send what waited for these, and save their last states with the complete
	// flag; then report Frozen. A room that cannot be saved is given up; that must not delay Frozen
	// for ever. Node is who gets the shard.
	HandOver
	// Stop: Shard in Term is not valid any more; nothing of it may be sent. Its people stay
	// connected until Lose. It precedes the Put that gives the shard away.
	Stop
	// Lose: Shard in Term is no longer this node's, for Reason: drop its rooms and close their
	// people with 1012. If Reason is Aborted, an Own for the same shard and term follows.
	Lose
	// Moved: Shard is Node's in Term; Node is nobody's if none owns it. It is sent for every shard
	// whose owner has changed and is not this node, after all Own and Lose of the same table.
	Moved
	// Joined: Node lives. Gone: it does not any more: break its links. An incarnation comes and
	// goes once. Neither is sent for this node.
	Joined
	Gone
	// Evicted: this incarnation is over, for Reason. Valid is false already. Drop all rooms, close
	// all sockets with 1012, then send Started with a new Nonce. No Lose, and nothing else but
	// SetTimer, follows.
	Evicted
	// Drained: after DrainAsked, nothing more will be handed over: this node owns nothing, or
	// nobody else could. Save what is left with the complete flag, then send Stopped.
	Drained
	// Left: the lease is given back; the process may end.
	Left
	// Hint: tell all other nodes, which get Hinted.
	Hint
	// Unreadable: Key cannot be decoded, for Err. It is reported once a revision, for the log and
	// the metrics.
	Unreadable
)

// Reason is why something was lost.
type Reason uint8

// The reasons.
const (
	// HandedOver: by this node's own write.
	HandedOver Reason = iota + 1
	// Aborted: nobody wants the shard after all; this node owns it as before.
	Aborted
	// Taken: others judged this incarnation dead.
	Taken
	// StoreLost: the store has lost what it acknowledged, so nothing that was read is sure.
	StoreLost
)

// Effect is one thing that the shell has to do, in order.
type Effect struct {
	Kind     EffectKind
	Reason   Reason
	Shard    int
	Term     uint64
	AtMs     int64
	Request  uint64
	Expected uint64
	AtLeast  uint64
	TTLMs    int64
	Key      string
	Bytes    []byte
	Node     Incarnation
	Err      error
}
