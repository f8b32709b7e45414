// Package storetest has the tests that every store of rooms must pass.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/server/store"
)

// patience is how long a test waits for a done. Only a failure waits that long.
const patience = 30 * time.Second

// Test holds a store to the contract of store.Store. open returns the same store each time, as a
// process finds it after the last one has ended; the DroppedMs of its records is droppedMs.
func Test(t *testing.T, open func(t *testing.T, droppedMs int64) (s store.Store, end func())) {
	for name, rule := range map[string]func(*testing.T, func(int64) *opened){
		"a record is loaded as it was saved":                   loadsWhatWasSaved,
		"what waits for its commit is seen":                    seesWhatWaits,
		"dones come once and in order":                         donesInOrder,
		"the newest of several records counts":                 keepsTheNewest,
		"what is durable is there in the next process":         survives,
		"a snapshot is copied":                                 copiesSnapshots,
		"All sees each record once, and stops when told to":    listsAll,
		"what has expired is removed, and nothing else":        removesExpired,
		"only an id that cannot be kept fails":                 refusesIDs,
		"many rooms can be saved at once":                      savesTogether,
		"Flush waits for everything before it":                 flushes,
		"a record that is deleted is gone, now and afterwards": deletes,
	} {
		t.Run(name, func(t *testing.T) {
			rule(t, func(droppedMs int64) *opened {
				s, end := open(t, droppedMs)
				return &opened{s, t, end}
			})
		})
	}
}

type opened struct {
	store.Store
	t   *testing.T
	end func()
}

func text(s string) store.Record { return store.Record{Snapshot: []byte(s)} }

// wait waits for a done.
func (o *opened) wait(do func(done func(error))) error {
	o.t.Helper()
	result := make(chan error, 1)
	do(func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		o.t.Fatal("done is not called")
		return nil
	}
}

func (o *opened) save(id string, r store.Record) {
	o.t.Helper()
	if err := o.wait(func(done func(error)) { o.Save(id, r, done) }); err != nil {
		o.t.Fatalf("saving %s: %v", id, err)
	}
}

func (o *opened) want(id string, want store.Record) {
	o.t.Helper()
	got, found, err := o.Load(id)
	if err != nil || !found {
		o.t.Fatalf("%s: found is %v, %v", id, found, err)
	}
	if got.ExpiresAtMs != want.ExpiresAtMs || got.Creator != want.Creator || got.Clean != want.Clean || !bytes.Equal(got.Snapshot, want.Snapshot) {
		o.t.Errorf("%s is %+v, want %+v", id, got, want)
	}
}

func (o *opened) wantNone(id string) {
	o.t.Helper()
	if r, found, err := o.Load(id); found || err != nil {
		o.t.Errorf("%s: %+v, %v", id, r, err)
	}
}

