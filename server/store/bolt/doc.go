// Package bolt keeps the snapshots of rooms on disk, in one bbolt database.
//
// Save and Delete queue and return; they never wait for the disk. One writer goroutine takes
// everything that is queued, commits it in one fsynced transaction and then calls each done, in the
// order of the calls (group commit). So "durable before visible" means: show a change only once its
// done was called with nil. After an error the change may or may not be on disk, and the caller
// gives up the room. Of several queued records of one id only the newest is written, and all their
// dones get its result.
//
// The store turns unhealthy when a write fails, and also when a write leaves a full store
// (Options.MaxBytes) too little room for the next ones. Later saves are still tried. A probe,
// written once a second and after each save that succeeds, makes the store healthy again: it is as
// large as the write that failed and as a large room. A full store still commits deletes, from a
// reserve, so it gets room again without help.
//
// A record that cannot be read is moved to the bucket "corrupt" and reported once, with ErrCorrupt;
// the other rooms go on. bbolt has no checksums for its pages and panics if they are damaged, and
// the kernel raises SIGBUS if they cannot be read. So Open checks the numbers in all of them first,
// and whatever it finds, like any panic or fault, becomes ErrDamaged. After a fault in a
// transaction's own code nothing more is read or written until a person has dealt with the file;
// its lock then lasts as long as the process.
//
// # Layout
//
//	DIR             0700
//	DIR/rooms.db    0600, locked (flock) by the process that has it open
//	  rooms         id → record
//	  corrupt       time set aside (ms, 8 bytes, big endian), id → the bytes found; the newest
//	                1 000
//	  messages      what is to be sent on, see appendMessage
//	  set-aside     messages that could not be sent, likewise; the newest 1 000
//	  meta          format: 1 byte, 1
//	                secret: 32 random bytes, made with the store
//	                clean, probe: of older versions, removed
//	  probe         there for a moment while the store heals
//	DIR/rooms.db.probe  likewise
//
// A record, version 2 (integers little endian):
//
//	0   1  version, 2; 1 is the same without flags
//	1   1  flags: 1 is Record.Clean; a reader ignores what it does not know of the lower four, and
//	       refuses the record for what it does not know of the upper four
//	2   4  CRC-32C of the id and of everything but these 4 bytes
//	6   8  expiresAt, ms since 1970, 0 for never
//	14  8  creator, the keyed hash of the creator's network address
//	22  …  snapshot, up to the end
//
// A reader accepts all versions up to the one after its own, so that an upgrade can be rolled back
// by one version; the next version must keep this header. A record that is newer still is left in
// place and reported with ErrNewer. A store whose format is newer is refused as a whole.
package bolt
