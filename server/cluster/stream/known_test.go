package stream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// replaced puts an empty stream in the place of the stream, as a restore from an old backup does.
func replaced(t *testing.T, conn *nats.Conn) {
	t.Helper()
	ask(t, conn, "$JS.API.STREAM.DELETE."+Name, nil)
	other, err := Open(t.Context(), Config{Conn: conn, Replicas: 1, Term: owner(1, 0), Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
}

// What a node knew of a stream that was lost would make it refuse every read of the restored one.
func TestForgetLetsAnOlderStreamBeRead(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	for i := range 10 {
		if err := save(t, s, fmt.Sprint("room-", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	replaced(t, b.Conn())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.Nodes(ctx); err == nil {
		t.Fatal("a reply from behind is believed")
	}
	read := make(chan error, 1)
	go func() { // a read that has begun before
		_, err := s.Nodes(t.Context())
		read <- err
	}()
	time.Sleep(10 * time.Millisecond) // as if; without it the read begins after
	s.Forget()
	if err := <-read; err != nil {
		t.Error(err)
	}
	want(t, s, "room-0", "")
	if err := save(t, s, "room-0", "again"); err != nil {
		t.Fatal(err)
	}
}

// A leader that is deposed, and does not know it, may name a revision that is never stored.
func TestARevisionInAConflictIsNotKnown(t *testing.T) {
	b := single(t)
	var lie atomic.Bool
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		if m.Subject != NodeKey("a") || !lie.Swap(false) {
			return fate{}
		}
		return fate{reply: &nats.Msg{Data: fmt.Appendf(nil,
			`{"error":{"code":400,"err_code":%d,"description":"wrong last sequence: 1000000"},"stream":%q,"seq":0}`, codeWrongLast, Name)}}
	}), Config{Term: owner(1, 0)}, quick())
	lie.Store(true)
	if r := s.PutWait(t.Context(), NodeKey("a"), 0, []byte("x")); r.Outcome != Conflict || r.Revision != 1_000_000 {
		t.Fatalf("%+v", r)
	}
	if known := s.Known(); known >= 1_000_000 {
		t.Errorf("%d is known", known)
	}
	lie.Store(true)
	if r := s.insist(t.Context(), NodeKey("a"), 0, []byte("x"), 0); r.Outcome != Stored {
		t.Errorf("the write is given up for a revision that nobody has: %+v", r)
	}
	if e, _, err := s.Get(t.Context(), NodeKey("a")); err != nil || !strings.Contains(string(e.Value), "x") {
		t.Error(e, err)
	}
}
