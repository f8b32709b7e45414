package bolt

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

const (
	storeFormat = 1
	// MinMaxBytes is the minimum of Options.MaxBytes: the file grows by 1 MiB and deletes have a
	// reserve.
	MinMaxBytes = 8 << 20

	defaultMaxMessages = 100_000
)

var (
	roomsBucket   = []byte("rooms")
	corruptBucket = []byte("corrupt")
	metaBucket    = []byte("meta")
	probeBucket   = []byte("probe")

	formatKey = []byte("format")
	secretKey = []byte("secret")
	cleanKey  = []byte("clean")
	probeKey  = []byte("probe")
)

// Options configures a store. The zero value is usable.
type Options struct {
	// MaxBytes bounds the file: 0 for no bound, otherwise at least MinMaxBytes. A room takes about
	// 1 KiB; a 64th is reserved for deletes.
	MaxBytes int64
	// MaxMessages bounds the messages that wait to be sent on. Default 100 000, some 40 MB.
	MaxMessages int
	// OpenedMs becomes the DroppedMs of the records that are loaded: this process's start, in ms
	// since 1970.
	OpenedMs int64
	// OnHealth is called from the writer goroutine with the error when the store turns unhealthy,
	// and with nil when it is healthy again. It must not block, nor close the store.
	OnHealth func(error)
	// OnCommit is called from the writer goroutine after each commit that succeeds, with how many
	// records it wrote and how long it took.
	OnCommit func(records int, took time.Duration)
	// OnCommitFailed is called in the same way after each commit that fails.
	OnCommitFailed func()
	// Log receives failures and recoveries, never an id or a snapshot. Default slog.Default().
	Log *slog.Logger

	lockWait   time.Duration // how long Open waits for another process
	probeEvery time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.MaxBytes != 0 && o.MaxBytes < MinMaxBytes {
		return o, fmt.Errorf("a bounded room store needs at least %d bytes, not %d", MinMaxBytes, o.MaxBytes)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.OnHealth == nil {
		o.OnHealth = func(error) {}
	}
	if o.OnCommit == nil {
		o.OnCommit = func(int, time.Duration) {}
	}
	if o.OnCommitFailed == nil {
		o.OnCommitFailed = func() {}
	}
	if o.MaxMessages == 0 {
		o.MaxMessages = defaultMaxMessages
	}
	if o.lockWait == 0 {
		o.lockWait = time.Second
	}
	if o.probeEvery == 0 {
		o.probeEvery = time.Second
	}
	return o, nil
}

// Open opens the store in dir, and creates both if they are missing. The caller must close it.
func Open(dir string, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	d, err := openDatabase(dir, false, options.lockWait)
	if err != nil {
		return nil, err
	}
	s := newStore(d, options)
	if err := s.prepare(dir); err != nil {
		d.close()
		return nil, err
	}
	go s.run()
	return s, nil
}

// prepare adds what a new store lacks.
func (s *Store) prepare(dir string) error {
	err := s.db.update(0, func(tx *bbolt.Tx) error {
		if err := s.db.checkPages(tx); err != nil {
			return err
		}
		if err := removeProbe(tx); err != nil {
			return err
		}
		for _, name := range [][]byte{roomsBucket, corruptBucket, metaBucket, messagesBucket, setAsideBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return s.db.damaged(err)
			}
		}
		s.stats.Corrupt = countKeys(tx.Bucket(corruptBucket))
		s.depth.Store(int64(countKeys(tx.Bucket(messagesBucket))))
		return s.prepareMeta(tx.Bucket(metaBucket))
	})
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// makeDir makes dir durably. An existing one is left as it is: its parent may not be ours to open.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(dir)))
}

func (s *Store) prepareMeta(meta *bbolt.Bucket) error {
	format, secret := meta.Get(formatKey), meta.Get(secretKey)
	if format == nil && secret == nil {
		rand.Read(s.secret[:])
		return errors.Join(meta.Put(formatKey, []byte{storeFormat}), meta.Put(secretKey, s.secret[:]))
	}
	if err := s.db.checkFormat(format); err != nil {
		return err
	}
	if len(secret) != len(s.secret) {
		return s.db.damaged(errors.New("it has no secret"))
	}
	copy(s.secret[:], secret)
	// both written by older versions
	return errors.Join(meta.Delete(cleanKey), meta.Delete(probeKey))
}

func (d *database) checkFormat(format []byte) error {
	switch {
	case bytes.Equal(format, []byte{storeFormat}):
		return nil
	case len(format) == 1 && format[0] > storeFormat:
		return fmt.Errorf("%s was written by a newer usher (format %d, this one knows %d)", d.path, format[0], storeFormat)
	default:
		return d.damaged(errors.New("it has no format"))
	}
}

func countKeys(b *bbolt.Bucket) (n int) {
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}
