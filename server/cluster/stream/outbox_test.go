package stream

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/lease"
	"usher/server/servertest"
	"usher/server/store"
)

// messages have the ids, and say which they are.
func messages(ids ...string) (all []store.Message) {
	for i, id := range ids {
		all = append(all, store.Message{ID: id, AtMs: int64(i), Body: []byte("body of " + id)})
	}
	return all
}

// sending is with a queue.
func sending(term func(int) (Term, bool)) Config { return Config{Term: term, MaxMessages: 1000} }

// takeOver does what a node does soon after it has become the owner of the rooms.
func takeOver(t *testing.T, s *Stream, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := s.Deadlines(t.Context(), lease.ShardOf(id), func(string, int64) {}); err != nil {
			t.Fatal(err)
		}
	}
}

// saveWith saves a room, or deletes it for the snapshot "", and waits for the result.
func saveWith(t *testing.T, s *Stream, id, snapshot string, ids ...string) {
	t.Helper()
	err := wait(t, func(done func(error)) {
		if snapshot == "" {
			s.DeleteWith(id, messages(ids...), done)
		} else {
			s.SaveWith(id, store.Record{Snapshot: []byte(snapshot)}, messages(ids...), done)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantQueue waits until the queue has these messages of a room.
func wantQueue(t *testing.T, s *Stream, id string, want ...string) {
	t.Helper()
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("in the queue are %q", got)
		}
	}()
	servertest.Eventually(t, fmt.Sprintf("the queue has %q", want), func() bool {
		got = queued(t, s, id)
		return slices.Equal(got, want)
	})
}

func queued(t *testing.T, s *Stream, id string) (ids []string) {
	t.Helper()
	all, err := s.Waiting(0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.RoomID == id {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// writes notes each write of a record, with its outbox, and each message on its way.
type writes struct {
	mu    sync.Mutex
	lines []string
	// isCut lets nothing into the queue.
	isCut atomic.Bool
}

func (w *writes) fate(m *nats.Msg) (at fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case isQueued(m) && w.isCut.Load():
		at.drop = true
	case isQueued(m):
		w.lines = append(w.lines, "queue "+m.Header.Get(headerID))
	case isRoom(m):
		it, err := decodeStored(m.Subject, m.Data)
		line := "record"
		if it.tombstone {
			line = "tombstone"
		}
		for _, m := range it.outbox {
			line += " " + m.ID
		}
		if err != nil || m.Header.Get(headerTTL) != "" {
			line += " for a while"
		}
		if n := len(w.lines); n == 0 || w.lines[n-1] != line { // otherwise it is tried again
			w.lines = append(w.lines, line)
		}
	}
	return at
}

func (w *writes) want(t *testing.T, want ...string) {
	t.Helper()
	servertest.Eventually(t, "the writes", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.lines) < len(want) {
			return false
		}
		if !slices.Equal(w.lines, want) {
			t.Fatalf("the writes are\n%s\nnot\n%s", strings.Join(w.lines, "\n"), strings.Join(want, "\n"))
		}
		return true
	})
}

// What a room has to say is in its record until it is in the queue, and in the next record no more.
// A tombstone stays for as long as it has something to say.
func TestMessagesAreInTheRecordUntilTheyAreQueued(t *testing.T) {
	var w writes
	s := opened(t, newFaulty(single(t).Conn(), w.fate), sending(owner(1, 0)), patient())
	saveWith(t, s, "room-1", "1", "a", "b")
	wantQueue(t, s, "room-1", "a", "b")
	saveWith(t, s, "room-1", "2", "c")
	wantQueue(t, s, "room-1", "a", "b", "c")
	saveWith(t, s, "room-1", "3")
	saveWith(t, s, "room-1", "", "d")
	w.want(t, "record a b", "queue a", "queue b", "record c", "queue c", "record", "tombstone d", "queue d", "tombstone for a while")
	saveWith(t, s, "room-1", "4")
	saveWith(t, s, "room-1", "")
	w.want(t, "record a b", "queue a", "queue b", "record c", "queue c", "record", "tombstone d", "queue d", "tombstone for a while",
		"record", "tombstone for a while")
}

// A room that is not saved again is saved once more, so that its next owner has nothing to move.
func TestAQuietRoomForgetsWhatIsQueued(t *testing.T) {
	var w writes
	soon := patient()
	soon.forgetAfter, soon.forgetEvery = time.Millisecond, time.Millisecond
	s := opened(t, newFaulty(single(t).Conn(), w.fate), sending(owner(1, 0)), soon)
	if err := wait(t, func(done func(error)) {
		s.SaveWith("room-1", store.Record{Clean: true, ExpiresAtMs: 5, Snapshot: []byte("1")}, messages("a"), done)
	}); err != nil {
		t.Fatal(err)
	}
	w.want(t, "record a", "queue a", "record")
	s.Flush()
	r, found, err := s.Load("room-1")
	if err != nil || !found || !r.Clean || r.ExpiresAtMs != 5 || string(r.Snapshot) != "1" {
		t.Errorf("%+v, %v, %v", r, found, err)
	}
}

// The changes that one write stores keep their messages, in order.
func TestAWriteHasTheMessagesOfAllItsChanges(t *testing.T) {
	var w writes
	s := opened(t, newFaulty(single(t).Conn(), w.fate), sending(owner(1, 0)), quick())
	w.isCut.Store(true)
	for i, id := range []string{"a", "b", "c", "d"} {
		s.SaveWith("room-1", store.Record{Snapshot: fmt.Append(nil, i)}, messages(id), nil)
	}
	s.DeleteWith("room-1", messages("e"), nil)
	s.Flush()
	w.mu.Lock()
	last := w.lines[len(w.lines)-1]
	w.mu.Unlock()
	if last != "tombstone a b c d e" {
		t.Errorf("the last write is %q", last)
	}
	w.isCut.Store(false)
	wantQueue(t, s, "room-1", "a", "b", "c", "d", "e")
}

// Whoever owns a room next moves what its last owner could not, whether somebody enters or not; and
// the last owner moves nothing.
func TestTheNextOwnerMovesWhatIsLeft(t *testing.T) {
	for _, isLoaded := range []bool{true, false} {
		for _, snapshot := range []string{"2", ""} {
			t.Run(fmt.Sprintf("loaded %v, %q", isLoaded, snapshot), func(t *testing.T) {
				b := single(t)
				var term atomic.Uint64
				term.Store(1)
				var before, after writes
				before.isCut.Store(true)
				first := opened(t, newFaulty(b.Conn(), before.fate), sending(func(int) (Term, bool) {
					return Term{Number: 1, Incarnation: "a"}, term.Load() == 1
				}), quick())
				saveWith(t, first, "room-1", "1", "a")
				saveWith(t, first, "room-1", snapshot, "b", "c")
				term.Store(2)
				before.isCut.Store(false)
				second := opened(t, newFaulty(b.Conn(), after.fate), sending(owner(2, 0)), patient())
				claim, end := "record a b c", []string{"record d"}
				if snapshot == "" {
					claim, end = "tombstone a b c", []string{"tombstone for a while", "record d"}
				}
				if isLoaded {
					want(t, second, "room-1", snapshot)
				} else {
					takeOver(t, second, "room-1")
				}
				wantQueue(t, second, "room-1", "a", "b", "c")
				lines := append([]string{claim, "queue a", "queue b", "queue c"}, end[:len(end)-1]...)
				after.want(t, lines...)
				second.Flush()
				want(t, second, "room-1", snapshot)
				saveWith(t, second, "room-1", "3", "d")
				wantQueue(t, second, "room-1", "a", "b", "c", "d")
				after.want(t, append(lines, end[len(end)-1], "queue d")...)
				if lines := before.lines; slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "queue") }) {
					t.Errorf("the first owner has written %q", lines)
				}
			})
		}
	}
}

