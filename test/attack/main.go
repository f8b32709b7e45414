// Attack runs attacks from single network addresses against a real usher, next to an innocent room,
// and prints how long that room's frames took before, during and after each.
//
//	go run ./test/attack
//	go run ./test/attack -run 'pongs|flood' -during 30s
//
// Each attack has a server of its own, built from the checkout, on loopback, and is one row of the
// table in rows.go. Three programs take part, so that none waits for another's scheduler: the
// server, the room (innocent.go) and the attacker (attacker.go), which is nice, because a real
// attacker takes no CPU of the server's machine. Whatever an attack is, the room's people stay
// connected, each of their frames arrives once and in order, their returns succeed, and the
// server's memory and log stay bounded. Times are printed and not judged, except for a mark if the
// 99th percentile of the room exceeded 5 ms.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if isRole(os.Args[1:]) {
		exitOn(playRole(ctx, os.Args[1:]))
		return
	}
	c := conductor{out: os.Stdout}
	flag.DurationVar(&c.before, "before", 3*time.Second, "how long the room is measured before each attack")
	flag.DurationVar(&c.during, "during", 10*time.Second, "how long each attack lasts")
	flag.DurationVar(&c.after, "after", 3*time.Second, "how long the room is measured after each attack")
	flag.StringVar(&c.program, "usher", "", "the `program` to attack, built from this module without it")
	wanted := flag.String("run", "", "only the attacks whose names match the `expression`")
	list := flag.Bool("list", false, "name the attacks and attack nothing")
	flag.Parse()
	chosen, err := regexp.Compile(*wanted)
	if err != nil || flag.NArg() > 0 || min(c.before, c.during, c.after) <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *list {
		for _, a := range attacks {
			fmt.Printf("%-18s %s\n", a.name, a.what)
		}
		return
	}
	exitOn(c.run(ctx, chosen))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// isRole reports whether the program was started by its conductor to play the room or the attacker.
func isRole(args []string) bool {
	return len(args) == 2 && (args[0] == "room" || args[0] == "attacker")
}

// playRole does what the conductor asks; the second argument is a JSON text.
func playRole(ctx context.Context, args []string) error {
	if args[0] == "room" {
		return playRoom(ctx, args[1])
	}
	return playAttacker(ctx, args[1])
}
