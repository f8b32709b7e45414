package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/store"
)

// failure is JetStream's reply that refuses a write.
func failure(code, errCode int, description string) *nats.Msg {
	body, _ := json.Marshal(ack{Stream: Name, Error: &apiError{code, errCode, description}})
	return &nats.Msg{Data: body}
}

// once gives a fate to the write of that number, counted from 1.
func once(number int64, at fate) func(*nats.Msg) fate {
	var writes atomic.Int64
	return func(m *nats.Msg) fate {
		if isRoom(m) && writes.Add(1) == number {
			return at
		}
		return fate{}
	}
}

// A stream that takes longer for every reply than a try waits at first still takes the write, and
// the queue its messages.
func TestASlowStreamTakesWrites(t *testing.T) {
	t.Parallel()
	b := single(t)
	times := quick()
	times.replyAfter = 300 * time.Millisecond
	slow := func(m *nats.Msg) (at fate) {
		if isRoom(m) || isQueued(m) {
			at.delayReply = 2 * times.replyAfter
		}
		return at
	}
	s := opened(t, newFaulty(b.Conn(), slow), sending(owner(1, 0)), times)
	saveWith(t, s, "room", "1", "a", "b")
	want(t, s, "room", "1")
	wantQueue(t, s, "room", "a", "b")
}