// A room that is created again while its tombstone has something to say goes on behind that.
func TestARoomThatIsCreatedAgainKeepsWhatItsTombstoneSays(t *testing.T) {
	b := single(t)
	var w writes
	w.isCut.Store(true)
	s := opened(t, newFaulty(b.Conn(), w.fate), sending(owner(1, 0)), quick())
	saveWith(t, s, "room-1", "1", "a")
	saveWith(t, s, "room-1", "", "b")
	want(t, s, "room-1", "")
	saveWith(t, s, "room-1", "2", "c")
	want(t, s, "room-1", "2")
	w.isCut.Store(false)
	wantQueue(t, s, "room-1", "a", "b", "c")
}

// While the lease has expired nothing is moved: another node may own the room, without the change.
func TestNothingIsMovedWithoutALease(t *testing.T) {
	b := single(t)
	var valid atomic.Bool
	asked := make(chan bool, 1)
	c := sending(owner(1, 0))
	c.Valid = func(int) bool {
		select {
		case asked <- true:
		default:
		}
		return valid.Load()
	}
	s := opened(t, b.Conn(), c, quick())
	saveWith(t, s, "room-1", "1", "a")
	for range 3 {
		<-asked
	}
	if got := queued(t, s, "room-1"); len(got) > 0 {
		t.Errorf("%q are in the queue", got)
	}
	valid.Store(true)
	wantQueue(t, s, "room-1", "a")
}

