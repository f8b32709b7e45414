package bolt

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/server/store"
)

func TestDonesComeInTheOrderOfTheCalls(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	release := hold(s)
	var got, want []int
	for i := range 300 {
		want = append(want, i)
		done := func(error) { got = append(got, i) }
		switch id := fmt.Sprint("room-", i*7%31); i % 3 {
		case 0, 1:
			s.Save(id, text(fmt.Sprint(i)), done)
		default:
			s.Delete(id, done)
		}
	}
	release()
	trySave(s, "last", text("x"))
	if !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

func TestNewestQueuedChangeIsWrittenAlone(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, "deleted", text("old"))
	release := hold(s)
	before := s.Stats()
	reports := 0
	done := func(err error) {
		if err == nil {
			reports++
		}
	}
	for i := range 10 {
		s.Save("saved", text(fmt.Sprint(i)), done)
		s.Save("deleted", text(fmt.Sprint(i)), done)
	}
	s.Delete("deleted", done)
	s.Delete("back", done)
	s.Save("back", text("again"), done)
	if q := s.Stats().Queued; q < 3 {
		t.Errorf("queued %d", q)
	}
	release()
	trySave(s, "last", text("x"))
	if reports != 23 {
		t.Errorf("%d of 23 dones", reports)
	}
	after := s.Stats()
	if written := after.RecordsWritten - before.RecordsWritten; written != 3 { // saved, back, last
		t.Errorf("%d records written", written)
	}
	if after.Saves-before.Saves != 22 || after.Queued != 0 || after.QueuedBytes != 0 {
		t.Errorf("stats %+v", after)
	}
	if got := contents(t, s); !maps.Equal(got, map[string]string{"saved": "9", "back": "again", "last": "x"}) {
		t.Errorf("stored %v", got)
	}
}

func TestLoadSeesWhatIsQueued(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, "a", text("old"))
	release := hold(s)
	defer release()
	snapshot := []byte("new")
	s.Save("a", store.Record{Snapshot: snapshot}, nil)
	snapshot[0] = 'X' // the store has its own copy
	wantRecord(t, s, "a", text("new"))
	r, _, _ := s.Load("a")
	r.Snapshot[0] = 'X' // and so has the caller
	wantRecord(t, s, "a", text("new"))
	s.Delete("a", nil)
	wantNone(t, s, "a")
}

// TestLoadNeverGoesBack loads while the writer commits: neither an older record nor none may
// appear.
func TestLoadNeverGoesBack(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, "a", store.Record{Creator: 0})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		newest := uint64(0)
		for {
			r, found, err := s.Load("a")
			if err != nil || !found || r.Creator < newest {
				t.Errorf("loaded %v, %v, %v after %d", r, found, err, newest)
				return
			}
			newest = r.Creator
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for i := range uint64(200) {
		s.Save("a", store.Record{Creator: 2 * i}, nil)
		save(t, s, "a", store.Record{Creator: 2*i + 1})
	}
	close(stop)
	wg.Wait()
}

func TestBadCallFailsAlone(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	release := hold(s)
	var got []string
	note := func(name string) func(error) {
		return func(err error) { got = append(got, fmt.Sprint(name, " ", err)) }
	}
	s.Save("good", text("x"), note("good"))
	s.Save("", text("x"), note("empty"))
	s.Delete(strings.Repeat("x", store.MaxIDBytes+1), note("long"))
	s.Save(strings.Repeat("x", store.MaxIDBytes), text("x"), note("longest"))
	release()
	trySave(s, "last", text("x"))
	want := []string{"good <nil>", "empty " + errID.Error(), "long " + errID.Error(), "longest <nil>"}
	if !slices.Equal(got, want) || !s.Healthy() {
		t.Fatalf("got %q", got)
	}
	if err := trySave(s, "", text("x")); !errors.Is(err, errID) {
		t.Fatalf("a batch of only refusals: %v", err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	b := newBatch()
	b.bytes = MaxQueuedBytes - 10
	e := &entry{id: "a", record: make([]byte, 11)}
	if spare := b.add(e, nil); spare != e || !errors.Is(b.calls[0].err, store.ErrOverloaded) || len(b.entries) != 0 {
		t.Fatalf("took it: %+v", b)
	}
	if spare := b.add(&entry{id: "b", record: make([]byte, 10)}, nil); spare != nil || b.bytes != MaxQueuedBytes {
		t.Fatal("refused what fits")
	}
	if b.add(&entry{id: "b", change: changeDelete}, nil); b.bytes != MaxQueuedBytes-10 {
		t.Fatalf("counts %d bytes", b.bytes)
	}
}

func TestFlushWaitsForWhatWasQueuedBefore(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	done := 0
	for i := range 100 {
		s.Save(fmt.Sprint("room-", i), text("x"), func(error) { done++ })
	}
	s.Flush()
	if done != 100 {
		t.Errorf("%d of 100 are done", done)
	}
	s.Flush()
	s.Close()
	s.Flush()
}

func TestStoreAcceptsNothingNewWhileHalfOfTheQueueIsTaken(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	release := hold(s)
	for i := 0; s.Accepts(); i++ {
		if i > 64 {
			t.Fatal("it accepts everything")
		}
		s.Save(fmt.Sprint("room-", i), store.Record{Snapshot: make([]byte, 4<<20)}, nil)
	}
	if q := s.Stats().QueuedBytes; q < MaxQueuedBytes/2 || q > MaxQueuedBytes/2+5<<20 {
		t.Errorf("%d bytes are queued", q)
	}
	s.Save("begun before", text("x"), func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	for i := range 64 { // the test is not about the disk
		s.Delete(fmt.Sprint("room-", i), nil)
	}
	release()
	s.Flush()
	if !s.Accepts() || !s.Healthy() {
		t.Error("it accepts nothing any more")
	}
}

func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	var mu sync.Mutex
	want := map[string]string{}
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range 60 {
				// Each worker has rooms of its own, so it knows what they hold.
				id := fmt.Sprintf("%d-%d", worker, random.IntN(10))
				value := strings.Repeat(fmt.Sprint(i), random.IntN(2000))
				var err error
				mu.Lock()
				delete(want, id)
				mu.Unlock()
				if random.IntN(3) == 0 {
					err = tryDelete(s, id)
				} else if err = trySave(s, id, text(value)); err == nil {
					mu.Lock()
					want[id] = value
					mu.Unlock()
				}
				if err != nil {
					t.Error(err)
				}
				s.Stats()
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			contents(t, s)
			if _, err := s.RemoveExpired(1); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	s.Close()
	if got := contents(t, open(t, dir, Options{})); !maps.Equal(got, want) {
		t.Fatalf("%d rooms stored, %d wanted", len(got), len(want))
	}
}