// Each row of the table of replies ends with the newest snapshot stored.
func TestRepliesToAWrite(t *testing.T) {
	b := single(t)
	for name, at := range map[string]fate{
		"the reply is lost":           {dropReply: true},
		"the reply is late":           {delayReply: 3 * soon / 2},
		"the write is lost":           {drop: true},
		"the write is late":           {delay: 3 * soon / 2},
		"the write comes twice":       {twice: true, delay: 5 * time.Millisecond},
		"it cannot be sent":           {refuse: true},
		"nobody leads the stream":     {reply: &nats.Msg{Header: nats.Header{"Status": {"503"}}}},
		"another write is in process": {reply: failure(400, codeInProcess, "wrong last sequence")},
		"the server is short of disk": {reply: failure(503, 10077, "no space left on device")},
		"the conflict has no number":  {reply: failure(400, codeWrongLast, "wrong last sequence")},
		"the reply is no JSON":        {reply: &nats.Msg{Data: []byte("?")}},
		"another stream answers":      {reply: &nats.Msg{Data: []byte(`{"stream":"OTHER","seq":7}`)}},
		"a deposed leader answers":    {reply: failure(400, codeWrongLast, "wrong last sequence: 1")},
		"it says that none exists":    {reply: failure(400, codeWrongLast, "wrong last sequence: 0")},
	} {
		t.Run(name, func(t *testing.T) {
			times := patient() // else the second write may be another try of the first one
			if at.reply == nil {
				times = quick()
			}
			s := opened(t, newFaulty(b.Conn(), once(2, at)), Config{Term: owner(1, 0)}, times)
			for i := range 3 {
				if err := save(t, s, name, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			want(t, s, name, "2")
			if s.Stats().Lost != 0 {
				t.Errorf("nothing was lost, and it counts: %+v", s.Stats())
			}
			s.Close()
			s = opened(t, b.Conn(), Config{Term: owner(2, 0)}, quick())
			defer s.Close()
			want(t, s, name, "2")
		})
	}
}

// A deposed leader names what it has for as long as it does not know that it is none, and meanwhile
// neither the write that would prove it wrong nor a read need come through. None of it is a loss.
func TestWhatADeposedLeaderHasIsNoLoss(t *testing.T) {
	b := single(t)
	var rooms, probes, reads atomic.Int64
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) (at fate) {
		switch {
		case isRoom(m):
			if n := rooms.Add(1); n > 1 && n < 5 {
				at.reply = failure(400, codeWrongLast, "wrong last sequence: 1")
			}
		case m.Subject == probeKey:
			at.dropReply = probes.Add(1) < 3
		case isRead(m) && probes.Load() > 0:
			at.dropReply = reads.Add(1) < 3
		}
		return at
	}), Config{Term: owner(1, 0)}, quick())
	for i := range 2 {
		if err := save(t, s, "room-1", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if stats := s.Stats(); stats.Lost != 0 || probes.Load() < 3 || reads.Load() < 3 {
		t.Errorf("%d probes, %d reads, %+v", probes.Load(), reads.Load(), stats)
	}
	want(t, s, "room-1", "1")
}

// What a majority no longer has is counted, and written again from memory.
func TestALossIsCountedAndWrittenAgain(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	for _, id := range []string{"room-0", "room-1"} {
		if err := save(t, s, id, "before"); err != nil {
			t.Fatal(err)
		}
	}
	replaced(t, b.Conn())
	if err := save(t, s, "room-1", "after"); err != nil {
		t.Fatal(err)
	}
	if stats := s.Stats(); stats.Lost != 1 {
		t.Errorf("%+v", stats)
	}
	s.Forget()
	want(t, s, "room-1", "after")
}

// After a restore of an older stream, terms begin again with those of the older table. What another
// node has written since is never written over, whatever its term.
func TestAfterARestoreTheOthersRecordStays(t *testing.T) {
	for name, term := range map[string]uint64{"a lower term": 3, "a higher term": 7} {
		t.Run(name, func(t *testing.T) {
			b := single(t)
			s := opened(t, b.Conn(), Config{Term: owner(5, 0)}, quick())
			for i := range 5 { // the restored stream is shorter
				if err := save(t, s, fmt.Sprint("room-", i), "before"); err != nil {
					t.Fatal(err)
				}
			}
			replaced(t, b.Conn())
			other := opened(t, b.Conn(), Config{Term: owner(term, 0)}, quick())
			if err := save(t, other, "room-4", "the other's"); err != nil {
				t.Fatal(err)
			}
			if err := save(t, s, "room-4", "late"); !errors.Is(err, ErrFenced) || s.Stats().Lost != 0 {
				t.Errorf("%v, %+v", err, s.Stats())
			}
			want(t, other, "room-4", "the other's")
		})
	}
}

// What an older record is written over for, and what not.
func TestOlderRecords(t *testing.T) {
	const claimed = 40
	e := &entry{key: roomKey("room-1"), term: Term{Number: 5, Incarnation: "me"}, claimed: claimed}
	by := func(term uint64, incarnation string) []byte {
		return appendStored(nil, e.key, &stored{term: term, incarnation: incarnation})
	}
	newer := by(4, "other")
	newer[0] = recordVersion + 2
	seal(e.key, newer)
	for name, row := range map[string]struct {
		found  Entry
		fenced bool
	}{
		"none":                           {Entry{}, false},
		"an earlier one of this node":    {Entry{Value: by(5, "me"), Revision: 41}, false},
		"this node's of an earlier term": {Entry{Value: by(3, "me"), Revision: 30}, false},
		"the one that was claimed":       {Entry{Value: by(4, "other"), Revision: claimed}, false},
		"no record at all":               {Entry{Value: []byte("?"), Revision: 30}, false},
		"another's in an earlier term":   {Entry{Value: by(4, "other"), Revision: 39}, true},
		"another's in the same term":     {Entry{Value: by(5, "other"), Revision: 41}, true},
		"another's in a later term":      {Entry{Value: by(6, "other"), Revision: claimed}, true},
		"of a newer usher":               {Entry{Value: newer, Revision: claimed}, true},
	} {
		row.found.Key = e.key
		if err := e.older(row.found); errors.Is(err, ErrFenced) != row.fenced {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A deposed leader may refuse the writes of all rooms: one probe is enough for all that it refused
// before the probe was sent.
func TestOneProbeForManyRooms(t *testing.T) {
	b := single(t)
	const rooms = 20
	var deposed atomic.Bool
	var refused, probes atomic.Int64
	times := patient()
	times.unhealthyAfter = patience // nothing else writes a probe
	var s *Stream
	waiting := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.probes)
	}
	s = opened(t, newFaulty(b.Conn(), func(m *nats.Msg) (at fate) {
		switch {
		case isRoom(m) && deposed.Load() && refused.Add(1) <= rooms:
			at.reply = failure(400, codeWrongLast, "wrong last sequence: 1")
		case m.Subject == probeKey && probes.Add(1) == 1:
			at.rewrite = func(*nats.Msg) { // the first reply comes after all refusals
				for waiting() < rooms-1 {
					time.Sleep(time.Millisecond)
				}
			}
		}
		return at
	}), Config{Term: owner(1, 0)}, times)
	id := func(i int) string { return fmt.Sprint("room-", i) }
	for i := range rooms {
		if err := save(t, s, id(i), "before"); err != nil {
			t.Fatal(err)
		}
	}
	deposed.Store(true)
	var all sync.WaitGroup
	for i := range rooms {
		all.Go(func() {
			if err := save(t, s, id(i), "after"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := probes.Load(); n != 2 || s.Stats().Lost != 0 {
		t.Errorf("%d probes, %+v", n, s.Stats())
	}
}

// What JetStream will never store fails at once, and only for that room.
func TestRefusedWriteFails(t *testing.T) {
	b := single(t)
	s := opened(t, newFaulty(b.Conn(), once(1, fate{reply: failure(400, 10054, "message size exceeds maximum allowed")})), Config{Term: owner(1, 0)}, quick())
	if err := save(t, s, "room-1", "x"); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("the error is %v", err)
	}
	if err := save(t, s, "room-2", "x"); err != nil || !s.Healthy() {
		t.Errorf("the next room: %v, healthy %v", err, s.Healthy())
	}
	large := store.Record{Snapshot: make([]byte, b.Conn().MaxPayload())}
	if err := wait(t, func(done func(error)) { s.Save("room-3", large, done) }); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record that is too large: %v", err)
	}
}

// Without a reply the stream is soon unhealthy, gives the room up later, and is healthy again
// once a probe is stored. What was given up and is stored late is refused or unseen.
func TestSilenceIsUnhealthyAndThenGivenUp(t *testing.T) {
	b := single(t)
	var silent atomic.Bool
	health := make(chan error, 100)
	short := quick()
	short.replyAfter, short.unhealthyAfter, short.giveUpAfter = time.Second, 100*time.Millisecond, 5*time.Second
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		return fate{drop: silent.Load() && (isRoom(m) || m.Subject == probeKey)}
	}), Config{Term: owner(1, 0), OnHealth: func(err error) { health <- err }}, short)
	if err := save(t, s, "room-1", "before"); err != nil {
		t.Fatal(err)
	}
	silent.Store(true)
	given := make(chan error, 2)
	s.Save("room-1", store.Record{Snapshot: []byte("unknown")}, func(err error) { given <- err })
	s.Save("room-1", store.Record{Snapshot: []byte("unknown too")}, func(err error) { given <- err })
	for s.Accepts() {
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		if err := <-given; !errors.Is(err, ErrUnknown) {
			t.Errorf("given up for %v", err)
		}
	}
	if s.Healthy() {
		t.Error("it is healthy though nothing has been stored since")
	}
	silent.Store(false)
	for !s.Accepts() { // until a probe is stored
		time.Sleep(time.Millisecond)
	}
	if err := <-health; !errors.Is(err, ErrUnknown) {
		t.Errorf("it was unhealthy for %v", err)
	}
	want(t, s, "room-1", "before")
	if err := save(t, s, "room-1", "after"); err != nil {
		t.Error(err)
	}
	s.Flush() // save returns before what was queued is subtracted
	if stats := s.Stats(); stats.GivenUp != 1 || stats.Queued != 0 || stats.QueuedBytes != 0 {
		t.Errorf("%+v", stats)
	}
}

// A write that was given up and arrives after the room was loaded again changes nothing.
func TestGivenUpWriteArrivesLate(t *testing.T) {
	b := single(t)
	short := quick()
	short.replyAfter, short.giveUpAfter = time.Second, 5*time.Second
	var hold atomic.Bool
	held := make(chan *nats.Msg, 1)
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		if hold.Load() && isRoom(m) {
			select {
			case held <- m:
			default: // one is enough
			}
			return fate{drop: true}
		}
		return fate{}
	}), Config{Term: owner(1, 0)}, short)
	if err := save(t, s, "room-1", "seen"); err != nil {
		t.Fatal(err)
	}
	hold.Store(true)
	if err := save(t, s, "room-1", "unseen"); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	hold.Store(false)
	want(t, s, "room-1", "seen")
	if err := b.Conn().PublishMsg(<-held); err != nil {
		t.Fatal(err)
	}
	_ = b.Conn().Flush()
	want(t, s, "room-1", "seen")
	if err := save(t, s, "room-1", "next"); err != nil {
		t.Fatal(err)
	}
	want(t, s, "room-1", "next")
}

// Close fails what is under way, and Save and Load afterwards.
func TestClose(t *testing.T) {
	b := single(t)
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate { return fate{drop: isRoom(m)} }), Config{Term: owner(1, 0)}, quick())
	results := make(chan error, 3)
	for range 2 {
		s.Save("room-1", store.Record{}, func(err error) { results <- err })
	}
	s.Close()
	s.Close()
	s.Delete("room-1", func(err error) { results <- err })
	for range 3 {
		if err := <-results; !errors.Is(err, store.ErrClosed) {
			t.Errorf("a save ends with %v", err)
		}
	}
	if _, _, err := s.Load("room-1"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a load ends with %v", err)
	}
	s.Flush()
}
