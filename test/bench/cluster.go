package main

import (
	"context"
	"flag"
	"fmt"
	"time"
)

// clusterSettings are the load of the cluster measurement.
type clusterSettings struct {
	rounds, joins, atOnce, pace, pacedJoins int
	relay                                   relaySettings
	// overNATS: frames between nodes go over NATS, instead of connections of their own.
	overNATS bool
}

func (s *clusterSettings) flags(f *flag.FlagSet) {
	f.IntVar(&s.rounds, "join-rounds", 5, "rounds of joins")
	f.IntVar(&s.joins, "joins", 9_000, "joins in a round, a multiple of 4, a third of the rooms at each node, each on a socket opened before the clock starts")
	f.IntVar(&s.atOnce, "at-once", 256, "joins in flight, each of another room")
	f.IntVar(&s.pace, "pace", 500, "joins a second in the second part of a round")
	f.IntVar(&s.pacedJoins, "paced-joins", 1_000, "joins in that part, a multiple of 4")
	f.IntVar(&s.relay.rounds, "rounds", 9, "rounds of relays of each kind, in turn")
	f.IntVar(&s.relay.messages, "messages", 30_000, "offers in a round")
	f.IntVar(&s.relay.pairs, "pairs", 32, "pairs of sockets, each of another room")
	f.IntVar(&s.relay.rate, "rate", 10_000, "offers a second, 0 for as many as the window lets through")
	f.IntVar(&s.relay.window, "window", 4, "offers in flight in a pair, with -rate 0")
	f.BoolVar(&s.overNATS, "over-nats", false, "frames between the nodes go over NATS, instead of connections of their own")
	s.relay.roomSeats = 2
}

func (s *clusterSettings) check() error {
	const descriptors = 19_000
	for _, joins := range []int{s.joins, s.pacedJoins} {
		if joins < 4 || joins%4 != 0 || joins > descriptors {
			return fmt.Errorf("%d joins are no multiple of 4, or more than %d", joins, descriptors)
		}
	}
	if s.rounds < 1 || s.atOnce < 1 || s.pace < 1 {
		return fmt.Errorf("-join-rounds, -at-once and -pace must be positive")
	}
	return s.relay.check()
}

// cluster compares three nodes with one usher, all on the cores that the generator has as well.
func (w *workshop) cluster(s clusterSettings) ([]row, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if w.tested() != kindUsher {
		return nil, fmt.Errorf("only usher has clusters")
	}
	nodes, err := w.startNodes(s.overNATS)
	if err != nil {
		return nil, err
	}
	defer nodes.stop()
	rows, err := w.clusterIdle(nodes)
	for _, measure := range []func() ([]row, error){
		func() ([]row, error) { return w.clusterJoins(nodes, s) },
		func() ([]row, error) { return w.clusterRelays(nodes, s.relay) },
	} {
		if err != nil {
			break
		}
		var more []row
		more, err = measure()
		rows = append(rows, more...)
	}
	return rows, nodes.explain(err)
}

// clusterIdle is what a node costs that nobody uses. It is in every figure of relays as well: at
// 10 000 offers a second, 1 % of a core is 1 µs an offer.
func (w *workshop) clusterIdle(nodes nodes) ([]row, error) {
	const lasts = 5 * time.Second
	before, err := nodes.cpu()
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(lasts):
	case <-w.ctx.Done():
		return nil, context.Cause(w.ctx)
	}
	after, err := nodes.cpu()
	idle := float64(after-before) / float64(lasts) / nodeCount
	return []row{{what: "cluster: CPU of a node that nobody uses", measured: fmt.Sprintf("%.2f %% of a core", 100*idle)}}, err
}

// clusterJoins lets people join over all nodes, whoever owns their rooms, as behind a balancer that
// does not ask.
func (w *workshop) clusterJoins(nodes nodes, s clusterSettings) ([]row, error) {
	const promised, promisedAtPace = 6_000, 3 * time.Millisecond
	var rates []float64
	var full, paced []time.Duration
	progress("cluster: rounds of %d joins over three nodes, %d in flight, rooms of 4; then %d at %d a second\n", s.joins, s.atOnce, s.pacedJoins, s.pace)
	for i := range s.rounds {
		rate, joined, err := w.joinOver(nodes, s, s.joins, 0)
		if err != nil {
			return nil, err
		}
		rates, full = append(rates, rate), append(full, joined...)
		if _, joined, err = w.joinOver(nodes, s, s.pacedJoins, s.pace); err != nil {
			return nil, err
		}
		paced = append(paced, joined...)
		progress("round %d: %.0f joins a second; at %d a second %s\n", i+1, rate, s.pace, milliseconds(joined))
	}
	return []row{
		{what: "cluster: durable joins a second over three nodes, on cores shared with the generator",
			measured: fmt.Sprintf("%.0f (%.0f to %.0f in %d rounds of %d)", median(rates), least(rates), greatest(rates), s.rounds, s.joins),
			target:   "≥ 6 000", verdict: verdictOf(median(rates) >= promised)},
		{what: fmt.Sprintf("cluster: from request to reply, %d in flight", s.atOnce), measured: milliseconds(full)},
		{what: fmt.Sprintf("cluster: from request to reply, at %d a second", s.pace), measured: milliseconds(paced),
			target: "p50 ≤ 3 ms", verdict: verdictOf(percentile(paced, 50) <= promisedAtPace)},
	}, nil
}

