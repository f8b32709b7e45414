package stream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
)

// Put writes only what is expected, and says what it found instead.
func TestPutExpectsARevision(t *testing.T) {
	s := opened(t, single(t).Conn(), Config{Term: owner(1, 0)}, patient())
	key := NodeKey("node-a")
	first := s.PutWait(t.Context(), key, 0, []byte("one"))
	if first.Outcome != Stored || first.Revision == 0 {
		t.Fatal(first)
	}
	if again := s.PutWait(t.Context(), key, 0, []byte("other")); again.Outcome != Conflict || again.Revision != first.Revision {
		t.Errorf("created twice: %+v", again)
	}
	second := s.PutWait(t.Context(), key, first.Revision, []byte("two"))
	if second.Outcome != Stored || second.Revision <= first.Revision || s.Known() < second.Revision {
		t.Errorf("%+v, known %d", second, s.Known())
	}
	if late := s.PutWait(t.Context(), key, first.Revision, []byte("late")); late.Outcome != Conflict || late.Revision != second.Revision {
		t.Errorf("with an older revision: %+v", late)
	}
	if none := s.PutWait(t.Context(), TableKey, 7, []byte("table")); none.Outcome != Conflict || none.Revision != 0 {
		t.Errorf("a revision of a key that does not exist: %+v", none)
	}
	e, upTo, err := s.Get(t.Context(), key)
	if err != nil || string(e.Value) != "two" || e.Revision != second.Revision || upTo < e.Revision {
		t.Errorf("got %+v up to %d, %v", e, upTo, err)
	}
	if e, _, err := s.Get(t.Context(), TableKey); err != nil || e.Revision != 0 {
		t.Errorf("a key that does not exist is %+v, %v", e, err)
	}
}

// Nodes are read together with the table, at one moment.
func TestNodesAndTable(t *testing.T) {
	s := opened(t, single(t).Conn(), Config{Term: owner(1, 0)}, quick())
	for i := range 12 {
		if r := s.insist(t.Context(), NodeKey(fmt.Sprint(i)), 0, fmt.Append(nil, "node ", i), 0); r.Outcome != Stored {
			t.Fatal(r)
		}
	}
	if r := s.insist(t.Context(), TableKey, 0, []byte("table"), 0); r.Outcome != Stored {
		t.Fatal(r)
	}
	r, err := s.Nodes(t.Context())
	if err != nil || string(r.Entry(TableKey).Value) != "table" {
		t.Fatalf("%+v, %v", r, err)
	}
	nodes := 0
	for _, e := range r.Entries {
		if id, ok := NodeID(e.Key); ok {
			if string(e.Value) != "node "+id || e.Revision == 0 {
				t.Errorf("%+v", e)
			}
			nodes++
		}
	}
	if nodes != 12 {
		t.Errorf("%d nodes", nodes)
	}
}

// Of many that expect the same revision one is stored. Who was told nothing may have been that one.
func TestOneOfManyPutsIsStored(t *testing.T) {
	b := single(t)
	var n atomic.Int64
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		return fate{dropReply: m.Subject == TableKey && n.Add(1)%4 == 0}
	}), Config{Term: owner(1, 0)}, quick())
	var expected uint64
	for round := range 20 {
		var stored, unknown atomic.Int64
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for {
					r := s.PutWait(t.Context(), TableKey, expected, fmt.Append(nil, round, " ", i))
					switch r.Outcome {
					case Busy:
						continue
					case Stored:
						stored.Add(1)
					case Unknown:
						unknown.Add(1)
					}
					return
				}
			})
		}
		all.Wait()
		e, _, err := s.Get(t.Context(), TableKey)
		if err != nil || e.Revision <= expected || stored.Load() > 1 || stored.Load()+unknown.Load() == 0 {
			t.Fatalf("%d are stored, %d unknown, revision %d after %d: %v", stored.Load(), unknown.Load(), e.Revision, expected, err)
		}
		expected = e.Revision
	}
}