// An account that has no storage left refuses messages until somebody makes space.
func TestWhatTheQueueRefusesIsNotDropped(t *testing.T) {
	var tries atomic.Int64
	s := opened(t, newFaulty(single(t).Conn(), func(m *nats.Msg) (at fate) {
		if isQueued(m) && tries.Add(1) < 4 {
			at.reply = &nats.Msg{Data: []byte(`{"error":{"code":400,"err_code":10002,"description":"resource limits exceeded for account"}}`)}
		}
		return at
	}), sending(owner(1, 0)), quick())
	saveWith(t, s, "room-1", "1", "a", "b")
	wantQueue(t, s, "room-1", "a", "b")
	if dropped := s.Dropped(); dropped != 0 {
		t.Errorf("%d are dropped", dropped)
	}
}

// A node without a queue carries on what others have to move.
func TestANodeWithoutAQueueKeepsTheOutbox(t *testing.T) {
	b := single(t)
	var w writes
	w.isCut.Store(true)
	first := opened(t, newFaulty(b.Conn(), w.fate), sending(owner(1, 0)), quick())
	saveWith(t, first, "room-1", "1", "a")
	saveWith(t, first, "room-2", "1", "b")
	saveWith(t, first, "room-3", "1", "c")
	without := opened(t, b.Conn(), Config{Term: owner(2, 0)}, quick())
	takeOver(t, without, "room-1", "room-2", "room-3")
	want(t, without, "room-1", "1")
	want(t, without, "room-2", "1")
	saveWith(t, without, "room-1", "2")
	saveWith(t, without, "room-2", "")
	want(t, without, "room-2", "")
	next := opened(t, b.Conn(), sending(owner(3, 0)), quick())
	takeOver(t, next, "room-1", "room-2", "room-3")
	wantQueue(t, next, "room-1", "a")
	wantQueue(t, next, "room-2", "b")
	wantQueue(t, next, "room-3", "c")
	want(t, next, "room-1", "2")
}

// A record that expires leaves its messages to its tombstone.
func TestARecordThatExpiresKeepsItsMessages(t *testing.T) {
	b := single(t)
	var w writes
	w.isCut.Store(true)
	first := opened(t, newFaulty(b.Conn(), w.fate), sending(owner(1, 0)), quick())
	if err := wait(t, func(done func(error)) {
		first.SaveWith("room-1", store.Record{ExpiresAtMs: 1000, Snapshot: []byte("1")}, messages("a"), done)
	}); err != nil {
		t.Fatal(err)
	}
	second := opened(t, b.Conn(), sending(owner(2, 0)), quick())
	if removed, err := second.RemoveExpired(1000); err != nil || !slices.Equal(removed, []string{"room-1"}) {
		t.Fatal(removed, err)
	}
	wantQueue(t, second, "room-1", "a")
	want(t, second, "room-1", "")
}

// What cannot be moved is bounded: by number, by bytes, and by what NATS takes in one message. More
// is dropped, and counted; the changes are stored. What fits in no bound by itself, such as the end
// of a full room, is not cut.
func TestOutboxesAreBounded(t *testing.T) {
	b := single(t)
	var w writes
	w.isCut.Store(true)
	times := quick()
	times.replyAfter = time.Second // what is written here is large
	s := opened(t, newFaulty(b.Conn(), w.fate), sending(owner(1, 0)), times)
	var ids []string
	for i := range maxOutboxMessages + 20 {
		ids = append(ids, fmt.Sprint("m", i))
	}
	kept := len(ids) - 10
	saveWith(t, s, "room-1", "1", ids[:1]...)
	saveWith(t, s, "room-1", "2", ids[1:kept]...)
	saveWith(t, s, "room-1", "3", ids[kept:]...)
	dropped := s.Dropped()
	if dropped != 10 {
		t.Errorf("%d are dropped for their number", dropped)
	}
	s.SaveWith("room-2", store.Record{}, []store.Message{
		{ID: "small"}, {ID: "large", Body: make([]byte, maxOutboxBytes/2)}, {ID: "larger", Body: make([]byte, maxOutboxBytes/2)},
	}, nil)
	s.SaveWith("room-2", store.Record{}, messages("late"), nil)
	s.Flush()
	if dropped = s.Dropped() - dropped; dropped != 1 {
		t.Errorf("%d are dropped for their bytes", dropped)
	}
	dropped = s.Dropped()
	large := store.Record{Snapshot: make([]byte, b.Conn().MaxPayload()-slackBytes-recordFixedBytes-100)}
	if err := wait(t, func(done func(error)) { s.SaveWith("room-3", large, messages("a", "b", "c", "d", "e", "f"), done) }); err != nil {
		t.Fatal(err)
	}
	if dropped = s.Dropped() - dropped; dropped == 0 || dropped > 5 {
		t.Errorf("%d are dropped for a large record", dropped)
	}
	w.isCut.Store(false)
	wantQueue(t, s, "room-1", ids[:kept]...)
	wantQueue(t, s, "room-2", "small", "large", "larger")
	servertest.Eventually(t, "no byte is left", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.moves.bytes == 0
	})
}
