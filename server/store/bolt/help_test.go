package bolt

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// open opens a store that probes often and gives up on a lock soon.
func open(t testing.TB, dir string, options Options) *Store {
	t.Helper()
	s, err := Open(dir, quick(options))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func quick(options Options) Options {
	if options.lockWait == 0 {
		options.lockWait = 60 * time.Millisecond
	}
	if options.probeEvery == 0 {
		options.probeEvery = 10 * time.Millisecond
	}
	options.Log = slog.New(slog.DiscardHandler)
	return options
}

// save waits until r is durable.
func save(t testing.TB, s *Store, id string, r store.Record) {
	t.Helper()
	if err := trySave(s, id, r); err != nil {
		t.Fatal(err)
	}
}

func trySave(s *Store, id string, r store.Record) error {
	done := make(chan error, 1)
	s.Save(id, r, func(err error) { done <- err })
	return <-done
}

func tryDelete(s *Store, id string) error {
	done := make(chan error, 1)
	s.Delete(id, func(err error) { done <- err })
	return <-done
}

func wantRecord(t testing.TB, s *Store, id string, want store.Record) {
	t.Helper()
	got, found, err := s.Load(id)
	if err != nil || !found {
		t.Fatalf("Load(%q): found %v, %v", id, found, err)
	}
	if got.ExpiresAtMs != want.ExpiresAtMs || got.Creator != want.Creator || !bytes.Equal(got.Snapshot, want.Snapshot) {
		t.Fatalf("Load(%q) = %v, want %v", id, got, want)
	}
}

func wantNone(t testing.TB, s *Store, id string) {
	t.Helper()
	if _, found, err := s.Load(id); found || err != nil {
		t.Fatalf("Load(%q): found %v, %v", id, found, err)
	}
}

type allReader interface {
	All(ctx context.Context, fn func(id string, r store.Record) error) error
}

// contents returns id → snapshot of all records.
func contents(t testing.TB, s allReader) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.All(context.Background(), func(id string, r store.Record) error {
		all[id] = string(r.Snapshot)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// hold keeps the writer in a done until release is called, so that what is queued meanwhile is one
// batch.
func hold(s *Store) (release func()) {
	held, released := make(chan struct{}), make(chan struct{})
	s.Delete("hold", func(error) { close(held); <-released })
	<-held
	return func() { close(released) }
}

// edit changes the database of a closed store with bbolt itself.
func edit(t testing.TB, dir string, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func text(s string) store.Record { return store.Record{Snapshot: []byte(s)} }
