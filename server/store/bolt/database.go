package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"usher/server/store"
)

const (
	fileName = "rooms.db"
	// mapBytes is address space, not memory. A smaller store is never mapped again, which would
	// make the writer wait for readers and readers for the writer.
	mapBytes = 256 << 20
	// growBytes is how much the file grows at a time. bbolt's own 16 MiB would be most of a small
	// MaxBytes.
	growBytes = 1 << 20
)

// database is a bbolt database that returns panics and memory faults as errors.
type database struct {
	db   *bbolt.DB
	path string
	file *os.File // belongs to bbolt
	// spare reports whether the disk can take this many more bytes: see probeDisk.
	spare func(bytes int64) error

	writing sync.Mutex            // around update: bbolt.DB.MaxSize is set for each transaction
	broken  atomic.Pointer[error] // set once: bbolt's locks may be held for ever
}

func openDatabase(dir string, readOnly bool, lockWait time.Duration) (*database, error) {
	d := &database{path: filepath.Join(dir, fileName)}
	d.spare = d.probeDisk
	if err := d.find(readOnly); err != nil {
		return nil, err
	}
	options := bbolt.Options{
		ReadOnly:        readOnly,
		Timeout:         lockWait,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapBytes,
		OpenFile: func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
			d.file, err = os.OpenFile(name, flag, perm)
			return d.file, err
		},
	}
	if readOnly || runtime.GOOS == "windows" { // Windows would grow the file to the mapping
		options.InitialMmapSize = 0
	}
	err := guard(func() (err error) {
		d.db, err = bbolt.Open(d.path, 0o600, &options)
		return err
	})
	if err != nil {
		if d.file != nil {
			// after a panic it is still open; its mapping keeps the lock as long as the process
			// lives
			d.file.Close()
		}
		return nil, d.explainOpen(dir, err)
	}
	d.db.AllocSize = growBytes
	return d, nil
}

// find creates the file if it is missing. An empty file is what a full disk or a failed copy leaves
// of a database, and bbolt would take it for a new one.
func (d *database) find(readOnly bool) error {
	info, err := os.Stat(d.path)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return d.damaged(errors.New("it is empty"))
	case !readOnly && errors.Is(err, fs.ErrNotExist):
		return d.create()
	}
	return err
}

// create makes an empty database under another name first, so that a process that is killed
// meanwhile leaves no incomplete one.
func (d *database) create() error {
	path := d.path + ".new"
	if err := initialize(path); err != nil {
		_ = os.Remove(path) // an incomplete one
		if err := initialize(path); err != nil {
			_ = os.Remove(path)
			return err
		}
	}
	// Unlike a rename, a link never replaces what another process has made meanwhile. Some file
	// systems have no links; then bbolt makes the file in place.
	_ = os.Link(path, d.path)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// initialize makes a database with nothing in it. Another process may do so at the same time:
// bbolt's lock orders the two.
func initialize(path string) error {
	return guard(func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
		if err != nil {
			return err
		}
		return db.Close()
	})
}

func (d *database) explainOpen(dir string, err error) error {
	var path *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("another usher is using %s: %w", dir, store.ErrLocked)
	case errors.As(err, &path), errors.As(err, &errno):
		return err
	default: // bbolt has no common error for what it finds in a file
		return d.damaged(err)
	}
}

func (d *database) damaged(err error) error {
	return fmt.Errorf("%w: %s: %w; stop usher, move the file away (or put a backup in its place) and start usher again",
		store.ErrDamaged, d.path, err)
}

// view runs fn in a read transaction. A fault in fn fails only this call, because other pages may
// be sound. A fault in bbolt's own code leaves its locks held.
func (d *database) view(fn func(*bbolt.Tx) error) error {
	if err := d.broken.Load(); err != nil {
		return *err
	}
	var tx *bbolt.Tx
	err := guard(func() (err error) {
		tx, err = d.db.Begin(false)
		return err
	})
	if err != nil {
		return d.explain(err, true)
	}
	err = guard(func() error { return fn(tx) })
	if rollbackErr := guard(tx.Rollback); rollbackErr != nil {
		return d.explain(rollbackErr, true)
	}
	return d.explain(err, false)
}

// update runs fn in one fsynced transaction that may grow the file to maxBytes, 0 for no bound.
func (d *database) update(maxBytes int64, fn func(*bbolt.Tx) error) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if err := d.broken.Load(); err != nil {
		return *err
	}
	d.db.MaxSize = int(maxBytes)
	return d.explain(guard(func() error { return d.db.Update(fn) }), true)
}

// explain turns bbolt's errors into this package's. fatal means that a fault ends all use of the
// database.
func (d *database) explain(err error, fatal bool) error {
	var fault faultError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &fault):
		err = d.damaged(err)
		if fatal {
			d.broken.CompareAndSwap(nil, &err)
		}
		return err
	case errors.Is(err, bbolterrors.ErrMaxSizeReached):
		return store.ErrFull
	case errors.Is(err, bbolterrors.ErrDatabaseNotOpen):
		return store.ErrClosed
	default:
		return err
	}
}

func (d *database) close() error {
	if d.broken.Load() != nil {
		// bbolt.DB.Close could wait for ever. The mapping, and with it the lock, stays
		return d.file.Close()
	}
	return d.explain(guard(d.db.Close), true)
}

// faultError is a panic or a memory fault that guard caught.
type faultError struct{ cause string }

func (e faultError) Error() string { return e.cause }

// guard calls fn. The file is mapped into memory, so reading a page that cannot be read, or that a
// truncated file no longer has, is a fault and not an error.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = faultError{fmt.Sprint(p)}
		}
	}()
	return fn()
}

// syncDir makes the entries of a folder durable; fsync of a file does not cover its name.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // a folder cannot be synced there
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
