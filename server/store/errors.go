package store

import "errors"

var (
	// ErrLocked is in what Open and OpenReadOnly return while another process has the store open.
	ErrLocked = errors.New("its rooms.db is locked")
	// ErrCorrupt is in what Load returns, once, for a record that was set aside.
	ErrCorrupt = errors.New("the record is corrupt")
	// ErrNewer is in what Load returns for a record that only a newer usher can read. It stays.
	ErrNewer = errors.New("the record was written by a newer usher")
	// ErrDamaged is in what is returned where the database file itself is broken.
	ErrDamaged = errors.New("the room store is damaged")
	// ErrFull is in what a save gets that would pass Options.MaxBytes.
	ErrFull = errors.New("the room store is full")
	// ErrOverloaded is what a save gets that would pass MaxQueuedBytes.
	ErrOverloaded = errors.New("too much is queued for the room store")
	// ErrClosed is what a closed store answers.
	ErrClosed = errors.New("the room store is closed")
)
