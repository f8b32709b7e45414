package bolt

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"usher/server/store"
)

func TestRemoveExpired(t *testing.T) {
	const now = 1000
	dir := t.TempDir()
	s := open(t, dir, Options{})
	want := map[string]string{}
	var due []string
	for i := range 3*maxScanRecords + 1 {
		id := fmt.Sprintf("%05d", i)
		r := store.Record{ExpiresAtMs: []int64{0, now + 1, now, now - 1, 1}[i%5], Snapshot: []byte(id)}
		s.Save(id, r, nil)
		if i%5 < 2 {
			want[id] = id
		} else {
			due = append(due, id)
		}
	}
	s.Close()
	s = open(t, dir, Options{})
	removed, err := s.RemoveExpired(now)
	if err != nil || !slices.Equal(removed, due) {
		t.Fatalf("removed %d of %d, %v", len(removed), len(due), err)
	}
	if got := contents(t, s); !maps.Equal(got, want) {
		t.Fatalf("%d left of %d", len(got), len(want))
	}
	if again, err := s.RemoveExpired(now); len(again) != 0 || err != nil {
		t.Fatalf("removed again %v, %v", again, err)
	}
	s.Close()
	if got := contents(t, open(t, dir, Options{})); !maps.Equal(got, want) {
		t.Fatalf("%d left of %d after reopening", len(got), len(want))
	}
}

// TestRenewedRecordDoesNotExpire saves a record again between the reading and the removing.
func TestRenewedRecordDoesNotExpire(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, "renewed", store.Record{ExpiresAtMs: 1})
	save(t, s, "deleted", store.Record{ExpiresAtMs: 1})
	items, _, err := s.db.scan(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "renewed", store.Record{ExpiresAtMs: 0})
	tryDelete(s, "deleted")
	if removed, err := s.removeOf(items, 1000, nil); len(removed) != 0 || err != nil {
		t.Fatalf("removed %v, %v", removed, err)
	}
	wantRecord(t, s, "renewed", store.Record{})
}
