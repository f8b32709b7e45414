package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tally is what a campaign has counted.
type tally struct {
	relays, seatsLost atomic.Int64
	outcomes          []outcome

	mu sync.Mutex
	// ends and refusals count how sockets ended and what was refused.
	ends, refusals map[string]int
}

func (t *tally) ended(how string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends == nil {
		t.ends = map[string]int{}
	}
	t.ends[how]++
}

func (t *tally) refused(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusals == nil {
		t.refusals = map[string]int{}
	}
	t.refusals[what]++
}

// outcome is what one fault did: how long each room was silent.
type outcome struct {
	kind string
	// owned are the rooms whose owner was hit, and other are those that should not notice much.
	owned, other []time.Duration
	violations   int
}

func (o *outcome) add(hit bool, silence time.Duration) {
	if hit {
		o.owned = append(o.owned, silence)
	} else {
		o.other = append(o.other, silence)
	}
}

func (o *outcome) String() string {
	return fmt.Sprintf("owner hit %s, other rooms %s", spread(o.owned), spread(o.other))
}

// spread shows the median and the maximum.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "          -"
	}
	slices.Sort(d)
	return fmt.Sprintf("%5.2f %5.2f", d[len(d)/2].Seconds(), d[len(d)-1].Seconds())
}

// print shows a row for each kind.
func (t *tally) print(out io.Writer, rooms []*room) {
	byKind := map[string]*outcome{}
	faults := map[string]int{}
	for _, o := range t.outcomes {
		sum := byKind[o.kind]
		if sum == nil {
			sum = &outcome{}
			byKind[o.kind] = sum
		}
		sum.owned, sum.other = append(sum.owned, o.owned...), append(sum.other, o.other...)
		sum.violations += o.violations
		faults[o.kind]++
	}
	fmt.Fprintf(out, "\n%-22s %6s  %-22s %-22s %s\n", "", "", "silence of rooms whose", "silence of others,", "")
	fmt.Fprintf(out, "%-22s %6s  %-22s %-22s %s\n", "kind", "faults", "owner was hit, p50 max", "p50 max (s)", "violations")
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		o := byKind[kind]
		fmt.Fprintf(out, "%-22s %6d  %-22s %-22s %d\n", kind, faults[kind], spread(o.owned), spread(o.other), o.violations)
	}
	changes := 0
	for _, r := range rooms {
		changes += r.progress()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(out, "%d faults, %d changes acknowledged, %d relays received, %d seats lost\n", len(t.outcomes), changes, t.relays.Load(), t.seatsLost.Load())
	fmt.Fprintf(out, "sockets ended with %v, refused %v\n", t.ends, t.refusals)
}
