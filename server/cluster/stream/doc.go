// Package stream keeps the rooms of a cluster in one replicated JetStream stream, USHER, and gives
// the nodes compare-and-set on their own keys and on the table of shards.
//
//	u.node.<id>                      a node's lease
//	u.table                          whose each shard is
//	u.room.<shard>.<base64url id>    a room's record, or a tombstone, gone after 24 h
//	u.meta                           JSON: format, count of shards, address-hash key; written once
//	u.probe                          written to learn what a majority has; NATS removes it
//	u.corrupt.<shard>.<base64url id> a record that could not be read, for 30 days
//
// # Writes
//
// Each write expects the key's revision, which is the sequence of its last write. A room has one
// write under way; of the snapshots that wait behind it only the newest is kept.
//
//	acknowledged       durable on a quorum
//	10164              another is in process: again
//	10071, N greater   read it. Our bytes: an earlier try, done. A higher term: fenced, the
//	                   room is another's. Else nobody has seen that write, or this node forgot it
//	                   with a later one that failed: again, expecting N, and with its outbox
//	10071, N smaller   write u.probe, then read the record from a server that has that. If it is
//	                   older too, the stream has lost what it acknowledged: if another node has
//	                   written since, fenced; else again from memory, counted. Else a deposed
//	                   leader said so: again
//	none in 500 ms     unknown: the same bytes again, until one of the above; for a while after a
//	                   reply that came too late, none in 2 s
//
// Unknown is not failed. After 2 s Healthy is false, so that changes are refused while relays go
// on; after 15 s the room is given up with ErrUnknown. Whoever loads it then claims it, so that the
// write, should it still arrive, is refused.
//
// # Loads
//
// Any server may answer a read, so a reply is believed only if it has come as far as the highest
// sequence that this node knows, from acknowledgements, conflicts, earlier reads and the table. A
// record is written back in this node's term before Load returns it: from then on no earlier owner
// can write, because each expects an older revision. The design restores the room first; here the
// claim comes first, because it changes nothing in the snapshot and makes Load safe for whoever
// calls it. A claim that finds another record than the one that was loaded loads again. No claim is
// needed for a record that this node wrote itself in this term, knowing the outcome.
//
// # Messages
//
// What the changes of a room have to say (store.Queue) is in the room's record, its outbox, until
// its owner has moved it into the stream USHER_WEBHOOKS:
//
//	u.webhook.<shard>.<base64url id>  in USHER_WEBHOOKS: those that wait
//	u.aside.<shard>.<base64url id>    in USHER_WEBHOOKS_ASIDE: those that were set aside
//	u.queued                          in none: the sequence of one that was moved
//
// The outbox of a write is what the room has not moved by then, so each write has what those before
// it had left. Once a write is stored, and while the lease is valid, its messages are moved one by
// one. The queue knows their ids for 2 min: a move whose outcome is unknown is tried again, and so
// is one that an earlier owner may have made. The next write of the room is without what was moved.
// Without a next one within 20 s the record is written back without it, and a tombstone at once:
// before that it does not expire. Load and Deadlines take over the outboxes of earlier owners, by a
// claim. A node without a queue carries them on.
//
// # A record, version 1 (integers little endian)
//
//	0   1  version
//	1   1  flags: 1 complete (store.Record.Clean), 2 tombstone, 16 outbox; of flags that it does
//	       not know, a reader ignores the lower four and refuses the record for the upper four
//	2   4  CRC-32C of the key and of everything but these 4 bytes
//	6   8  term
//	14  8  expiresAt, ms since 1970, 0 for never
//	22  8  creator, the keyed hash of the creator's network address
//	30  1  0
//	31  1  length of the incarnation, and then the incarnation
//	…   …  with an outbox: 4 bytes, its length, and then its messages (message.go)
//	…   …  snapshot, up to the end
//
// A reader accepts all versions up to the one after its own, so that an upgrade can be rolled back
// by one version; the next version must keep this header.
package stream