// joinOver clocks joins on sockets that are open, a third of the rooms at each node, and empties
// the rooms again. pace is the joins a second, 0 for as many as there can be.
func (w *workshop) joinOver(nodes nodes, s clusterSettings, joins, pace int) (rate float64, joined []time.Duration, err error) {
	l, err := newLoop(w.ctx, nodes[0].address)
	if err != nil {
		return 0, nil, err
	}
	defer l.Close()
	c := &crew{loop: l, server: nodes[0], atOnce: s.atOnce}
	c.joined = func(d time.Duration) { joined = append(joined, d) }
	rooms := make([]*room, joins/4)
	for i := range rooms {
		rooms[i] = newRoom(c, fmt.Sprintf("joins-%06d", i), joinScript(4), 4)
		for j := range rooms[i].seats {
			rooms[i].seats[j].at = nodes[i%len(nodes)].address
		}
	}
	if err := c.open(rooms); err != nil {
		return 0, nil, err
	}
	start := time.Now()
	c.next = each(rooms)
	if pace > 0 {
		err = c.runPaced(float64(pace) / 4)
	} else {
		err = c.run()
	}
	rate = perSecond(c.joins, time.Since(start))
	switch {
	case err != nil:
		return 0, nil, err
	case c.joins != joins:
		return 0, nil, fmt.Errorf("%d joins acknowledged of %d", c.joins, joins)
	}
	follow(rooms, leaveScript(4))
	c.next, c.perSecond, l.tick = each(rooms), 0, nil
	return rate, joined, c.run()
}

// clusterRelays compares offers between two people of one usher with those of two people of a
// cluster: on their room's owner, with one of them elsewhere, and with both of them elsewhere.
func (w *workshop) clusterRelays(nodes nodes, s relaySettings) ([]row, error) {
	rooms, err := nodes.roomsOf(w.ctx, 0, 3*s.pairs)
	if err != nil {
		return nil, err
	}
	single, err := w.startLoad(s, func() (*server, error) { return w.start(kindUsher) })
	if err != nil {
		return nil, err
	}
	defer single.close()
	loads := []*relayLoad{single}
	for hops := range 3 {
		load, err := w.hopLoad(nodes, rooms[hops*s.pairs:][:s.pairs], hops)
		if err != nil {
			return nil, err
		}
		defer load.loop.Close()
		if _, err := load.round(s.messages, 0); err != nil {
			return nil, err
		}
		loads = append(loads, load)
	}
	progress("cluster: in turn one usher, and of three nodes the room's owner: both people there, one of them, none\n")
	costs, err := relayRounds(loads, s)
	if err != nil {
		return nil, err
	}
	return hopRows(loads, costs, s.rate), nil
}

// hopLoad seats pairs in rooms that the first node owns: who sends is at the second node if there
// are hops, and who receives if there are two.
func (w *workshop) hopLoad(nodes nodes, ids []string, hops int) (*relayLoad, error) {
	l, err := newLoop(w.ctx, nodes[0].address)
	if err != nil {
		return nil, err
	}
	load := &relayLoad{server: nodes[0], loop: l, others: nodes[1:]}
	c := &crew{loop: l, server: nodes[0], atOnce: 64}
	var rooms []*room
	for _, id := range ids {
		r := newRoom(c, id, joinScript(2), 2)
		for i := range hops {
			r.seats[i].at = nodes[1].address
		}
		rooms = append(rooms, r)
	}
	c.next = each(rooms)
	if err := c.run(); err != nil {
		l.Close()
		return nil, err
	}
	for _, r := range rooms {
		load.flows = append(load.flows, newFlow(&r.seats[0], &r.seats[1], 4))
	}
	return load, nil
}

// hopRows shows what the owner pays for an offer without hops, and all nodes for a hop.
func hopRows(loads []*relayLoad, costs [][]float64, rate int) []row {
	const promised = 20
	name := fmt.Sprintf("cluster: relay at %d a second", rate)
	rows := relayRows(name, [2]string{"a room's owner for one 1.2 KB offer between two people there", "an usher without cluster for the same"},
		"≤ 1.05", 1.05, [2][]float64{costs[1], costs[0]})
	all := func(load, round int) float64 {
		rest := loads[load].rest
		return costs[load][round] + rest[len(rest)-len(costs[load])+round]
	}
	for hops := 1; hops <= 2; hops++ {
		var added []float64
		for round := range costs[0] {
			added = append(added, (all(1+hops, round)-all(1, round))/float64(hops))
		}
		rows = append(rows, row{
			what:     fmt.Sprintf("%s: CPU of all nodes for each hop, of %d", name, hops),
			measured: fmt.Sprintf("%.2f µs (%.2f to %.2f in %d rounds)", median(added), least(added), greatest(added), len(added)),
			target:   "≤ 20 µs", verdict: verdictOf(median(added) <= promised),
		})
	}
	return rows
}
