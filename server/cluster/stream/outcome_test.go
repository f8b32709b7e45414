package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/store"
)

// failure is JetStream's answer that refuses a write.
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

// Each row of the table of answers ends with the newest snapshot stored.
func TestAnswersToAWrite(t *testing.T) {
	b := single(t)
	for name, at := range map[string]fate{
		"the reply is lost":           {dropAnswer: true},
		"the reply is late":           {delayAnswer: 60 * time.Millisecond},
		"the write is lost":           {drop: true},
		"the write is late":           {delay: 60 * time.Millisecond},
		"the write comes twice":       {twice: true, delay: 5 * time.Millisecond},
		"it cannot be sent":           {refuse: true},
		"nobody leads the stream":     {answer: &nats.Msg{Header: nats.Header{"Status": {"503"}}}},
		"another write is in process": {answer: failure(400, codeInProcess, "wrong last sequence")},
		"the server is short of disk": {answer: failure(503, 10077, "no space left on device")},
		"the conflict has no number":  {answer: failure(400, codeWrongLast, "wrong last sequence")},
		"the reply is no JSON":        {answer: &nats.Msg{Data: []byte("?")}},
		"another stream answers":      {answer: &nats.Msg{Data: []byte(`{"stream":"OTHER","seq":7}`)}},
		"an older revision is found":  {answer: failure(400, codeWrongLast, "wrong last sequence: 1")},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, newFaulty(b.Conn(), once(2, at)), Config{Term: owner(1, 0)}, quick())
			for i := range 3 {
				if err := save(t, s, name, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			want(t, s, name, "2")
			if name == "an older revision is found" && s.Stats().Lost != 1 {
				t.Errorf("the loss is not counted: %+v", s.Stats())
			}
			s.Close()
			s = opened(t, b.Conn(), Config{Term: owner(2, 0)}, quick())
			defer s.Close()
			want(t, s, name, "2")
		})
	}
}

// What JetStream will never store fails at once, and only for that room.
func TestRefusedWriteFails(t *testing.T) {
	b := single(t)
	s := opened(t, newFaulty(b.Conn(), once(1, fate{answer: failure(400, 10054, "message size exceeds maximum allowed")})), Config{Term: owner(1, 0)}, quick())
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
	short.answerAfter, short.unhealthyAfter, short.giveUpAfter = 20*time.Millisecond, 100*time.Millisecond, 3*time.Second
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
	if stats := s.Stats(); stats.GivenUp != 1 || stats.Queued != 0 || stats.QueuedBytes != 0 {
		t.Errorf("%+v", stats)
	}
}

// A write that was given up and arrives after the room was loaded again changes nothing.
func TestGivenUpWriteArrivesLate(t *testing.T) {
	b := single(t)
	short := quick()
	short.answerAfter, short.giveUpAfter = 20*time.Millisecond, 3*time.Second
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
