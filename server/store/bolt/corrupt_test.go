package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// spoil makes a store of three rooms and changes the record of "bad" behind its back.
func spoil(t *testing.T, change func(record []byte) []byte) (dir string, found []byte) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, Options{})
	for _, id := range []string{"a", "bad", "c"} {
		save(t, s, id, text("x"))
	}
	s.Close()
	edit(t, dir, func(tx *bbolt.Tx) error {
		rooms := tx.Bucket(roomsBucket)
		found = change(bytes.Clone(rooms.Get([]byte("bad"))))
		return rooms.Put([]byte("bad"), found)
	})
	return dir, found
}

func flip(record []byte) []byte { record[len(record)-1] ^= 1; return record }

func TestCorruptRecordIsSetAside(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(record []byte) []byte
		find   func(s *Store) error
	}{
		{"by Load, checksum", flip, loadBad},
		{"by Load, version", func(b []byte) []byte { b[0] = 9; return b }, loadBad},
		{"by Load, length", func(b []byte) []byte { return b[:5] }, loadBad},
		{"by Load, nothing left", func(b []byte) []byte { return nil }, loadBad},
		{"by All", flip, func(s *Store) error {
			return s.All(context.Background(), func(id string, _ store.Record) error {
				if id == "bad" {
					return errors.New("All shows it")
				}
				return nil
			})
		}},
		{"by RemoveExpired", flip, func(s *Store) error { _, err := s.RemoveExpired(1); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, found := spoil(t, c.change)
			s := open(t, dir, Options{})
			if err := c.find(s); err != nil {
				t.Fatal(err)
			}
			wantNone(t, s, "bad")
			trySave(s, "last", text("x"))
			wantNone(t, s, "bad")
			wantRecord(t, s, "a", text("x"))
			if n := s.Stats().Corrupt; n != 1 {
				t.Errorf("counts %d", n)
			}
			s.Close()

			s = open(t, dir, Options{})
			wantNone(t, s, "bad")
			if n := s.Stats().Corrupt; n != 1 {
				t.Errorf("counts %d after reopening", n)
			}
			save(t, s, "bad", text("again"))
			wantRecord(t, s, "bad", text("again"))
			s.Close()
			if keys, values := corruptRecords(t, dir); len(keys) != 1 || !strings.HasSuffix(keys[0], "bad") ||
				!bytes.Equal(values[0], found) {
				t.Errorf("set aside %q, %x; want %x", keys, values, found)
			}
		})
	}
}

func loadBad(s *Store) error {
	if _, found, err := s.Load("bad"); found || !errors.Is(err, store.ErrCorrupt) {
		return fmt.Errorf("found %v, %w", found, err)
	}
	return nil
}

func corruptRecords(t *testing.T, dir string) (keys []string, values [][]byte) {
	t.Helper()
	edit(t, dir, func(tx *bbolt.Tx) error {
		return tx.Bucket(corruptBucket).ForEach(func(k, v []byte) error {
			keys, values = append(keys, string(k)), append(values, bytes.Clone(v))
			return nil
		})
	})
	return keys, values
}

func TestSaveBeatsSettingAside(t *testing.T) {
	dir, _ := spoil(t, flip)
	for _, saveFirst := range []bool{true, false} {
		s := open(t, dir, Options{})
		release := hold(s)
		if saveFirst {
			s.Save("bad", text("sound"), nil)
			s.setAside("bad")
		} else {
			s.setAside("bad")
			s.Save("bad", text("sound"), nil)
		}
		release()
		s.Close()
		s = open(t, dir, Options{})
		s.setAside("bad") // found before it was saved, written after
		trySave(s, "last", text("x"))
		wantRecord(t, s, "bad", text("sound"))
		s.Close()
	}
}

func TestReaderCountsCorruptRecords(t *testing.T) {
	dir, _ := spoil(t, flip)
	r, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := contents(t, r); !maps.Equal(got, map[string]string{"a": "x", "c": "x"}) || r.Corrupt() != 1 {
		t.Fatalf("read %v, %d corrupt", got, r.Corrupt())
	}
}

func TestNewestCorruptRecordsAreKept(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	edit(t, dir, func(tx *bbolt.Tx) error {
		for i := range maxCorrupt + 500 {
			if err := tx.Bucket(roomsBucket).Put(fmt.Appendf(nil, "%05d", i), []byte{0}); err != nil {
				return err
			}
		}
		return nil
	})
	s := open(t, dir, Options{})
	if _, err := s.RemoveExpired(1); err != nil {
		t.Fatal(err)
	}
	if n := s.Stats().Corrupt; n != maxCorrupt || len(contents(t, s)) != 0 {
		t.Fatalf("counts %d", n)
	}
	s.Close()
	keys, _ := corruptRecords(t, dir)
	if len(keys) != maxCorrupt || !slices.IsSorted(keys) || !strings.HasSuffix(keys[maxCorrupt-1], "01499") {
		t.Fatalf("kept %d", len(keys))
	}
}
