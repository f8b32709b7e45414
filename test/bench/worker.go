package main

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

// workerSettings are the load of the worker's measurements.
type workerSettings struct {
	relay     relaySettings
	processes int
	against   string
	wakes     int
	wakeAfter time.Duration
	starts    int
}

func (s *workerSettings) flags(f *flag.FlagSet) {
	s.relay.flags(f)
	// A round is short, so that what disturbs the machine meets both sides.
	setDefault(f, "rounds", "24", "rounds of each process, in turn")
	setDefault(f, "messages", "3000", "offers in a round")
	s.relay.warmUp = 30_000
	f.IntVar(&s.processes, "processes", 8, "processes of each side, two at a time; 0 to leave the relay out")
	f.StringVar(&s.against, "against", "", "a `folder` with another bundle of the worker, to measure against that and not the peer")
	f.IntVar(&s.wakes, "wakes", 20, "rooms to be woken from hibernation, 0 to leave that out")
	f.DurationVar(&s.wakeAfter, "wake-after", 15*time.Second, "how long those rooms are left alone; workerd evicts after ten seconds")
	f.IntVar(&s.starts, "starts", 15, "processes that compile and initialise the Wasm, 0 to leave that out")
}

// worker measures usher's worker: the CPU of a relayed offer against that of a plain Durable Object
// under the same workerd, the Wasm's size, and what waking and starting cost.
func (w *workshop) worker(s workerSettings) (rows []row, err error) {
	if err := s.relay.check(); err != nil {
		return nil, err
	}
	if len(w.extra) > 0 {
		return nil, errors.New("the worker takes no -usher-flags; its variables are in workerd.go")
	}
	bundles, err := w.bundles(s.against)
	if err != nil {
		return nil, err
	}
	for _, measure := range []func() ([]row, error){
		func() ([]row, error) { return w.workerRelay(s, bundles) },
		func() ([]row, error) { return workerSize(bundles[0]) },
		func() ([]row, error) { return w.wake(s, bundles) },
		func() ([]row, error) { return w.cold(s, bundles[0]) },
	} {
		more, err := measure()
		// What was measured before a failure is still worth showing.
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// bundles makes what is measured and what it is measured against.
func (w *workshop) bundles(against string) (both [2]bundle, err error) {
	if w.tools, err = findWorkerTools(w.repository); err != nil {
		return both, err
	}
	if both[1], err = w.ownBundle(kindPeer); err != nil {
		return both, err
	}
	if w.tested() == kindPeer {
		both[0] = both[1]
		return both, nil
	}
	if both[0], err = w.workerBundle(w.program); err == nil && against != "" {
		both[1], err = w.workerBundle(against)
	}
	return both, err
}

// setDefault gives a flag of another command a default of its own.
func setDefault(f *flag.FlagSet, name, value, usage string) {
	known := f.Lookup(name)
	known.DefValue, known.Usage = value, usage
	if err := known.Value.Set(value); err != nil {
		panic(err)
	}
}

// workerRelay measures several processes of each bundle: where a process's code and heap happen to
// lie makes some per cent of its costs, and so does which was started first.
func (w *workshop) workerRelay(s workerSettings, bundles [2]bundle) ([]row, error) {
	if s.processes == 0 {
		return nil, nil
	}
	start := [2]starter{
		func() (*server, error) { return w.serve(bundles[0]) },
		func() (*server, error) { return w.serve(bundles[1]) },
	}
	var costs [2][]float64
	for i := range s.processes {
		first := i % 2
		more, err := w.relayCosts(s.relay, []starter{start[first], start[1-first]})
		if err != nil {
			return nil, err
		}
		costs[0], costs[1] = append(costs[0], more[first]...), append(costs[1], more[1-first]...)
	}
	rows := relayRows("worker", [2]string{
		bundles[0].what() + " for one 1.2 KB offer",
		bundles[1].what() + " for the same",
	}, "≤ 1.0", 1, costs)
	if bundles[1].kind != kindPeer {
		for i := range rows {
			rows[i].target, rows[i].verdict = "", ""
		}
	}
	return append(rows, quietRow("worker", costs)), nil
}

// quietRow compares the rounds that were least disturbed. It is for a machine that others use.
func quietRow(command string, costs [2][]float64) row {
	const percent = 10
	a, b := percentile(costs[0], percent), percentile(costs[1], percent)
	return row{what: command + ": 10th percentiles of the rounds", measured: fmt.Sprintf("%.2f µs, %.2f µs, ratio %.3f", a, b, a/b)}
}

// what names a bundle in the report.
func (b bundle) what() string {
	if b.kind == kindPeer {
		return "a plain Durable Object in workerd"
	}
	return "usher in workerd, every check on,"
}

func workerSize(b bundle) ([]row, error) {
	const promised = 1_000_000
	if b.wasm == "" {
		return nil, nil
	}
	size, err := gzippedBytes(b.wasm)
	if err != nil {
		return nil, err
	}
	return []row{{what: "worker: the Wasm, gzipped", measured: fmt.Sprintf("%.3f MB", float64(size)/1e6), target: "≤ 1.0 MB", verdict: verdictOf(size <= promised)}}, nil
}
