package lease

import (
	"math/rand/v2"
	"os"
	"testing"
)

// mutants are nodes that break one rule each, with the kind of fault that must come of it.
var mutants = []struct {
	name   string
	broken broken
	kinds  []string
	// script makes its worlds, nil for randomScript.
	script func(seed uint64) script
}{
	{"evicts too early", evictEarly, []string{"owners", "terms"}, nil},
	{"evicts without a condition", evictWithoutCAS, []string{"owners", "terms"}, nil},
	{"writes the table without a condition", tableWithoutCAS, []string{"owners", "terms", "taken"}, nil},
	{"believes leases older than the table", oldLeases, []string{"owners", "terms", "taken"}, nil},
	{"believes an older table", oldTable, []string{"owners", "terms"}, nil},
	{"acts while it hands over", actHandingOver, []string{"owners", "terms"}, nil},
	{"acts while suspended", actSuspended, []string{"owners", "terms"}, nil},
	{"has no margins", noMargin, []string{"owners", "terms"}, nil},
	{"adopts others' bytes", adoptOthers, []string{"owners", "terms", "taken"}, nil},
	{"takes its lease back after an eviction", retakeOwn, []string{"owners", "terms", "taken"}, deafStarts},
	{"takes shards from the living", takeFromLiving, []string{"taken"}, nil},
	{"hands over in the same term", sameTerm, []string{"terms"}, nil},
	{"takes an unknown outcome for a failure", unknownIsFailed, []string{"owners", "terms"}, nil},
}

// maxRuns is how many worlds a mutant may live in before it has to be found.
const maxRuns = 1000

// TestMutantsAreFound: a simulation that finds none of these would prove nothing.
func TestMutantsAreFound(t *testing.T) {
	if raced {
		t.Skip("no race to be found")
	}
	for _, mutant := range mutants {
		t.Run(mutant.name, func(t *testing.T) {
			t.Parallel()
			make := randomScript
			if mutant.script != nil {
				make = mutant.script
			}
			for n := range uint64(maxRuns) {
				w := make(n).run(mutant.broken)
				if w.fault == "" {
					continue
				}
				for _, kind := range mutant.kinds {
					if kind == faultKindOf(w.fault) {
						t.Logf("seed %d: %s", n, w.fault)
						return
					}
				}
				t.Fatalf("seed %d: another fault than expected: %s", n, w.fault)
			}
			t.Errorf("not found in %d worlds", maxRuns)
		})
	}
}

// TestTranscriptsFindMutants: what these rules prevent takes more coincidences than the worlds of a
// simulation have, so a transcript shows each.
func TestTranscriptsFindMutants(t *testing.T) {
	for _, mutant := range []struct {
		name, transcript string
		broken           broken
	}{
		{"ends a record of whom the table names", "retire-not-named", retireNamed},
		{"ends a record that is newer than the table", "retire", retireUnfenced},
		{"adds a node that was read before the table", "read-before-added", nameUnread},
	} {
		text, err := os.ReadFile("testdata/" + mutant.transcript + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		r := newRunner()
		r.node.broken = mutant.broken
		if got, err := r.replay(string(text)); err == nil && got == string(text) {
			t.Errorf("%s: %s does not find it", mutant.name, mutant.transcript)
		}
	}
}

// deafStarts is a script in which nodes start without learning that they have their leases, until
// they are evicted.
func deafStarts(seed uint64) script {
	s := randomScript(seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	s.faults = nil
	for atMs := int64(4000); atMs < chaosMs-5000; atMs += 5500 {
		node := rng.IntN(s.nodes)
		s.faults = append(s.faults,
			fault{kind: kill, node: node, atMs: atMs, forMs: 1},
			fault{kind: deaf, node: node, atMs: atMs + 10 + rng.Int64N(60), forMs: 3500 + rng.Int64N(1000)})
	}
	return s
}
