// Crash kills usher under load, again and again, and checks whether anything that a client was told
// about is missing.
//
//	go run ./test/crash -rounds 200
//
// Workers own rooms and change them through the real protocol; a round ends with SIGKILL
// (campaign.go). The expected state of each room is its history: an acknowledged change must exist
// after the restart, one that was requested and not acknowledged may exist, and nothing else may
// (history.go). A kill does not touch the system's cache, so this says nothing about power cuts.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	c := campaign{out: os.Stdout}
	flag.IntVar(&c.rounds, "rounds", 20, "how often to kill the server under load")
	flag.DurationVar(&c.longest, "for", 0, "end after the round in which this has passed")
	flag.IntVar(&c.workers, "workers", 48, "concurrent clients, each with rooms of its own")
	flag.IntVar(&c.changes, "changes", 1000, "mean number of acknowledged changes before a kill")
	flag.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "seed of every choice; the order in which workers are answered is the machine's")
	flag.IntVar(&c.every, "every", 10, "rounds between two lines of progress")
	flag.StringVar(&c.program, "usher", "", "the `program` to test, built from this module without it")
	flag.BoolVar(&c.race, "race", false, "build usher with the race detector")
	flag.BoolVar(&c.reads, "reads", true, "what GET /rooms/{id} shows counts as acknowledged")
	flag.BoolVar(&c.keep, "keep", false, "keep the data folder")
	flag.Parse()
	if flag.NArg() > 0 || c.rounds < 1 || c.workers < 1 || c.changes < 1 || c.every < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println("nothing that was acknowledged is missing")
}
