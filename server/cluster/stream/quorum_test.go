package stream

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"usher/server/cluster/broker"
	"usher/server/servertest"
)

// long lets every server lead and die in turn, which takes minutes.
var long = flag.Bool("long", false, "kill the leader ten times")

// quorum is three embedded servers.
type quorum struct {
	t     *testing.T
	dir   string
	peers []string
	nodes [3]*broker.Broker
}

func newQuorum(t *testing.T) *quorum {
	t.Helper()
	q := &quorum{t: t, dir: t.TempDir(), peers: servertest.FreeAddresses(t, 3)}
	for i := range q.nodes {
		q.start(i)
	}
	for _, b := range q.nodes {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := b.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func (q *quorum) start(i int) {
	q.t.Helper()
	b, err := broker.Open(broker.Config{
		NodeID: fmt.Sprint("node-", i), Listen: q.peers[i], Peers: q.peers, Secret: secret,
		Dir: filepath.Join(q.dir, fmt.Sprint(i)), Log: testLog(q.t),
	})
	if err != nil {
		q.t.Fatal(err)
	}
	q.nodes[i] = b
	q.t.Cleanup(b.Close)
}

// leader waits for a leader of the stream other than those.
func (q *quorum) leader(not ...int) int {
	q.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	nodes:
		for i, b := range q.nodes {
			for _, n := range not {
				if i == n {
					continue nodes
				}
			}
			if b.IsLeader(Name) {
				return i
			}
		}
	}
	q.t.Fatal("the stream has no leader")
	return -1
}

// The stream's leader dies under writes: each write waits, is written by the next leader, and
// nothing that was acknowledged is missing, on any server.
func TestLeaderDies(t *testing.T) {
	deaths := 1
	if *long {
		deaths = 10
	}
	q := newQuorum(t)
	for death := range deaths {
		if death == 0 { // the stream exists from here on
			opened(t, q.nodes[0].Conn(), Config{Replicas: 3, Term: owner(1, 0)}, defaultTuning).Close()
		}
		leader := q.leader()
		s := opened(t, q.nodes[(leader+1)%3].Conn(), Config{Replicas: 3, Term: owner(uint64(1+2*death), 0)}, defaultTuning)
		var ledgers [32]ledger
		var all sync.WaitGroup
		stop := make(chan bool)
		id := func(i int) string { return fmt.Sprint("death-", death, "-", i) }
		for i := range ledgers {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(2 * time.Millisecond):
						ledgers[i].next(s, id(i))
					}
				}
			})
		}
		time.Sleep(300 * time.Millisecond)
		q.nodes[leader].Close()
		q.leader(leader)
		close(stop)
		all.Wait()
		s.Flush()
		t.Logf("%+v", s.Stats())
		s.Close()
		q.start(leader)
		// Every server has all of it, the one that was away too.
		for n, b := range q.nodes {
			after := opened(t, b.Conn(), Config{Replicas: 3, Term: owner(uint64(2+2*death), 0)}, defaultTuning)
			for i := range ledgers {
				l := &ledgers[i]
				if l.failed.Load() || l.acked.Load() != l.saved.Load() {
					t.Errorf("room %d: %d of %d are acknowledged", i, l.acked.Load(), l.saved.Load())
				}
				want(t, after, id(i), fmt.Sprint(l.saved.Load()))
			}
			if err := after.Check(t.Context()); err != nil {
				t.Errorf("node %d: %v", n, err)
			}
			after.Close()
		}
	}
}

// Asked to step down, the leader hands over in much less than an election takes: no write becomes
// unknown for longer than the stream may be unhealthy.
func TestLeaderStepsDown(t *testing.T) {
	q := newQuorum(t)
	s := opened(t, q.nodes[0].Conn(), Config{Replicas: 3, Term: owner(1, 0)}, defaultTuning)
	if err := save(t, s, "room-1", "before"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	leader := q.leader()
	for i, b := range q.nodes { // those that do not lead have nothing to do
		if i != leader {
			if err := b.StepDown(ctx, Name); err != nil || !q.nodes[leader].IsLeader(Name) {
				t.Errorf("node %d: %v", i, err)
			}
		}
	}
	if err := q.nodes[leader].StepDown(ctx, Name); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := save(t, s, "room-1", "after"); err != nil {
		t.Fatal(err)
	}
	t.Logf("stored %v after the leader stepped down", time.Since(began).Round(time.Millisecond))
	want(t, s, "room-1", "after")
}
