package main

import (
	"context"
	"flag"
	"fmt"
	"sync/atomic"
	"time"
)

// joinsSettings are the load of the joins measurement.
type joinsSettings struct {
	rounds, joins, atOnce, pace int
	interval                    time.Duration
}

func (s *joinsSettings) flags(f *flag.FlagSet) {
	f.IntVar(&s.rounds, "rounds", 5, "rounds of each part, in turn")
	f.IntVar(&s.joins, "joins", 8_000, "joins in a round, a multiple of 4, each on a socket opened before the clock starts")
	f.IntVar(&s.atOnce, "at-once", 256, "joins in flight, each of another room")
	f.IntVar(&s.pace, "pace", 2_000, "joins a second while relays in another room are compared, fewer than the server can do")
	f.DurationVar(&s.interval, "interval", 2*time.Millisecond, "time between the offers of the unrelated room")
}

func (s *joinsSettings) check() error {
	const roomSeats, descriptors = 4, 19_000
	if s.rounds < 1 || s.atOnce < 1 || s.joins < roomSeats || s.joins%roomSeats != 0 || s.joins > descriptors || s.interval < time.Millisecond || s.pace < 1 {
		return fmt.Errorf("-joins %d must be a multiple of %d, at most %d, -interval at least 1ms, the others positive", s.joins, roomSeats, descriptors)
	}
	return nil
}

// joinsTally is what all rounds gave.
type joinsTally struct {
	// kept and left are joins a second, where the seats stay and where all of a room leave once it
	// is full.
	kept, left []float64
	// joined is from request to reply with as many in flight as there may be, pacedJoined at the
	// pace.
	joined, pacedJoined []time.Duration
	// The rest are relay latencies in a room that nobody joins or leaves: by themselves, while as
	// many joins as it can take go to its server, while joins come at a pace, and while they come
	// at that pace to another process on the same cores and disk. The last two differ by what
	// happens only inside the server.
	quiet, full, paced, elsewhere []time.Duration
}

func (w *workshop) joins(s joinsSettings) ([]row, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if w.tested().bare() {
		return nil, fmt.Errorf("the bare relay knows no joins; -usher standin does")
	}
	first, err := w.start(w.tested())
	if err != nil {
		return nil, err
	}
	defer first.stop()
	second, err := w.start(w.tested())
	if err != nil {
		return nil, err
	}
	defer second.stop()
	probe, err := w.probe(first, s.interval)
	if err != nil {
		return nil, first.explain(err)
	}
	defer probe.loop.Close()
	progress("joins: rounds of %d, %d in flight, rooms of 4; meanwhile an offer each %v in another room\n", s.joins, s.atOnce, s.interval)
	var tally joinsTally
	for i := range s.rounds {
		if err := w.joinsRound(i, first, second, probe, s, &tally); err != nil {
			return nil, first.explain(err)
		}
	}
	return tally.rows(w.tested(), s), nil
}

func (w *workshop) joinsRound(i int, first, second *server, probe *flow, s joinsSettings, t *joinsTally) error {
	const quiet = 1500 * time.Millisecond
	latencies, err := probe.during(func() error {
		select {
		case <-time.After(quiet):
		case <-w.ctx.Done():
		}
		return context.Cause(w.ctx)
	})
	t.quiet = append(t.quiet, latencies...)
	if err != nil {
		return err
	}
	var parts [4]joinsPart
	for j, plan := range []joinsPlan{
		{server: first, script: joinScript(4)},
		{server: first, script: append(joinScript(4), leaveScript(4)...)},
		{server: first, script: joinScript(4), pace: s.pace},
		{server: second, script: joinScript(4), pace: s.pace},
	} {
		if parts[j], err = w.joinsPart(plan, probe, s); err != nil {
			return err
		}
	}
	kept, left, paced, elsewhere := parts[0], parts[1], parts[2], parts[3]
	t.kept, t.left = append(t.kept, kept.perSecond), append(t.left, left.perSecond)
	t.joined, t.full = append(t.joined, kept.joined...), append(t.full, kept.relayed...)
	t.pacedJoined = append(t.pacedJoined, paced.joined...)
	t.paced, t.elsewhere = append(t.paced, paced.relayed...), append(t.elsewhere, elsewhere.relayed...)
	progress("round %d: %.0f joins a second, %.0f with leaves; at %.0f a second: joins %s, relay %s\n",
		i+1, kept.perSecond, left.perSecond, paced.perSecond, milliseconds(paced.joined), milliseconds(paced.relayed))
	return nil
}

