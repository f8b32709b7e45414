// Package stream keeps the rooms of a cluster in one replicated JetStream stream, USHER, and gives
// the nodes compare-and-set on their own keys and on the table of shards.
//
//	u.node.<id>                      a node's lease
//	u.table                          whose each shard is
//	u.room.<shard>.<base64url id>    a room's record, or a tombstone, gone after 24 h
//	u.meta                           JSON: format, count of shards, address-hash key; written once
//	u.probe                          written while nothing else is answered; NATS removes it
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
//	                   room is another's. Else nobody has seen that write: again, expecting N
//	10071, N smaller   the stream has lost what it acknowledged: again from memory, counted
//	none in 500 ms     unknown: the same bytes again, until one of the above
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
// # A record, version 1 (integers little endian)
//
//	0   1  version
//	1   1  flags: 1 complete (store.Record.Clean), 2 tombstone; of flags that it does not know, a
//	       reader ignores the lower four and refuses the record for the upper four
//	2   4  CRC-32C of the key and of everything but these 4 bytes
//	6   8  term
//	14  8  expiresAt, ms since 1970, 0 for never
//	22  8  creator, the keyed hash of the creator's network address
//	30  1  0
//	31  1  length of the incarnation, and then the incarnation
//	…   …  snapshot, up to the end
//
// A reader accepts all versions up to the one after its own, so that an upgrade can be rolled back
// by one version; the next version must keep this header.
package stream
