package lease

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// steps is for a long run: at least so many steps of nodes, in worlds of random seeds. A million
// take half a minute.
//
//	go test ./server/cluster/lease -run Simulation -steps 1000000
var (
	steps = flag.Int("steps", 0, "steps of a long simulation, instead of the short one")
	seed  = flag.Uint64("seed", 0, "the first seed of a long simulation; 0 draws one")
)

type faultKind int

const (
	pause  faultKind = iota // as by SIGSTOP
	kill                    // and start again afterwards
	cut                     // from the register
	drain                   // and start again afterwards
	deaf                    // what it sends arrives, and no reply does
	outage                  // of the register: it takes no writes
	faultKinds
)

// fault is something that happens to a node.
type fault struct {
	kind  faultKind
	node  int
	atMs  int64
	forMs int64
}

// script is one run.
type script struct {
	seed   uint64
	nodes  int
	faults []fault
}

// chaosMs is how long faults happen, and settleMs how long the world has to get over them.
const (
	chaosMs  = 25_000
	settleMs = 15_000
)

func drawScript(t *rapid.T) script {
	s := script{seed: rapid.Uint64().Draw(t, "seed"), nodes: rapid.IntRange(2, 5).Draw(t, "nodes")}
	s.faults = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fault {
		return fault{
			kind:  faultKind(rapid.IntRange(0, int(faultKinds)-1).Draw(t, "kind")),
			node:  rapid.IntRange(0, s.nodes-1).Draw(t, "node"),
			atMs:  rapid.Int64Range(0, chaosMs-5000).Draw(t, "at"),
			forMs: rapid.Int64Range(1, 5000).Draw(t, "for"),
		}
	}), 0, 12).Draw(t, "faults")
	return s
}

func randomScript(seed uint64) script {
	rng := rand.New(rand.NewPCG(seed, 2))
	s := script{seed: seed, nodes: 2 + rng.IntN(4)}
	for range rng.IntN(13) {
		s.faults = append(s.faults, fault{
			kind: faultKind(rng.IntN(int(faultKinds))), node: rng.IntN(s.nodes), atMs: rng.Int64N(chaosMs - 5000), forMs: 1 + rng.Int64N(5000),
		})
	}
	return s
}

func (w *world) inflict(f fault) {
	m := w.nodes[f.node]
	switch f.kind {
	case pause:
		m.pausedUntilMs = w.nowMs + f.forMs
	case cut:
		m.cutUntilMs = w.nowMs + f.forMs
	case outage:
		w.outageUntilMs = w.nowMs + f.forMs*2
	case deaf:
		m.deafUntilMs = w.nowMs + f.forMs
	case kill:
		w.crash(m)
		w.in(f.forMs*f.forMs/5000, func() { w.start(m) }) // mostly at once
	case drain:
		if m.alive {
			w.step(m, Event{Kind: DrainAsked})
			w.in(f.forMs, func() { w.crash(m); w.start(m) })
		}
	}
}

// run plays a script and returns what went wrong, "" for nothing.
func (s script) run(broken broken) *world {
	w := newWorld(s.seed, s.nodes, broken)
	for _, f := range s.faults {
		w.in(f.atMs, func() { w.inflict(f) })
	}
	w.runUntil(chaosMs)
	w.calm = true
	for _, m := range w.nodes {
		w.start(m)
	}
	w.runUntil(chaosMs + settleMs)
	if w.fault == "" && broken == 0 {
		w.fault = w.unsettled()
	}
	return w
}

// TestNobodyIsEvictedForAnOutage: while the store takes no writes nobody can renew, so nobody may
// be judged by it.
func TestNobodyIsEvictedForAnOutage(t *testing.T) {
	if raced {
		t.Skip("no race to be found")
	}
	for n := range uint64(40) {
		w := newWorld(n, 2+int(n%4), 0)
		w.calm = true
		lasts := int64(n) * 220
		w.in(6000+w.rng.Int64N(500), func() { w.outageUntilMs = w.nowMs + lasts })
		w.runUntil(20_000)
		if w.fault == "" {
			w.fault = w.unsettled()
		}
		if w.fault != "" || w.evicted > 0 {
			t.Errorf("seed %d, %d ms: %d were evicted; %s", n, lasts, w.evicted, w.fault)
		}
	}
}

// TestASlowStoreIsEnough: each message takes so long that the reply to a request comes after the
// next request, and still well before a lease is over.
func TestASlowStoreIsEnough(t *testing.T) {
	for n, lagMs := range []int64{0, 100, 150, 250, 400, 600} {
		w := newWorld(uint64(n), 3, 0)
		w.calm, w.lagMs = true, lagMs
		w.runUntil(90_000)
		if w.fault == "" {
			w.fault = w.unsettled()
		}
		if w.fault != "" || w.evicted > 0 {
			t.Errorf("%d ms each way: %d were evicted; %s", lagMs, w.evicted, w.fault)
		}
	}
}

// unsettled says what is not as it must be without faults: every shard has a valid owner, and no
// node has two more than another.
func (w *world) unsettled() string {
	least, most := Shards, 0
	owned := 0
	for _, m := range w.nodes {
		count := 0
		for i := range Shards {
			if m.node.Valid(m.local(w.nowMs), i, m.shards[i]) {
				count++
			}
		}
		least, most, owned = min(least, count), max(most, count), owned+count
	}
	if owned != Shards || most-least > 1 {
		return fmt.Sprintf("unsettled: %d shards have an owner; a node has %d, another %d", owned, least, most)
	}
	return ""
}

// TestSimulation: whatever happens, a shard has one valid owner, leaves it only by its own write or
// after its end, in terms that grow; and when nothing happens any more, every shard has one.
func TestSimulation(t *testing.T) {
	if raced && *steps == 0 {
		*steps = 10_000
	}
	if *steps > 0 {
		long(t)
		return
	}
	rapid.Check(t, func(t *rapid.T) {
		if w := drawScript(t).run(0); w.fault != "" {
			t.Fatalf("after %d steps: %s", w.steps, w.fault)
		}
	})
}

// TestSameEventsSameEffects: nothing but the events decides what a node does.
func TestSameEventsSameEffects(t *testing.T) {
	for n := range uint64(3) {
		first, again := randomScript(n).run(0), randomScript(n).run(0)
		if first.digest != again.digest || first.digest == 0 {
			t.Errorf("seed %d: the second run had other effects", n)
		}
	}
}

func long(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	t.Logf("the first seed is %d", first)
	done := 0
	for n := first; done < *steps; n++ {
		for kind, script := range [2]script{randomScript(n), deafStarts(n)} {
			w := script.run(0)
			done += w.steps
			if w.fault != "" {
				t.Fatalf("seed %d of script %d, after %d steps: %s", n, kind, w.steps, w.fault)
			}
		}
	}
	t.Logf("%d steps", done)
}
