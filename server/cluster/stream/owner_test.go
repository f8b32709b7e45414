package stream

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/lease"
	"usher/server/store"
)

// Once a later owner has loaded a room, the earlier one can write it no more, and learns why.
func TestEarlierOwnerIsFenced(t *testing.T) {
	b := single(t)
	first := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	second := opened(t, b.Conn(), Config{Term: owner(2, 77)}, quick())
	if err := save(t, first, "room-1", "first"); err != nil {
		t.Fatal(err)
	}
	r, _, err := second.Load("room-1")
	if err != nil || r.Term != 2 || r.DroppedMs != 77 || string(r.Snapshot) != "first" {
		t.Fatalf("loaded %+v, %v", r, err)
	}
	if err := save(t, first, "room-1", "late"); !errors.Is(err, ErrFenced) {
		t.Errorf("a late write: %v", err)
	}
	if _, _, err := first.Load("room-1"); !errors.Is(err, ErrFenced) {
		t.Errorf("a late load: %v", err)
	}
	if err := wait(t, func(done func(error)) { first.Delete("room-1", done) }); !errors.Is(err, ErrFenced) {
		t.Errorf("a late delete: %v", err)
	}
	want(t, second, "room-1", "first")
	if stats := second.Stats(); stats.Claims != 1 {
		t.Errorf("%d claims; the second load needs none", stats.Claims)
	}
}

// If there was no record to claim, an earlier owner's late write may come; nobody has seen it.
func TestLateCreationIsOverwritten(t *testing.T) {
	b := single(t)
	first := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	second := opened(t, b.Conn(), Config{Term: owner(2, 0)}, quick())
	want(t, second, "room-1", "")
	if err := save(t, first, "room-1", "late"); err != nil {
		t.Fatal(err)
	}
	if err := save(t, second, "room-1", "second"); err != nil {
		t.Fatal(err)
	}
	if err := save(t, first, "room-1", "later"); !errors.Is(err, ErrFenced) {
		t.Errorf("after that: %v", err)
	}
	want(t, second, "room-1", "second")
}

// A write that comes between the read and the claim of a load is loaded, not overwritten.
func TestClaimLoadsWhatMoved(t *testing.T) {
	b := single(t)
	first := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	if err := save(t, first, "room-1", "one"); err != nil {
		t.Fatal(err)
	}
	moved := false
	second := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		if isRoom(m) && !moved {
			moved = true
			if err := save(t, first, "room-1", "two"); err != nil {
				t.Error(err)
			}
		}
		return fate{}
	}), Config{Term: owner(2, 0)}, quick())
	want(t, second, "room-1", "two")
}

// The complete flag is true for one load only, and gone before that returns.
func TestCompleteFlagIsClaimed(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	clean := store.Record{Clean: true, Snapshot: []byte("x")}
	for _, waits := range []bool{false, true} {
		s.Save("room-1", clean, nil)
		if !waits {
			s.Flush()
		}
		for _, complete := range []bool{true, false} {
			if r, found, err := s.Load("room-1"); err != nil || !found || r.Clean != complete {
				t.Errorf("waits %v: complete %v, want %v; found %v, %v", waits, r.Clean, complete, found, err)
			}
		}
	}
}

// A room of another's shard is neither loaded nor saved, and a write under way stops with the term.
func TestOnlyTheOwnerWrites(t *testing.T) {
	b := single(t)
	var term atomic.Uint64
	var silent atomic.Bool
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate { return fate{drop: silent.Load() && isRoom(m)} }),
		Config{Term: func(int) (Term, bool) { n := term.Load(); return Term{Number: n, Incarnation: "a"}, n != 0 }}, quick())
	if err := save(t, s, "room-1", "x"); !errors.Is(err, ErrNotOwner) {
		t.Errorf("saved: %v", err)
	}
	if _, _, err := s.Load("room-1"); !errors.Is(err, ErrNotOwner) {
		t.Errorf("loaded: %v", err)
	}
	term.Store(3)
	if err := save(t, s, "room-1", "x"); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, func(done func(error)) { s.Save("room-1", store.Record{Term: 2}, done) }); !errors.Is(err, ErrFenced) {
		t.Errorf("saved in an earlier term: %v", err)
	}
	silent.Store(true)
	result := make(chan error, 1)
	s.Save("room-1", store.Record{}, func(err error) { result <- err })
	term.Store(0)
	if err := <-result; !errors.Is(err, ErrNotOwner) {
		t.Errorf("a write under way: %v", err)
	}
	if err := s.All(t.Context(), func(id string, _ store.Record) error { return fmt.Errorf("%s is listed", id) }); err != nil {
		t.Error(err)
	}
}

// A read is refused if its server is behind what this node knows.
func TestReadFromBehindIsRefused(t *testing.T) {
	b := single(t)
	var behind, asked atomic.Int64
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		if !isRead(m) {
			return fate{}
		}
		asked.Add(1)
		if behind.Add(-1) < 0 {
			return fate{}
		}
		return fate{rewrite: func(reply *nats.Msg) {
			if reply.Header.Get("Status") == "204" {
				reply.Header.Set("Nats-UpTo-Sequence", "1")
			}
		}}
	}), Config{Term: owner(1, 0)}, patient())
	if err := save(t, s, "room-1", "x"); err != nil {
		t.Fatal(err)
	}
	behind.Store(5)
	before := asked.Load()
	want(t, s, "room-1", "x")
	if n := asked.Load() - before; n != 6 {
		t.Errorf("%d reads; five of them are behind", n)
	}
	// What another node has reported counts as well.
	s.Learn(s.Known() + 1)
	done := make(chan bool)
	go func() {
		defer close(done)
		_, _, _ = s.Get(t.Context(), TableKey)
	}()
	for n := asked.Load(); asked.Load() < n+3; {
		select {
		case <-done:
			t.Fatal("a read from behind is believed")
		case <-time.After(time.Millisecond):
		}
	}
	if r := s.insist(t.Context(), NodeKey("a"), 0, []byte("x"), 0); r.Outcome != Stored {
		t.Error(r)
	}
	<-done
}

