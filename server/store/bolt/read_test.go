package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"usher/server/store"
)

func TestAllGoesThroughEverySizeOfStore(t *testing.T) {
	for _, rooms := range []int{0, 1, maxScanRecords - 1, maxScanRecords, maxScanRecords + 1, 3 * maxScanRecords} {
		t.Run(fmt.Sprint(rooms), func(t *testing.T) {
			s := open(t, t.TempDir(), Options{})
			var want []string
			for i := range rooms {
				id := fmt.Sprintf("%05d", i)
				want = append(want, id)
				s.Save(id, text(id), nil)
			}
			trySave(s, "zzz", text("zzz"))
			want = append(want, "zzz")
			var got []string
			err := s.All(context.Background(), func(id string, r store.Record) error {
				if string(r.Snapshot) != id {
					return fmt.Errorf("%s has %q", id, r.Snapshot)
				}
				got = append(got, id)
				return nil
			})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d of %d rooms, %v", len(got), len(want), err)
			}
		})
	}
}

func TestAllStops(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i := range 10 {
		save(t, s, fmt.Sprint(i), text("x"))
	}
	enough := errors.New("enough")
	seen := 0
	err := s.All(context.Background(), func(string, store.Record) error { seen++; return enough })
	if !errors.Is(err, enough) || seen != 1 {
		t.Errorf("after %d: %v", seen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.All(ctx, func(string, store.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestAllHoldsNoTransaction saves and deletes from within All; with a read transaction open, the
// file would grow with each commit.
func TestAllHoldsNoTransaction(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i := range 2 * maxScanRecords {
		s.Save(fmt.Sprintf("%05d", i), store.Record{Snapshot: make([]byte, 3000)}, nil)
	}
	trySave(s, "last", text("x"))
	before := s.Stats().FileBytes
	calls := 0
	err := s.All(context.Background(), func(id string, _ store.Record) error {
		if calls++; calls%2 == 0 {
			return nil
		}
		if err := trySave(s, id, store.Record{Snapshot: make([]byte, 3000)}); err != nil {
			return err
		}
		return tryDelete(s, id)
	})
	if err != nil || calls != 2*maxScanRecords+1 {
		t.Fatalf("%d calls, %v", calls, err)
	}
	if after := s.Stats().FileBytes; after > before {
		t.Fatalf("grew from %d to %d", before, after)
	}
}
