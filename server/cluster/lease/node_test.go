package lease

import (
	"fmt"
	"strings"
	"testing"
)

// held is a node a that owns everything until 3950.
func held(t testing.TB) *Node {
	n := New(DefaultConfig("a"))
	request := func(effects []Effect, kind EffectKind, key string) (uint64, []byte) {
		for _, e := range effects {
			if e.Kind == kind && e.Key == key {
				return e.Request, e.Bytes
			}
		}
		t.Fatalf("no effect %d for %q in %+v", kind, key, effects)
		return 0, nil
	}
	fetch, _ := request(n.Step(1000, Event{Kind: Started, Nonce: 1}, nil), Fetch, "")
	lease, record := request(n.Step(1000, Event{Kind: Fetched, Request: fetch}, nil), Put, NodePrefix+"a")
	fetch, _ = request(n.Step(1000, Event{Kind: Acked, Request: lease, Revision: 1}, nil), Fetch, "")
	table, _ := request(n.Step(1000, Event{Kind: Fetched, Request: fetch, Revision: 1, Records: []Stored{{NodePrefix + "a", 1, record}}}, nil), Put, TableKey)
	n.Step(1000, Event{Kind: Acked, Request: table, Revision: 2}, nil)
	return n
}

func TestValidEndsWithTheLease(t *testing.T) {
	n := held(t)
	who, term, here := n.Owner(5)
	if who != n.Self() || term == 0 || !here {
		t.Fatal("the shard is not here", who, term, here)
	}
	if !n.Valid(3949, 5, term) || n.Valid(3950, 5, term) || n.Valid(1000, 5, term+1) || n.Valid(1000, 5, 0) {
		t.Error("valid at another time or in another term than the lease's")
	}
}

func TestPeerIsKnownByItsRecord(t *testing.T) {
	n := held(t)
	if record, ok := n.Peer("a"); !ok || record.Nonce != n.Self().Nonce || record.MaxWire != 1 {
		t.Errorf("a is %+v, %t", record, ok)
	}
	if _, ok := n.Peer("b"); ok {
		t.Error("b is known")
	}
}

// TestLooksAllocateNothing: they are made for each frame.
func TestLooksAllocateNothing(t *testing.T) {
	n := held(t)
	id := strings.Repeat("x", 100)
	if allocs := testing.AllocsPerRun(100, func() {
		shard := ShardOf(id)
		_, term, _ := n.Owner(shard)
		if !n.Valid(1000, shard, term) {
			t.Error("not valid")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestShardOfIsPinned: rooms are stored under their shard.
func TestShardOfIsPinned(t *testing.T) {
	for id, want := range map[string]int{"": 961, "room-1": 360, "0b9f6a1c-6a4e-4b57-9f3a-2f1f3d1c7a55": 879} {
		if got := ShardOf(id); got != want {
			t.Errorf("%q is in shard %d, and was in %d", id, got, want)
		}
	}
}

func TestRoomsSpreadOverShards(t *testing.T) {
	counts := [Shards]int{}
	for i := range 100 * Shards {
		counts[ShardOf(fmt.Sprint("room-", i))]++
	}
	for shard, count := range counts {
		if count < 50 || count > 150 {
			t.Errorf("shard %d has %d rooms of 100", shard, count)
		}
	}
}

func BenchmarkValid(b *testing.B) {
	n := held(b)
	_, term, _ := n.Owner(5)
	for b.Loop() {
		if !n.Valid(1000, 5, term) {
			b.Fatal("not valid")
		}
	}
}
