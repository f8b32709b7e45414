package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"
)

// campaign is rounds of load, kill, restart and verification on one data folder.
type campaign struct {
	rounds, workers int
	// longest ends the campaign after the round in which it has passed; 0 does not.
	longest time.Duration
	// changes is the mean number of acknowledged changes before a kill.
	changes int
	seed    uint64
	// every is after how many rounds the progress is reported.
	every int
	// program is the usher to test; built where it is "".
	program     string
	race, reads bool
	// keep the folder afterwards.
	keep bool
	out  io.Writer

	folder string
	random *rand.Rand
	tally  tally
	crew   []*worker
	server *process
}

const (
	// maxRound is how long one round may take before the server counts as stuck.
	maxRound = 2 * time.Minute
	// maxDelay spreads the kills over the time between two commits of the store,
	// because an acknowledgement always comes right after one.
	maxDelay = 8 * time.Millisecond
	// earlyKills is one in how many restarts that is killed while the server starts, at a moment up
	// to maxStart.
	earlyKills, maxStart = 8, 40 * time.Millisecond
)

// run returns nil if nothing was lost and nothing else was wrong.
func (c *campaign) run(ctx context.Context) error {
	runtime.LockOSThread() // see dieWithParent
	defer runtime.UnlockOSThread()
	fmt.Fprintf(c.out, "seed %d, %d workers, about %d changes a round\n", c.seed, c.workers, c.changes)
	if err := c.prepare(ctx); err != nil {
		return err
	}
	defer c.cleanUp()
	began := time.Now()
	for round, last := 1, false; !last; round++ {
		err := c.round(ctx)
		last = round == c.rounds || c.longest > 0 && time.Since(began) > c.longest
		if err != nil || round%c.every == 0 || last {
			fmt.Fprintf(c.out, "%4.0fs  round %d of %d: %s\n", time.Since(began).Seconds(), round, c.rounds, &c.tally)
		}
		if err != nil {
			return fmt.Errorf("round %d with seed %d: %w", round, c.seed, err)
		}
	}
	return nil
}

func (c *campaign) prepare(ctx context.Context) (err error) {
	c.random = rand.New(rand.NewPCG(c.seed, 1<<32))
	c.tally.reads = c.reads
	for i := range c.workers {
		c.crew = append(c.crew, newWorker(i, c.seed, &c.tally))
	}
	if c.folder, err = os.MkdirTemp("", "usher-crash-"); err != nil {
		return err
	}
	if c.program == "" {
		c.program, err = build(ctx, c.folder, c.race)
	}
	if err == nil {
		err = c.restart(ctx)
	}
	if err != nil {
		c.cleanUp()
	}
	return err
}

func (c *campaign) cleanUp() {
	if c.server != nil {
		_ = c.server.kill()
	}
	if c.keep {
		fmt.Fprintln(c.out, "kept", c.folder)
		return
	}
	_ = os.RemoveAll(c.folder)
}

// round loads the server, kills it, starts it again and verifies.
func (c *campaign) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxRound)
	defer cancel()
	if err := c.load(ctx); err != nil {
		return err
	}
	for c.random.IntN(earlyKills) == 0 {
		if err := c.killWhileStarting(); err != nil {
			return err
		}
	}
	if err := c.restart(ctx); err != nil {
		return err
	}
	return c.verify(ctx)
}

// load lets all workers change their rooms until the kill.
func (c *campaign) load(ctx context.Context) error {
	reached := c.tally.killAfter(1 + c.random.IntN(2*c.changes))
	delay := time.Duration(c.random.Int64N(int64(maxDelay)))
	failures := make(chan error, len(c.crew))
	var working sync.WaitGroup
	for _, w := range c.crew {
		working.Go(func() {
			if err := w.load(ctx); c.unexpected(err) {
				failures <- err
			}
		})
	}
	var failed error
	select {
	case <-reached:
		time.Sleep(delay)
	case failed = <-failures:
	case <-ctx.Done():
		failed = fmt.Errorf("nothing is acknowledged any more: %w", ctx.Err())
	}
	err := c.server.kill()
	working.Wait()
	c.server = nil
	c.tally.kills++
	close(failures)
	for more := range failures {
		failed = errors.Join(failed, more)
	}
	for _, w := range c.crew {
		for _, r := range w.all() {
			r.hangUp()
		}
	}
	return errors.Join(failed, err)
}

// unexpected drops the errors that the kill explains.
func (c *campaign) unexpected(err error) bool {
	var wrong *wrong
	return errors.As(err, &wrong) || !c.server.killed.Load()
}

// killWhileStarting kills a server that is about to read what the last one left.
func (c *campaign) killWhileStarting() error {
	p, _, err := spawn(c.program, c.data())
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(c.random.Int64N(int64(maxStart))))
	c.tally.kills++
	c.tally.early++
	return p.kill()
}

func (c *campaign) data() string { return c.folder + "/data" }

func (c *campaign) restart(ctx context.Context) (err error) {
	if c.server, err = start(ctx, c.program, c.data()); err != nil {
		return err
	}
	// Keeping no connections of the last server, and no more than the workers need.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, w := range c.crew {
		w.http, w.address = client, c.server.address
	}
	return nil
}

// verify lets all workers look at their rooms, and returns all the losses.
func (c *campaign) verify(ctx context.Context) error {
	results := make([]error, len(c.crew))
	var working sync.WaitGroup
	for i, w := range c.crew {
		working.Go(func() { results[i] = w.verify(ctx) })
	}
	working.Wait()
	return errors.Join(results...)
}
