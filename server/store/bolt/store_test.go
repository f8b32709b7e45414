package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

func TestRecordsSurviveReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	want := store.Record{ExpiresAtMs: 123, Creator: 456, Snapshot: []byte("film night")}
	save(t, s, "kept", want)
	save(t, s, "deleted", text("x"))
	if err := tryDelete(s, "deleted"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	wantRecord(t, s, "kept", want)
	wantNone(t, s, "deleted")
	wantNone(t, s, "never saved")
	wantNone(t, s, "")
}

func TestCloseCommitsWhatIsQueued(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	reports := 0
	for i := range 100 {
		s.Save(fmt.Sprint("room-", i), text("x"), func(err error) {
			if err == nil {
				reports++
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if reports != 100 {
		t.Fatalf("%d of 100 dones before Close returned", reports)
	}
	if n := len(contents(t, open(t, dir, Options{}))); n != 100 {
		t.Fatalf("%d of 100 rooms stored", n)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, _, loadErr := s.Load("a")
	_, expireErr := s.RemoveExpired(1)
	allErr := s.All(context.Background(), func(string, store.Record) error { return nil })
	for i, err := range []error{trySave(s, "a", text("x")), tryDelete(s, "a"), loadErr, expireErr, allErr} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	s.Save("a", text("x"), nil)
	s.Stats()
}

func TestOneProcessHasTheStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	save(t, s, "a", text("x"))
	if _, err := Open(dir, quick(Options{})); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("second Open: %v", err)
	}
	if _, err := openReadOnly(dir, quick(Options{}).lockWait); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("OpenReadOnly beside a server: %v", err)
	} else if want := "another usher is using " + dir + ": its rooms.db is locked"; err.Error() != want {
		t.Fatalf("got %q, want %q", err, want)
	}
	s.Close()

	first, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := contents(t, second); !maps.Equal(got, map[string]string{"a": "x"}) {
		t.Fatalf("read %v", got)
	}
	if _, err := Open(dir, quick(Options{})); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("Open beside a reader: %v", err)
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing store: %v", err)
	}
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(dir); !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("empty file: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Fatalf("the empty file was written to: %v", err)
	}
}

// A first start that was killed, or met a full disk, may have left part of a database under the
// other name.
func TestNewStoreIsMadeWholeOrNotAtAll(t *testing.T) {
	for _, left := range []string{"", "half a page", strings.Repeat("x", 1<<16)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName+".new"), []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, Options{})
		save(t, s, "a", text("x"))
		if names := filesIn(t, dir); !slices.Equal(names, []string{fileName}) {
			t.Errorf("the folder has %v", names)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestProcessesThatMakeTheSameStoreAtOnceUseOneFile(t *testing.T) {
	for range 8 {
		dir := t.TempDir()
		opened := make(chan error)
		for range 4 {
			go func() {
				s, err := Open(dir, quick(Options{lockWait: 5 * time.Second}))
				if err == nil {
					err = trySave(s, "a", text("x"))
					s.Close()
				}
				opened <- err
			}()
		}
		for range 4 {
			if err := <-opened; err != nil {
				t.Error(err)
			}
		}
		if names := filesIn(t, dir); !slices.Equal(names, []string{fileName}) {
			t.Errorf("the folder has %v", names)
		}
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er")
	open(t, dir, Options{})
	for path, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Join(dir, fileName): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
}

func TestSecretStays(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	secret := s.Secret()
	if secret == [32]byte{} || secret == open(t, t.TempDir(), Options{}).Secret() {
		t.Fatal("the secret is not random")
	}
	s.Close()
	if open(t, dir, Options{}).Secret() != secret {
		t.Fatal("the secret changed")
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(formatKey, []byte{2}) })
	const want = " was written by a newer usher (format 2, this one knows 1)"
	if _, err := Open(dir, quick(Options{})); err == nil || err.Error() != filepath.Join(dir, fileName)+want {
		t.Fatalf("Open: %v", err)
	}
	if _, err := OpenReadOnly(dir); err == nil {
		t.Fatal("OpenReadOnly read it")
	}
}

func TestSmallBoundIsRefused(t *testing.T) {
	if _, err := Open(t.TempDir(), Options{MaxBytes: MinMaxBytes - 1}); err == nil {
		t.Fatal("opened")
	}
}
