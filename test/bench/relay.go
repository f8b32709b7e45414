package main

import (
	"flag"
	"fmt"
	"time"
)

// relaySettings are the load of the relay measurement.
type relaySettings struct {
	rounds, messages, pairs, roomSeats, window int
	// offers a second, 0 for as many as the window lets through
	rate int
	// messages before the first round, at least those of a round
	warmUp int
}

func (s *relaySettings) flags(f *flag.FlagSet) {
	f.IntVar(&s.rounds, "rounds", 15, "rounds of each server, in turn")
	f.IntVar(&s.messages, "messages", 40_000, "offers in a round")
	f.IntVar(&s.pairs, "pairs", 32, "pairs of sockets, one sending to the other")
	f.IntVar(&s.roomSeats, "room", 4, "participants in a room, 2 or 4")
	f.IntVar(&s.window, "window", 4, "offers in flight in a pair")
	f.IntVar(&s.rate, "rate", 0, "offers a second, instead of a bounded number in flight; then a round is -messages of them, and so long")
}

func (s *relaySettings) check() error {
	if s.roomSeats != 2 && s.roomSeats != 4 || s.pairs < 1 || s.pairs*2%s.roomSeats != 0 {
		return fmt.Errorf("-pairs %d do not fill rooms of -room %d", s.pairs, s.roomSeats)
	}
	if s.rounds < 1 || s.window < 1 || s.messages < s.pairs {
		return fmt.Errorf("-rounds and -window must be positive, -messages at least -pairs")
	}
	return nil
}

// relayLoad is the pairs of one server.
type relayLoad struct {
	server *server
	loop   *loop
	flows  []*flow
	// others are the other nodes of its cluster, and rest what they cost by rounds, the one that
	// warms up first, in µs an offer.
	others nodes
	rest   []float64
}

// relayRound is what one round of one server cost.
type relayRound struct {
	messages  int
	cpu, wall time.Duration
}

// microseconds is the server's CPU time for one message.
func (r relayRound) microseconds() float64 {
	return float64(r.cpu) / float64(r.messages) / float64(time.Microsecond)
}

func (w *workshop) relay(s relaySettings) ([]row, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	start := func(k kind) starter { return func() (*server, error) { return w.start(k) } }
	sides := []starter{start(w.tested()), start(kindBare), start(kindNbio)}
	if w.older != "" {
		sides = append(sides, start(kindOlder))
	}
	hasFloor, err := w.buildFloor()
	if err != nil {
		return nil, err
	}
	if hasFloor {
		sides = append(sides, start(kindFloor))
	}
	costs, err := w.relayCosts(s, sides)
	if err != nil {
		return nil, err
	}
	name := "relay"
	target, promised := "≤ 1.10", 1.10
	if s.rate > 0 {
		name = fmt.Sprintf("relay at %d a second", s.rate)
		target, promised = "≤ 1.05", 1.05
	}
	rows := relayRows(name, [2]string{fmt.Sprintf("%s for one 1.2 KB offer, every check on", w.tested()), "a bare relay on usher's frame reader for the same"},
		target, promised, [2][]float64{costs[0], costs[1]})
	rows = append(rows, relayRows(name, [2]string{"", "a bare relay on nbio for the same"}, "", 0, [2][]float64{costs[0], costs[2]})[1:]...)
	if w.older != "" {
		rows = append(rows, relayRows(name, [2]string{"", "the older usher for the same"}, "", 0, [2][]float64{costs[0], costs[3]})[1:]...)
	}
	if hasFloor {
		rows = append(rows, relayRows(name, [2]string{"", "the floor, an epoll loop in C, for the same"}, "", 0, [2][]float64{costs[0], costs[len(costs)-1]})[1:]...)
	}
	if s.rate > 0 {
		rows = append(rows, quietRow(name, [2][]float64{costs[0], costs[1]}))
	}
	return rows, nil
}

// starter starts one of two servers.
type starter func() (*server, error)

// relayCosts are the CPU times in µs for one offer, by rounds.
func (w *workshop) relayCosts(s relaySettings, start []starter) (costs [][]float64, err error) {
	var loads []*relayLoad
	for i := range start {
		load, err := w.startLoad(s, start[i])
		if err != nil {
			return costs, err
		}
		defer load.close()
		loads = append(loads, load)
	}
	pace := fmt.Sprintf("%d in flight in a pair", s.window)
	if s.rate > 0 {
		pace = fmt.Sprintf("%d a second", s.rate)
	}
	progress("relay: %d-byte offers, %d pairs in rooms of %d, %s, %d in a round\n",
		len(loads[0].flows[0].offer), s.pairs, s.roomSeats, pace, s.messages)
	return relayRounds(loads, s)
}

// startLoad starts a server, seats its pairs and lets it warm up: the first messages fill pools,
// and teach the branch predictors and a JIT compiler.
func (w *workshop) startLoad(s relaySettings, start starter) (*relayLoad, error) {
	server, err := start()
	if err != nil {
		return nil, err
	}
	load, err := w.relayLoad(server, s)
	if err != nil {
		server.stop()
		return nil, server.explain(err)
	}
	if _, err := load.round(max(s.messages, s.warmUp), 0); err != nil {
		load.close()
		return nil, server.explain(err)
	}
	return load, nil
}

func (load *relayLoad) close() {
	load.loop.Close()
	load.server.stop()
}

