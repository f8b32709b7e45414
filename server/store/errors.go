package store

import "errors"

var (
	// ErrLocked is in the error of Open and OpenReadOnly while another process has the store open.
	ErrLocked = errors.New("its rooms.db is locked")
	// ErrCorrupt is in the error of Load, once, for a record that was set aside.
	ErrCorrupt = errors.New("the record is corrupt")
	// ErrNewer is in the error of Load for a record that only a newer usher can read. The record
	// stays.
	ErrNewer = errors.New("the record was written by a newer usher")
	// ErrDamaged is in the errors of a store whose database file is itself broken.
	ErrDamaged = errors.New("the room store is damaged")
	// ErrFull is in the error of a save that would exceed Options.MaxBytes.
	ErrFull = errors.New("the room store is full")
	// ErrOverloaded is the error of a save that would exceed MaxQueuedBytes.
	ErrOverloaded = errors.New("too much is queued for the room store")
	// ErrClosed is the error of a closed store.
	ErrClosed = errors.New("the room store is closed")
)