func (o *opened) ids() (ids []string) {
	o.t.Helper()
	if err := o.All(o.t.Context(), func(id string, _ store.Record) error { ids = append(ids, id); return nil }); err != nil {
		o.t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

func loadsWhatWasSaved(t *testing.T, open func(int64) *opened) {
	s := open(42)
	defer s.end()
	s.wantNone("room-1")
	for i, r := range []store.Record{
		{Snapshot: []byte{}},
		{ExpiresAtMs: 1_700_000_000_000, Creator: 1<<64 - 1, Snapshot: []byte("snapshot")},
		{ExpiresAtMs: -1, Clean: true, Snapshot: []byte{0, 1, 2}},
		{Snapshot: bytes.Repeat([]byte("long"), 100_000)},
	} {
		id := fmt.Sprint("room-", i)
		s.save(id, r)
		s.want(id, r)
		if got, _, _ := s.Load(id); got.DroppedMs != 42 {
			t.Errorf("DroppedMs is %d", got.DroppedMs)
		}
	}
	longest := strings.Repeat("x", store.MaxIDBytes)
	s.save(longest, text("x"))
	s.want(longest, text("x"))
}

func seesWhatWaits(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	for i := range 100 {
		s.Save("room-1", text(fmt.Sprint(i)), nil)
		s.want("room-1", text(fmt.Sprint(i)))
	}
	s.Delete("room-1", nil)
	s.wantNone("room-1")
}

func donesInOrder(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	const calls = 300
	var mu sync.Mutex
	var order []int
	all := make(chan bool)
	for i := range calls {
		done := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if order = append(order, i); err != nil {
				t.Error(err)
			}
			if len(order) == calls {
				close(all)
			}
		}
		if i%7 == 6 {
			s.Delete("room-1", done)
		} else {
			s.Save("room-1", text("x"), done)
		}
	}
	select {
	case <-all:
	case <-time.After(patience):
		t.Fatal("some dones are not called")
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.IsSorted(order) || len(order) != calls {
		t.Errorf("the order is %v", order)
	}
}

func keepsTheNewest(t *testing.T, open func(int64) *opened) {
	s := open(0)
	for i := range 50 {
		s.Save("room-1", text(fmt.Sprint("a", i)), nil)
		s.Save("room-2", text(fmt.Sprint("b", i)), nil)
	}
	s.Delete("room-2", nil)
	s.save("room-1", text("last"))
	s.end()
	s = open(0)
	defer s.end()
	s.want("room-1", text("last"))
	s.wantNone("room-2")
}

func survives(t *testing.T, open func(int64) *opened) {
	s := open(1)
	secret := s.Secret()
	clean := store.Record{ExpiresAtMs: 5, Creator: 6, Clean: true, Snapshot: []byte("kept")}
	s.save("room-1", clean)
	s.end()
	s = open(2)
	defer s.end()
	s.want("room-1", clean)
	if got, _, _ := s.Load("room-1"); got.DroppedMs != 2 {
		t.Errorf("DroppedMs is %d", got.DroppedMs)
	}
	if s.Secret() != secret || secret == [32]byte{} {
		t.Error("the secret is another, or none")
	}
}

func copiesSnapshots(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	snapshot := []byte("before")
	s.Save("room-1", store.Record{Snapshot: snapshot}, nil)
	copy(snapshot, "after!")
	s.Flush()
	s.want("room-1", text("before"))
	got, _, _ := s.Load("room-1")
	copy(got.Snapshot, "after!")
	s.want("room-1", text("before"))
}

func listsAll(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	var want []string
	for i := range 700 {
		id := fmt.Sprintf("room-%03d", i)
		want = append(want, id)
		s.Save(id, text(id), nil)
	}
	s.Flush()
	if got := s.ids(); !slices.Equal(got, want) {
		t.Errorf("%d records, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	stop, seen := errors.New("enough"), 0
	err := s.All(t.Context(), func(id string, r store.Record) error {
		if seen++; string(r.Snapshot) != id {
			t.Errorf("%s has %q", id, r.Snapshot)
		}
		if seen == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 3 {
		t.Errorf("%d are seen: %v", seen, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.All(ended, func(string, store.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

func removesExpired(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	for id, ms := range map[string]int64{"never": 0, "before": 999, "then": 1000, "later": 1001} {
		s.save(id, store.Record{ExpiresAtMs: ms, Snapshot: []byte("x")})
	}
	removed, err := s.RemoveExpired(1000)
	slices.Sort(removed)
	if err != nil || !slices.Equal(removed, []string{"before", "then"}) {
		t.Errorf("removed %v, %v", removed, err)
	}
	if got := s.ids(); !slices.Equal(got, []string{"later", "never"}) {
		t.Errorf("left are %v", got)
	}
}

func refusesIDs(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	for _, id := range []string{"", strings.Repeat("x", store.MaxIDBytes+1)} {
		good := make(chan error, 1)
		s.Save("good", text("x"), func(err error) { good <- err })
		if err := s.wait(func(done func(error)) { s.Save(id, text("x"), done) }); err == nil {
			t.Errorf("an id of %d bytes is saved", len(id))
		}
		if err := <-good; err != nil {
			t.Errorf("beside it: %v", err)
		}
	}
}

func savesTogether(t *testing.T, open func(int64) *opened) {
	s := open(0)
	var rooms sync.WaitGroup
	for i := range 200 {
		rooms.Go(func() {
			for j := range 5 {
				s.save(fmt.Sprint("room-", i), text(fmt.Sprint(i, j)))
			}
		})
	}
	rooms.Wait()
	s.end()
	s = open(0)
	defer s.end()
	for i := range 200 {
		s.want(fmt.Sprint("room-", i), text(fmt.Sprint(i, 4)))
	}
	if !s.Accepts() {
		t.Error("it accepts nothing more")
	}
}

func flushes(t *testing.T, open func(int64) *opened) {
	s := open(0)
	defer s.end()
	var mu sync.Mutex
	done := 0
	for i := range 500 {
		s.Save(fmt.Sprint("room-", i), text("x"), func(error) {
			mu.Lock()
			defer mu.Unlock()
			done++
		})
	}
	s.Flush()
	mu.Lock()
	defer mu.Unlock()
	if done != 500 {
		t.Errorf("%d of 500 are done", done)
	}
}

func deletes(t *testing.T, open func(int64) *opened) {
	s := open(0)
	s.save("room-1", text("x"))
	for range 2 { // also one that does not exist
		if err := s.wait(func(done func(error)) { s.Delete("room-1", done) }); err != nil {
			t.Error(err)
		}
		s.wantNone("room-1")
	}
	s.end()
	s = open(0)
	defer s.end()
	s.wantNone("room-1")
}
