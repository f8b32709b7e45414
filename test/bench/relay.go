package main

import (
	"flag"
	"fmt"
	"time"
)

// relaySettings are the load of the relay measurement.
type relaySettings struct {
	rounds, messages, pairs, roomSeats, window int
	warmUp                                     int // messages before the first round, at least those of a round
}

func (s *relaySettings) flags(f *flag.FlagSet) {
	f.IntVar(&s.rounds, "rounds", 15, "rounds of each server, in turn")
	f.IntVar(&s.messages, "messages", 40_000, "offers in a round")
	f.IntVar(&s.pairs, "pairs", 32, "pairs of sockets, one sending to the other")
	f.IntVar(&s.roomSeats, "room", 4, "participants in a room, 2 or 4")
	f.IntVar(&s.window, "window", 4, "offers in flight in a pair")
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
	costs, err := w.relayCosts(s, [2]starter{
		func() (*server, error) { return w.start(w.tested()) },
		func() (*server, error) { return w.start(kindBare) },
	})
	if err != nil {
		return nil, err
	}
	names := [2]string{fmt.Sprintf("%s for one 1.2 KB offer, every check on", w.tested()), "the bare nbio relay for the same"}
	return relayRows("relay", names, "≤ 1.35", 1.35, costs), nil
}

// starter starts one of two servers.
type starter func() (*server, error)

// relayCosts are the CPU times in µs for one offer, by rounds.
func (w *workshop) relayCosts(s relaySettings, start [2]starter) (costs [2][]float64, err error) {
	var loads [2]*relayLoad
	for i := range loads {
		load, err := w.startLoad(s, start[i])
		if err != nil {
			return costs, err
		}
		defer load.close()
		loads[i] = load
	}
	progress("relay: %d-byte offers, %d pairs in rooms of %d, %d in flight in a pair, %d in a round\n",
		len(loads[0].flows[0].offer), s.pairs, s.roomSeats, s.window, s.messages)
	return relayRounds(loads, s)
}

// startLoad starts a server, seats its pairs and lets it warm up: the first messages
// fill pools, and teach the branch predictors and a JIT compiler.
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
	if _, err := load.round(max(s.messages, s.warmUp)); err != nil {
		load.close()
		return nil, server.explain(err)
	}
	return load, nil
}

func (load *relayLoad) close() {
	load.loop.Close()
	load.server.stop()
}

// relayRounds measures both servers in turn, so that a machine that slows
// down or speeds up does so for both.
func relayRounds(loads [2]*relayLoad, s relaySettings) (costs [2][]float64, err error) {
	progress("%5s  %12s  %12s  %6s  %s\n", "round", loads[0].server.kind+" µs", loads[1].server.kind+" µs", "ratio", "messages a second")
	for i := range s.rounds {
		var rounds [2]relayRound
		for turn := range loads {
			// Every other round the other one is first, so that neither always
			// runs on what the other has left behind.
			side := (turn + i) % 2
			load := loads[side]
			if rounds[side], err = load.round(s.messages); err != nil {
				return costs, load.server.explain(err)
			}
			costs[side] = append(costs[side], rounds[side].microseconds())
		}
		progress("%5d  %12.2f  %12.2f  %6.3f  %.0f, %.0f\n", i+1, costs[0][i], costs[1][i], costs[0][i]/costs[1][i],
			perSecond(rounds[0].messages, rounds[0].wall), perSecond(rounds[1].messages, rounds[1].wall))
	}
	return costs, nil
}

// relayRows compares the first server's costs with the second's.
func relayRows(command string, names [2]string, target string, promised float64, costs [2][]float64) []row {
	var paired []float64
	for i := range costs[0] {
		paired = append(paired, costs[0][i]/costs[1][i])
	}
	ratio := median(costs[0]) / median(costs[1])
	spread := func(v []float64) string {
		return fmt.Sprintf("%.2f µs (%.2f to %.2f in %d rounds)", median(v), least(v), greatest(v), len(v))
	}
	return []row{
		{what: command + ": CPU of " + names[0], measured: spread(costs[0])},
		{what: command + ": CPU of " + names[1], measured: spread(costs[1])},
		{what: command + ": ratio of the medians", measured: fmt.Sprintf("%.3f", ratio), target: target, verdict: verdictOf(ratio <= promised)},
		{what: command + ": median of the paired ratios", measured: fmt.Sprintf("%.3f (%.3f to %.3f)", median(paired), least(paired), greatest(paired)),
			target: target, verdict: verdictOf(median(paired) <= promised)},
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
func (load *relayLoad) round(messages int) (relayRound, error) {
	share := messages / len(load.flows)
	goal := 0
	before, err := cpuTime(load.server.pid)
	if err != nil {
		return relayRound{}, err
	}
	start := time.Now()
	for _, f := range load.flows {
		f.begin(share)
		goal += f.goal
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
	return relayRound{share * len(load.flows), after - before, wall}, err
}