// relayRounds measures the servers in turn, so that a machine that slows
// down or speeds up does so for all.
func relayRounds(loads []*relayLoad, s relaySettings) (costs [][]float64, err error) {
	progress("%5s", "round")
	for _, load := range loads {
		progress("  %16s", string(load.server.kind)+" µs, /s")
	}
	progress("\n")
	costs = make([][]float64, len(loads))
	for i := range s.rounds {
		rounds := make([]relayRound, len(loads))
		for turn := range loads {
			// Each round another one is first, so that none always runs on what
			// another has left behind.
			side := (turn + i) % len(loads)
			if i/len(loads)%2 == 1 {
				side = len(loads) - 1 - side
			}
			load := loads[side]
			if rounds[side], err = load.round(s.messages, s.rate); err != nil {
				return costs, load.server.explain(err)
			}
			costs[side] = append(costs[side], rounds[side].microseconds())
		}
		progress("%5d", i+1)
		for _, r := range rounds {
			progress("  %8.2f %7.0f", r.microseconds(), perSecond(r.messages, r.wall))
		}
		progress("\n")
	}
	return costs, nil
}

// relayRows compares the first server's costs with the second's. Nothing is
// promised with an empty target.
func relayRows(command string, names [2]string, target string, promised float64, costs [2][]float64) []row {
	var paired []float64
	for i := range costs[0] {
		paired = append(paired, costs[0][i]/costs[1][i])
	}
	ratio := median(costs[0]) / median(costs[1])
	spread := func(v []float64) string {
		return fmt.Sprintf("%.2f µs (%.2f to %.2f in %d rounds)", median(v), least(v), greatest(v), len(v))
	}
	verdict := func(ratio float64) string {
		if target == "" {
			return ""
		}
		return verdictOf(ratio <= promised)
	}
	return []row{
		{what: command + ": CPU of " + names[0], measured: spread(costs[0])},
		{what: command + ": CPU of " + names[1], measured: spread(costs[1])},
		{what: command + ": ratio of the medians", measured: fmt.Sprintf("%.3f", ratio), target: target, verdict: verdict(ratio)},
		{what: command + ": median of the paired ratios", measured: fmt.Sprintf("%.3f (%.3f to %.3f)", median(paired), least(paired), greatest(paired)),
			target: target, verdict: verdict(median(paired))},
	}
}

// relayLoad seats the pairs of one server.
func (w *workshop) relayLoad(server *server, s relaySettings) (*relayLoad, error) {
	l, err := newLoop(w.ctx, server.address)
	if err != nil {
		return nil, err
	}
	load := &relayLoad{server: server, loop: l}
	rooms, err := seatRooms(l, server, s.pairs*2/s.roomSeats, s.roomSeats, nil)
	if err != nil {
		l.Close()
		return nil, err
	}
	for _, r := range rooms {
		for i := 0; i < s.roomSeats; i += 2 {
			load.flows = append(load.flows, newFlow(&r.seats[i], &r.seats[i+1], s.window))
		}
	}
	return load, nil
}

// seatRooms fills rooms, whose ids start with the name, and keeps them.
func seatRooms(l *loop, server *server, count, seats int, c *crew) ([]*room, error) {
	if c == nil {
		c = &crew{}
	}
	c.loop, c.server, c.atOnce = l, server, 64
	rooms := make([]*room, count)
	for i := range rooms {
		rooms[i] = newRoom(c, fmt.Sprintf("bench-%d-%06d", c.number, i), joinScript(seats), seats)
	}
	c.next = each(rooms)
	return rooms, c.run()
}

// round relays the offers, each pair its share, and returns when all have arrived.
func (load *relayLoad) round(messages, rate int) (relayRound, error) {
	share := messages / len(load.flows)
	before, err := cpuTime(load.server.pid)
	if err != nil {
		return relayRound{}, err
	}
	othersBefore, err := load.others.cpu()
	if err != nil {
		return relayRound{}, err
	}
	start := time.Now()
	goal := 0
	for _, f := range load.flows {
		if rate == 0 {
			f.begin(share)
		} else {
			f.goal += share
			f.window = 0 // an arrival is no reason to send
		}
		goal += f.goal
	}
	if rate > 0 {
		load.pace(rate, share*len(load.flows))
	}
	err = load.loop.run(func() bool {
		arrived := 0
		for _, f := range load.flows {
			arrived += f.arrived
		}
		return arrived == goal
	})
	if err != nil {
		return relayRound{}, err
	}
	wall := time.Since(start)
	after, err := cpuTime(load.server.pid)
	if err != nil {
		return relayRound{}, err
	}
	others, err := load.others.cpu()
	load.rest = append(load.rest, relayRound{messages: share * len(load.flows), cpu: others - othersBefore}.microseconds())
	return relayRound{share * len(load.flows), after - before, wall}, err
}

// pace sends offers one by one, of each pair in turn, at a rate. What a tick
// missed is made up for by the next few.
func (load *relayLoad) pace(rate, count int) {
	const every = time.Millisecond
	most := 1 + 5*rate/1000
	sent, start := 0, time.Now()
	load.loop.tickEvery = every
	load.loop.tick = func(now time.Time) {
		due := min(count, int(now.Sub(start)*time.Duration(rate)/time.Second))
		for n := 0; sent < due && n < most; n++ {
			load.flows[sent%len(load.flows)].sendOne()
			sent++
		}
		if sent == count {
			load.loop.tick = nil
		}
	}
}
