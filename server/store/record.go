package store

import "context"

// MaxIDBytes is the longest id that a store must accept.
const MaxIDBytes = 1024

// Record is what a store keeps for one room.
type Record struct {
	// ExpiresAtMs is when the record may be dropped without being loaded, in ms since 1970. 0 means
	// never.
	ExpiresAtMs int64
	// Creator is for counting the rooms of one network address. A store does not use it.
	Creator uint64
	// Clean is set if the snapshot is the room's last state in a process that stopped cleanly.
	Clean bool
	// Snapshot is the room's state, opaque to the store.
	Snapshot []byte

	// DroppedMs comes with a record that is loaded and is not saved. It is when the connections of
	// the room's last owner dropped, at least from the view of its clients: if that was another
	// process, it is when this one could take them.
	DroppedMs int64
	// Term comes with Load, even if there is no record, from a store that several nodes share: it
	// is the term in which this node owns the room. A record is saved in its term or not at all. 0
	// for a store that has one owner.
	Term uint64
}

// Expired reports whether the record has expired.
func (r *Record) Expired(nowMs int64) bool { return r.ExpiresAtMs != 0 && r.ExpiresAtMs <= nowMs }

// Store keeps the records of rooms. Its methods may be called from any goroutine. Package storetest
// has the tests that every Store must pass.
type Store interface {
	// Load returns a copy of id's record and whether it exists. What was saved before is seen, even
	// while it waits for its commit. The error contains ErrCorrupt, once, for a record that was set
	// aside, and ErrNewer if only a newer usher can read it. Load may wait for a disk or a network.
	Load(id string) (Record, bool, error)
	// Save stores r, of which it keeps nothing when it returns; it never waits. done (which may be
	// nil) is called once, with nil if r, or a newer record of id, is durable. After an error the
	// change may or may not be stored. The dones of an id are called in the order of the calls.
	// They must not block.
	Save(id string, r Record, done func(error))
	// Delete removes id's record, if one exists, with the same promises as Save.
	Delete(id string, done func(error))
	// All calls fn for each record, in any order, until fn returns an error or ctx is done.
	// r.Snapshot is valid only during the call. Rooms that are saved or deleted meanwhile may be
	// seen or not.
	All(ctx context.Context, fn func(id string, r Record) error) error
	// RemoveExpired deletes the records that have expired at nowMs and returns their ids.
	RemoveExpired(nowMs int64) (removed []string, err error)
	// Flush waits until everything that was saved or deleted before is durable or has failed, and
	// the dones have been called.
	Flush()
	// Accepts reports whether new saves are welcome. Otherwise they are still tried.
	Accepts() bool
	// Secret returns 32 random bytes that were made with the store and stay the same for its life:
	// the key for hashing network addresses.
	Secret() [32]byte
}
