package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"time"
)

// churnSettings are the load of the churn measurement.
type churnSettings struct {
	n, atOnce int
	seed      uint64
}

func (s *churnSettings) flags(f *flag.FlagSet) {
	f.IntVar(&s.n, "n", 1_000_000, "joins, each followed by its leave; the first reading is after a tenth")
	f.IntVar(&s.atOnce, "at-once", 128, "rooms under way")
	f.Uint64Var(&s.seed, "seed", 1, "seed of who leaves when")
}

func (s *churnSettings) check() error {
	if s.n < 1000 || s.atOnce < 1 || s.atOnce > 4000 {
		return fmt.Errorf("-n must be at least 1000, -at-once 1 to 4000")
	}
	return nil
}

func (w *workshop) churn(s churnSettings) ([]row, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if w.tested().bare() {
		return nil, fmt.Errorf("the bare relay knows no joins; -usher standin does")
	}
	server, err := w.start(w.tested())
	if err != nil {
		return nil, err
	}
	defer server.stop()
	l, err := newLoop(w.ctx, server.address)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	progress("churn: %d joins and leaves, %d rooms at once, seed %d\n", s.n, s.atOnce, s.seed)
	rows, err := churnRows(l, server, s)
	return rows, server.explain(err)
}

// churner makes rooms until the joins are used up, and watches the memory meanwhile.
type churner struct {
	crew   *crew
	server *server
	random *rand.Rand
	// scripted counts the joins of all rooms made, of which there will be limit.
	scripted, limit int
	made            int
	// readings are those since the last call of busy.
	readings []residentBytes
}

// churnMemory is the memory while the load runs and after it has paused.
type churnMemory struct{ busy, rest residentBytes }

func churnRows(l *loop, server *server, s churnSettings) ([]row, error) {
	c := &churner{server: server, random: newRandom(s.seed)}
	c.crew = &crew{loop: l, server: server, atOnce: s.atOnce, next: c.room}
	l.tickEvery, l.tick = 100*time.Millisecond, func(time.Time) {
		if reading, err := resident(server.pid); err == nil {
			c.readings = append(c.readings, reading)
		}
	}
	start := time.Now()
	first, err := c.until(s.n/10, s.n/10)
	if err != nil {
		return nil, err
	}
	last, err := c.until(s.n, s.n/10)
	if err != nil {
		return nil, err
	}
	progress("churn: %d joins and %d leaves in %v with the pauses\n", c.crew.joins, c.crew.leaves, time.Since(start).Round(time.Second))
	if c.crew.joins != s.n || c.crew.leaves != s.n {
		return nil, fmt.Errorf("%d joins and %d leaves acknowledged of %d", c.crew.joins, c.crew.leaves, s.n)
	}
	return churnReport(server.kind, s.n, first, last), nil
}

// until churns up to so many joins in all, reading the memory of each stretch.
func (c *churner) until(joins, stretch int) (memory churnMemory, err error) {
	for c.crew.joins < joins {
		c.limit, c.readings = min(joins, c.scripted+stretch), nil
		start, before := time.Now(), c.crew.joins
		if err := c.crew.run(); err != nil {
			return memory, err
		}
		if len(c.readings) == 0 {
			return memory, fmt.Errorf("a stretch of %d joins was too short for a reading", stretch)
		}
		// The second half: the first may still grow pools to their size.
		memory.busy = middle(c.readings[len(c.readings)/2:])
		progress("churn: %7d joins, %.0f a second, %v\n", c.crew.joins, perSecond(c.crew.joins-before, time.Since(start)), memory.busy)
	}
	memory.rest, _, err = settled(c.crew.loop, c.server.pid, 10*time.Second, time.Minute)
	progress("churn: %7d joins, at rest, %v\n", c.crew.joins, memory.rest)
	return memory, err
}

func churnReport(k kind, n int, first, last churnMemory) []row {
	const promised = 1.10
	line := func(when string, first, last residentBytes) row {
		growth := float64(last.RSS) / float64(first.RSS)
		return row{
			what: fmt.Sprintf("churn: RSS of %s %s, after %d and after %d joins and leaves", k, when, n/10, n),
			measured: fmt.Sprintf("%s and %s, %+.1f %% (anonymous %s and %s)", mebibytes(first.RSS), mebibytes(last.RSS), 100*(growth-1),
				mebibytes(first.Anon), mebibytes(last.Anon)),
			target: "≤ +10 %", verdict: verdictOf(growth <= promised),
		}
	}
	return []row{line("under the load", first.busy, last.busy), line("at rest", first.rest, last.rest)}
}

// room makes the next room: four come, some leave for others, hosts among
// them, and all leave in any order.
func (c *churner) room() *room {
	const seats, maxReplaced = 4, 8
	left := c.limit - c.scripted
	if left == 0 {
		return nil
	}
	present := min(seats, left)
	script := joinScript(present)
	joins := present
	for range c.random.IntN(maxReplaced + 1) {
		// The last seat of a room would end it: only one of several is replaced.
		if joins == left || present == 1 {
			break
		}
		who := c.random.IntN(present)
		script = append(script, step{seat: who, leave: true, byClose: c.random.IntN(2) == 0}, step{seat: who})
		joins++
	}
	for _, who := range c.random.Perm(present) {
		script = append(script, step{seat: who, leave: true, byClose: c.random.IntN(2) == 0})
	}
	c.scripted += joins
	c.made++
	return newRoom(c.crew, fmt.Sprintf("churn-%09d", c.made), script, present)
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }
