// Bench measures what usher promises: the cost of a relayed message, the memory of an idle
// participant, durable joins a second, and memory under churn. Each server runs in a process of its
// own, whose CPU time and memory are read from outside.
//
//	go -C test/bench run . relay
//
// A subcommand is a method of workshop in a file of its name. The generator is
// client.go (sockets), room.go (joins and leaves) and flow.go (offers).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const usage = `Bench measures what usher promises, on this machine and only over loopback.

usage: go -C test/bench run . COMMAND [flags]

  relay    server CPU for one relayed offer, against bare relays
  idle     memory of an idle participant
  joins    durable joins a second, and what they do to relays in other rooms
  cluster  durable joins a second over three nodes, and what a hop between them costs
  churn    memory after a million joins and leaves
  all      all of these, as one table
  peers    usher against other servers: relays, joins, memory, kill -9; builds and installs them
  worker   the same core in workerd against a plain Durable Object; needs npm

Each has -h. Run by these, in processes of their own:

  bare     a relay without checks on usher's frame reader
  nbio     the same on nbio
  standin  answers joins without doing anything, to measure the generator itself
`

func init() {
	// The servers die with the thread that started them: that must be the main one.
	runtime.LockOSThread()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A reader that went away, such as head, must not keep the servers' folders from being removed.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("no command")
	}
	name, args := args[0], args[1:]
	switch name {
	case "relay":
		return measure(ctx, name, "Server CPU for one relayed offer, against bare relays on usher's frame reader and on nbio.", args, new(relaySettings), (*workshop).relay)
	case "idle":
		return measure(ctx, name, "Memory of an idle participant: the slope of RSS between two readings at rest.", args, new(idleSettings), (*workshop).idle)
	case "joins":
		return measure(ctx, name, "Durable joins a second, and relay latency in another room meanwhile.", args, new(joinsSettings), (*workshop).joins)
	case "cluster":
		return measure(ctx, name, "Three nodes on this machine: durable joins a second, and server CPU for one relayed offer without and with hops.", args, new(clusterSettings), (*workshop).cluster)
	case "churn":
		return measure(ctx, name, "Memory after many joins and leaves, against a tenth of them.", args, new(churnSettings), (*workshop).churn)
	case "worker":
		return measure(ctx, name, "CPU of workerd for one relayed offer, against a plain Durable Object; the Wasm's size, wake and start.", args, new(workerSettings), (*workshop).worker)
	case "peers":
		return measure(ctx, name, "usher against other servers, each in its own idiom: the same work, in turn, in one run.", args, new(peersSettings), (*workshop).peers)
	case "all":
		return measure(ctx, name, "Every measurement, as one table.", args, new(allSettings), (*workshop).all)
	case "bare":
		return runBare(ctx, args)
	case "nbio":
		return runNbio(ctx, args)
	case "standin":
		return runStandin(ctx, args)
	case "help", "-h", "-help", "--help":
		fmt.Print(usage)
		return nil
	}
	fmt.Fprint(os.Stderr, usage)
	return fmt.Errorf("no such command: %.64q", name)
}

func newFlags(name, about string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "%s\n\nusage: go -C test/bench run . %s [flags]\n\n", about, name)
		f.PrintDefaults()
	}
	return f
}

// settings are the flags of one measurement.
type settings[T any] interface {
	*T
	flags(*flag.FlagSet)
}

// measure runs one measurement in a folder of its own and prints its table.
func measure[T any, S settings[T]](ctx context.Context, name, about string, args []string, s S, run func(*workshop, T) ([]row, error)) error {
	w := workshop{ctx: ctx}
	f := newFlags(name, about)
	s.flags(f)
	f.StringVar(&w.program, "usher", "", "the `program` to test, bare, nbio or standin for those; built from the checkout without it; of the worker a folder with its bundle, or peer")
	f.StringVar(&w.older, "older", "", "another usher, a `program`, to measure in the same run as well")
	f.StringVar(&w.repository, "repository", "../..", "the `folder` of the checkout to build")
	extra := f.String("usher-flags", "", "further `flags` for usher, separated by spaces")
	f.IntVar(&w.pollers, "bare-pollers", 0, "poller threads of bare, nbio and standin, 0 for a quarter of the cores")
	parent := f.String("data", "", "a `folder` for the servers' data on the disk to measure, the temporary one without it")
	date := f.String("date", time.Now().Format(time.DateOnly), "`date` for the report")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument: %.64q", f.Arg(0))
	}
	w.extra = strings.Fields(*extra)
	var err error
	if w.folder, err = os.MkdirTemp(*parent, "usher-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(w.folder)
	rows, err := run(&w, *s)
	if w.tested() != kindUsher {
		// A promise is neither held nor missed by something else.
		for i := range rows {
			rows[i].verdict = ""
		}
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if len(rows) > 0 {
		writeReport(os.Stdout, rows, w.about(*date))
	}
	return err
}