// joinsPlan is one clocked part of a round.
type joinsPlan struct {
	server *server
	script []step
	// pace is the joins a second, 0 for as many as it can take.
	pace int
}

// joinsPart is what one clocked part of a round gave.
type joinsPart struct {
	perSecond       float64
	joined, relayed []time.Duration
}

// joinsPart opens the sockets, clocks the script and empties the rooms again.
// The clock runs from the first CREATE_ROOM to the last reply, and, where
// the script has leaves, to the last close frame.
func (w *workshop) joinsPart(plan joinsPlan, probe *flow, s joinsSettings) (part joinsPart, err error) {
	l, err := newLoop(w.ctx, plan.server.address)
	if err != nil {
		return part, err
	}
	defer l.Close()
	c := &crew{loop: l, server: plan.server, atOnce: s.atOnce}
	c.joined = func(d time.Duration) { part.joined = append(part.joined, d) }
	rooms := make([]*room, s.joins/4)
	for i := range rooms {
		rooms[i] = newRoom(c, fmt.Sprintf("joins-%06d", i), plan.script, 4)
	}
	if err := c.open(rooms); err != nil {
		return part, err
	}
	var took time.Duration
	part.relayed, err = probe.during(func() error {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		c.next = each(rooms)
		if plan.pace > 0 {
			return c.runPaced(float64(plan.pace) / 4)
		}
		return c.run()
	})
	if err != nil {
		return part, err
	}
	part.perSecond = perSecond(c.joins, took)
	if c.joins != s.joins {
		return part, fmt.Errorf("%d joins acknowledged of %d", c.joins, s.joins)
	}
	if c.leaves == 0 {
		follow(rooms, leaveScript(4))
		c.next, c.perSecond, l.tick = each(rooms), 0, nil
		err = c.run()
	}
	return part, err
}

// probe seats a room of two whose offers are timed.
func (w *workshop) probe(server *server, interval time.Duration) (*flow, error) {
	const ring = 1 << 16 // more than the offers of a minute in flight
	l, err := newLoop(w.ctx, server.address)
	if err != nil {
		return nil, err
	}
	rooms, err := seatRooms(l, server, 1, 2, nil)
	if err != nil {
		l.Close()
		return nil, err
	}
	f := newFlow(&rooms[0].seats[0], &rooms[0].seats[1], 0)
	f.sentAt = make([]time.Time, ring)
	l.tickEvery = interval
	return f, nil
}

// during times an offer each interval, on a thread of its own, while work
// goes on, and returns the latencies from send to arrival once all have arrived.
func (f *flow) during(work func() error) ([]time.Duration, error) {
	var over atomic.Bool
	f.latencies = nil
	result := make(chan error, 1)
	go func() {
		f.loop.tick = func(time.Time) {
			if !over.Load() {
				f.sendOne()
			}
		}
		result <- f.loop.run(func() bool { return over.Load() && f.arrived == f.sent })
	}()
	err := work()
	over.Store(true)
	if relayErr := <-result; relayErr != nil {
		err = fmt.Errorf("the unrelated room: %w", relayErr)
	}
	return f.latencies, err
}

func (t *joinsTally) rows(k kind, s joinsSettings) []row {
	const promised = 5_000
	rate := func(v []float64) string {
		return fmt.Sprintf("%.0f (%.0f to %.0f in %d rounds of %d)", median(v), least(v), greatest(v), s.rounds, s.joins)
	}
	return []row{
		{what: fmt.Sprintf("joins: durable joins a second of %s, on cores shared with the generator", k), measured: rate(t.kept),
			target: "≥ 5 000", verdict: verdictOf(median(t.kept) >= promised)},
		{what: "joins: the same where all four leave a room once it is full", measured: rate(t.left)},
		{what: fmt.Sprintf("joins: from request to reply, %d in flight", s.atOnce), measured: milliseconds(t.joined)},
		{what: fmt.Sprintf("joins: from request to reply, at %d a second", s.pace), measured: milliseconds(t.pacedJoined)},
		{what: "joins: relay in an unrelated room, nothing else going on", measured: milliseconds(t.quiet)},
		{what: fmt.Sprintf("joins: the same during %d joins a second", s.pace), measured: milliseconds(t.paced)},
		{what: "joins: the same with those joins at another process, which takes the same CPU and disk", measured: milliseconds(t.elsewhere)},
		{what: "joins: the same during as many joins as it can take, both cores full", measured: milliseconds(t.full)},
	}
}
