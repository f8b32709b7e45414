package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// witness is served in place of a bundle's main module: the same worker, whose object says that it
// was made. Without that a room that was still in memory would pass for one that woke quickly.
const witness = `import worker, { RoomState as Base } from "./%s";
export default worker;
export class RoomState extends Base {
  constructor(ctx, env) {
    super(ctx, env);
    console.log(%q);
  }
}
`

const madeLine = "an object was made"

// sleepers are rooms of two that are left alone, and what waking them took.
type sleepers struct {
	server *server
	loop   *loop
	flows  []*flow
	made   int // objects so far
	wakes  []time.Duration
}

// wake measures how long the first frame into a room that hibernates is on its way to the other
// participant. usher's rooms and the other bundle's wake in turn.
func (w *workshop) wake(s workerSettings, bundles [2]bundle) ([]row, error) {
	const promised = 60 * time.Millisecond
	if s.wakes == 0 {
		return nil, nil
	}
	var sides [2]*sleepers
	for i, b := range bundles {
		side, err := w.sleepers(b, s.wakes)
		if err != nil {
			return nil, err
		}
		defer side.server.stop()
		defer side.loop.Close()
		sides[i] = side
	}
	progress("wake: %d rooms of each, left alone for %v\n", s.wakes, s.wakeAfter)
	for _, side := range sides {
		if err := side.loop.runFor(s.wakeAfter / 2); err != nil {
			return nil, side.server.explain(err)
		}
	}
	for i := range s.wakes {
		for _, side := range sides {
			if err := side.wakeOne(i); err != nil {
				return nil, side.server.explain(err)
			}
		}
	}
	for _, side := range sides {
		progress("wake: %s %s\n", side.server.kind, wakesOf(side.wakes))
	}
	longest := percentile(sides[0].wakes, 100)
	return []row{
		{what: fmt.Sprintf("worker: an offer into a room that hibernates, %d rooms, until it arrives", s.wakes), measured: wakesOf(sides[0].wakes),
			target: "≤ 60 ms", verdict: verdictOf(longest <= promised)},
		{what: "worker: the same of " + bundles[1].what(), measured: wakesOf(sides[1].wakes)},
	}, nil
}

func wakesOf(v []time.Duration) string {
	return fmt.Sprintf("median %.1f ms, longest %.1f ms", inMs(percentile(v, 50)), inMs(percentile(v, 100)))
}

// sleepers seats the rooms of one server.
func (w *workshop) sleepers(b bundle, rooms int) (*sleepers, error) {
	main := filepath.Join(w.folder, "witness-"+filepath.Base(b.modules[0]))
	if err := os.WriteFile(main, fmt.Appendf(nil, witness, filepath.Base(b.modules[0]), madeLine), 0o600); err != nil {
		return nil, err
	}
	b.modules = append([]string{main}, b.modules...)
	server, err := w.serve(b)
	if err != nil {
		return nil, err
	}
	side := &sleepers{server: server}
	if err := side.seat(w, rooms); err != nil {
		err = server.explain(err)
		if side.loop != nil {
			side.loop.Close()
		}
		server.stop()
		return nil, err
	}
	return side, nil
}

func (side *sleepers) seat(w *workshop, count int) (err error) {
	if side.loop, err = newLoop(w.ctx, side.server.address); err != nil {
		return err
	}
	rooms, err := seatRooms(side.loop, side.server, count, 2, nil)
	if err != nil {
		return err
	}
	for _, r := range rooms {
		f := newFlow(&r.seats[0], &r.seats[1], 1)
		f.sentAt = make([]time.Time, 1)
		side.flows = append(side.flows, f)
	}
	return side.awaitMade(count)
}

// wakeOne sends an offer into the i-th room and makes sure that its object had to be made again.
func (side *sleepers) wakeOne(i int) error {
	f := side.flows[i]
	f.begin(1)
	if err := side.loop.run(func() bool { return f.arrived == f.goal }); err != nil {
		return err
	}
	side.wakes = append(side.wakes, f.latencies...)
	if err := side.awaitMade(1); err != nil {
		return fmt.Errorf("room %d did not hibernate: %w", i, err)
	}
	return nil
}

// awaitMade waits until exactly so many more objects were made.
func (side *sleepers) awaitMade(more int) error {
	want := side.made + more
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		log, err := os.ReadFile(filepath.Join(side.server.folder, "log"))
		if err != nil {
			return err
		}
		if side.made = bytes.Count(log, []byte(madeLine)); side.made == want {
			return nil
		}
	}
	return fmt.Errorf("%d objects were made, not %d", side.made, want)
}