// A reply of which a part was dropped on its way is not believed: a room would seem not to exist.
func TestPartOfAReplyIsNotBelieved(t *testing.T) {
	b := single(t)
	var reads atomic.Int64
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) (at fate) {
		if isRead(m) && reads.Add(1) <= 3 {
			at.dropPart = roomKey("room-1")
		}
		return at
	}), Config{Term: owner(1, 0)}, patient())
	if err := save(t, s, "room-1", "x"); err != nil {
		t.Fatal(err)
	}
	reads.Store(0)
	want(t, s, "room-1", "x")
	if n := reads.Load(); n != 4 {
		t.Errorf("%d reads; a part of three is missing", n)
	}
}

// A deleted room leaves a tombstone, which NATS removes. Before and afterwards it can be made
// again.
func TestTombstone(t *testing.T) {
	b := single(t)
	short := quick()
	short.tombstoneTTL = time.Second
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, short)
	remove := func(id string) {
		t.Helper()
		if err := wait(t, func(done func(error)) { s.Delete(id, done) }); err != nil {
			t.Fatal(err)
		}
		want(t, s, id, "")
	}
	for range 2 {
		if err := save(t, s, "again", "x"); err != nil {
			t.Fatal(err)
		}
		remove("again")
	}
	if err := save(t, s, "gone", "x"); err != nil {
		t.Fatal(err)
	}
	remove("gone")
	if err := save(t, s, "again", "kept"); err != nil {
		t.Fatal(err)
	}
	for {
		if keys, err := s.list(t.Context(), roomKey("gone")); err != nil {
			t.Fatal(err)
		} else if len(keys) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := save(t, s, "gone", "back"); err != nil {
		t.Fatal(err)
	}
	want(t, s, "gone", "back")
	want(t, s, "again", "kept")
	if lost := s.Stats().Lost; lost != 0 {
		t.Errorf("%d are counted as lost", lost)
	}
}

// A record that cannot be read is set aside once, and its room begins again.
func TestCorruptRecordIsSetAside(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	r := s.insist(t.Context(), roomKey("room-1"), 0, []byte("no record at all, and certainly none with a checksum"), 0)
	if r.Outcome != Stored {
		t.Fatal(r)
	}
	if _, found, err := s.Load("room-1"); !errors.Is(err, store.ErrCorrupt) || found {
		t.Errorf("found %v, %v", found, err)
	}
	want(t, s, "room-1", "")
	aside, _, err := s.Get(t.Context(), strings.Replace(roomKey("room-1"), roomPrefix, corruptPrefix, 1))
	if err != nil || !bytes.HasPrefix(aside.Value, []byte("no record")) {
		t.Errorf("set aside is %q, %v", aside.Value, err)
	}
	if err := save(t, s, "room-1", "again"); err != nil {
		t.Error(err)
	}
	want(t, s, "room-1", "again")
}

// A record of a newer usher stays as it is.
func TestNewerRecordStays(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	key := roomKey("room-1")
	value := appendStored(nil, key, &stored{term: 1, incarnation: "x"})
	value[0] = recordVersion + 2
	seal(key, value)
	r := s.insist(t.Context(), key, 0, value, 0)
	if r.Outcome != Stored {
		t.Fatal(r)
	}
	if _, _, err := s.Load("room-1"); !errors.Is(err, store.ErrNewer) {
		t.Errorf("loaded: %v", err)
	}
	if err := save(t, s, "room-1", "x"); !errors.Is(err, ErrFenced) {
		t.Errorf("saved: %v", err)
	}
	if e, _, err := s.Get(t.Context(), key); err != nil || e.Revision != r.Revision {
		t.Errorf("revision %d, was %d, %v", e.Revision, r.Revision, err)
	}
}

// Release may come late: what a later term of the same shard knows stays.
func TestReleaseForgetsOneTermOfOneShard(t *testing.T) {
	b := single(t)
	var term atomic.Uint64
	term.Store(1)
	of := func(number uint64) Term { return Term{Number: number, Incarnation: fmt.Sprint("node-", number)} }
	s := opened(t, b.Conn(), Config{Term: func(int) (Term, bool) { return of(term.Load()), true }}, quick())
	known := func(want int) {
		t.Helper()
		s.Flush() // a write under way is kept, and save returns before its own has ended
		s.mu.Lock()
		defer s.mu.Unlock()
		indexed := 0
		for _, shard := range s.shards {
			indexed += len(shard)
		}
		if len(s.rooms) != want || indexed != want {
			t.Errorf("%d rooms are known, and by their shards %d, not %d", len(s.rooms), indexed, want)
		}
	}
	shard := lease.ShardOf("room-1")
	for _, id := range []string{"room-1", "room-2"} {
		if err := save(t, s, id, "x"); err != nil {
			t.Fatal(err)
		}
	}
	s.Release(shard, of(2))
	known(2)
	term.Store(2)
	want(t, s, "room-1", "x")
	s.Flush() // a claim under way would be kept
	s.Release(shard, of(1))
	known(2)
	s.Release(shard, of(2))
	known(1)
	if err := wait(t, func(done func(error)) { s.Delete("room-2", done) }); err != nil {
		t.Fatal(err)
	}
	s.Flush() // the room is forgotten after the reply
	known(0)
}
