package stream

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"usher/server/cluster/broker"
	"usher/server/servertest"
	"usher/server/store"
)

// patience is how long a test waits. Only a failure waits that long.
const patience = servertest.Patience

var secret = []byte("a secret of the tests, and long enough")

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// single starts an embedded server without peers.
func single(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Open(broker.Config{NodeID: "a", Peers: []string{"single"}, Secret: secret, Dir: t.TempDir(), Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// owner owns every shard in a term.
func owner(term uint64, sinceMs int64) func(int) (Term, bool) {
	return func(int) (Term, bool) {
		return Term{Number: term, Incarnation: fmt.Sprint("node-", term), SinceMs: sinceMs}, true
	}
}

func opened(t *testing.T, conn Conn, c Config, with tuning) *Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.Conn = conn
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Log == nil {
		c.Log = testLog(t)
	}
	s, err := open(ctx, c, with)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// save saves and waits for the result.
func save(t *testing.T, s *Stream, id, snapshot string) error {
	t.Helper()
	return wait(t, func(done func(error)) { s.Save(id, store.Record{Snapshot: []byte(snapshot)}, done) })
}

func wait(t *testing.T, do func(done func(error))) error {
	t.Helper()
	result := make(chan error, 1)
	do(func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		t.Fatal("done is not called")
		return nil
	}
}

// want loads a room and compares its snapshot; "" means that there must be none.
func want(t *testing.T, s *Stream, id, snapshot string) {
	t.Helper()
	r, found, err := s.Load(id)
	if err != nil || found != (snapshot != "") || string(r.Snapshot) != snapshot {
		t.Fatalf("%s is %q, found %v, %v; want %q", id, r.Snapshot, found, err, snapshot)
	}
}
