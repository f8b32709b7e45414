package main

import (
	"flag"
	"fmt"
	"time"
)

// relaySettings are the load of the relay measurement.
type relaySettings struct {
	rounds, messages, pairs, roomSeats, window int
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
	var loads [2]*relayLoad
	for i, k := range []kind{w.tested(), kindBare} {
		server, err := w.start(k)
		if err != nil {
			return nil, err
		}
		defer server.stop()
		load, err := w.relayLoad(server, s)
		if err != nil {
			return nil, server.explain(err)
		}
		defer load.loop.Close()
		loads[i] = load
		// The first messages fill pools and teach the branch predictors.
		if _, err := load.round(s.messages); err != nil {
			return nil, server.explain(err)
		}
	}
	progress("relay: %d-byte offers, %d pairs in rooms of %d, %d in flight in a pair, %d in a round\n",
		len(loads[0].flows[0].offer), s.pairs, s.roomSeats, s.window, s.messages)
	costs, err := relayRounds(loads, s)
	if err != nil {
		return nil, err
	}
	return relayRows(w.tested(), costs, s), nil
}

// relayRounds measures both servers in turn, so that a machine that slows
// down or speeds up does so for both.
func relayRounds(loads [2]*relayLoad, s relaySettings) (costs [2][]float64, err error) {
	progress("%5s  %12s  %12s  %6s  %s\n", "round", string(loads[0].server.kind)+" µs", "bare µs", "ratio", "messages a second")
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

func relayRows(tested kind, costs [2][]float64, s relaySettings) []row {
	const promised = 1.35
	var paired []float64
	for i := range costs[0] {
		paired = append(paired, costs[0][i]/costs[1][i])
	}
	ratio := median(costs[0]) / median(costs[1])
	spread := func(v []float64) string {
		return fmt.Sprintf("%.2f µs (%.2f to %.2f in %d rounds)", median(v), least(v), greatest(v), s.rounds)
	}
	return []row{
		{what: fmt.Sprintf("relay: CPU of %s for one 1.2 KB offer, every check on", tested), measured: spread(costs[0])},
		{what: "relay: CPU of the bare nbio relay for the same", measured: spread(costs[1])},
		{what: "relay: ratio of the medians", measured: fmt.Sprintf("%.3f", ratio), target: "≤ 1.35", verdict: verdictOf(ratio <= promised)},
		{what: "relay: median of the paired ratios", measured: fmt.Sprintf("%.3f (%.3f to %.3f)", median(paired), least(paired), greatest(paired)),
			target: "≤ 1.35", verdict: verdictOf(median(paired) <= promised)},
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
