package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/server/store"
)

// soundFile is the file of a closed store with rooms on several pages.
func soundFile(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for i := range 100 {
		s.Save(fmt.Sprintf("room-%03d", i), store.Record{Snapshot: make([]byte, 500)}, nil)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func dirWith(t testing.TB, file []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDamagedFileIsToldToAPerson(t *testing.T) {
	sound := soundFile(t)
	page := os.Getpagesize()
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"empty", nil},
		{"not a database", bytes.Repeat([]byte("no database\n"), 5000)},
		{"zeros", make([]byte, len(sound))},
		{"half a page", sound[:page/2]},
		{"the first page", sound[:page]},
		{"two pages", sound[:2*page]},
		{"no pages but the meta pages", append(bytes.Clone(sound[:2*page]), make([]byte, len(sound)-2*page)...)},
		{"garbage after the meta pages", append(bytes.Clone(sound[:2*page]), bytes.Repeat([]byte{0xa5}, len(sound)-2*page)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(dirWith(t, c.file), quick(Options{}))
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "move the file away") {
				t.Fatalf("got %v", err)
			}
			r, err := OpenReadOnly(dirWith(t, c.file))
			if err == nil { // it reads less, and may find the damage later
				err = r.All(context.Background(), func(string, store.Record) error { return nil })
				r.Close()
			}
			if !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("reader: %v", err)
			}
		})
	}
}

// TestDamagedPagesNeverPanic changes bytes anywhere; the store must end each call, rightly or with
// an error.
func TestDamagedPagesNeverPanic(t *testing.T) {
	sound := soundFile(t)
	overlong := bytes.Clone(sound)
	for page := 2; page < len(sound)/os.Getpagesize(); page++ {
		overlong[page*os.Getpagesize()+15] = 0xff
	}
	if _, err := Open(dirWith(t, overlong), quick(Options{})); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("overlong pages: %v", err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		file := bytes.Clone(sound)
		for range 1 + random.IntN(40) {
			// Most bytes of the pages' heads matter, most others do not.
			at := random.IntN(len(file)/os.Getpagesize())*os.Getpagesize() + random.IntN(100)
			file[at] = byte(random.Uint32())
		}
		s, err := Open(dirWith(t, file), quick(Options{}))
		if err != nil {
			continue
		}
		s.RemoveExpired(1)
		s.All(context.Background(), func(string, store.Record) error { return nil })
		s.Load("room-050")
		trySave(s, "room-050", text("x"))
		tryDelete(s, "room-051")
		s.Close()
	}
}

// TestFaultWhileRunningStopsWriting cuts the file under a running store.
func TestFaultWhileRunningStopsWriting(t *testing.T) {
	dir := dirWith(t, soundFile(t))
	health := make(chan error, 100)
	s := open(t, dir, Options{OnHealth: func(err error) { health <- err }})
	if err := os.Truncate(filepath.Join(dir, fileName), int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Load("room-050"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Load: %v", err)
	}
	for range 2 {
		if err := trySave(s, "room-050", text("x")); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("Save: %v", err)
		}
	}
	if err := <-health; !errors.Is(err, store.ErrDamaged) || s.Healthy() {
		t.Errorf("told %v", err)
	}
	if _, err := s.RemoveExpired(1); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("RemoveExpired: %v", err)
	}
	s.Close() // must return
}
