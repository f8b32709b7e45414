package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

// kind is one kind of fault.
type kind struct {
	name string
	// aim returns the nodes that it hits.
	aim func(c *campaign, owners []int) []int
	// hit does it, and returns when all nodes run again, ready or not. It calls rise when what is
	// measured begins later than now.
	hit func(ctx context.Context, c *campaign, victims []int, rise func()) error
}

// kinds are drawn from in the order of a shuffled deck, so that each comes equally often.
var kinds = []kind{
	{"kill owner", aimOwner, kill},
	{"kill edge", aimEdge, kill},
	{"kill any", aimAny, kill},
	{"kill leader", aimLeader, kill},
	{"kill two", aimTwo, killQuorum},
	{"kill all", aimAll, killQuorum},
	{"stop 0.5-2.5 s", aimAny, stop(500*time.Millisecond, 2500*time.Millisecond)},
	{"stop 4-6 s", aimAny, stop(4*time.Second, 6*time.Second)},
	{"stop leader", aimLeader, stop(4*time.Second, 6*time.Second)},
	{"drain", aimAny, drain},
	{"cut", aimAny, cut(of, time.Second, 8*time.Second)},
	{"cut leader", aimLeader, cut(of, time.Second, 8*time.Second)},
	{"cut one way", aimAny, cut(outOf, time.Second, 8*time.Second)},
	{"cut a pair", aimPair, cut(betweenTwo, time.Second, 8*time.Second)},
	{"cut all", aimAll, cutAll},
	{"cut direct", aimAny, cut(directOf, time.Second, 8*time.Second)},
	{"delay", aimAny, delay(of, 300*time.Millisecond)},
	{"delay all", aimAll, delay(everyWay, 100*time.Millisecond)},
	{"stall", aimAny, stall},
	{diskFull, aimSmallDisk, fillDisk},
	{lookAndStop, aimOwner, stopAfterLook},
	{clockStep, aimAny, stepClock(time.Second, 45*time.Second)},
	{clockHours, aimAny, stepHours},
}

// The kinds that not every machine and not every program allows.
const (
	diskFull    = "disk full"
	lookAndStop = "stop after a look"
	clockStep   = "clock off by seconds"
	clockHours  = "clock off by hours"
)

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// aimOwner is the owner of a room which does not lead the stream, if there is one.
func aimOwner(c *campaign, owners []int) []int {
	leader := int(c.cluster.leader.Load())
	for _, room := range c.random.Perm(len(owners)) {
		if owners[room] >= 0 && owners[room] != leader {
			return owners[room : room+1]
		}
	}
	return aimAny(c, owners)
}

// aimEdge is a node that has somebody's socket and not their room, and does not lead the stream.
func aimEdge(c *campaign, owners []int) []int {
	leader := int(c.cluster.leader.Load())
	for _, room := range c.random.Perm(len(owners)) {
		for _, p := range c.rooms[room].people {
			if node := int(p.node.Load()); node != owners[room] && node != leader {
				return []int{node}
			}
		}
	}
	return aimAny(c, owners)
}

func aimAny(c *campaign, _ []int) []int { return []int{c.random.IntN(nodes)} }

// aimLeader is the node that leads the stream. It owns rooms, too.
func aimLeader(c *campaign, owners []int) []int {
	if leader := int(c.cluster.leader.Load()); leader >= 0 {
		return []int{leader}
	}
	return aimAny(c, owners)
}

func aimTwo(c *campaign, _ []int) []int { return c.random.Perm(nodes)[:2] }

func aimAll(*campaign, []int) []int { return []int{0, 1, 2} }

// kill kills and, at once or after an eviction, starts again.
func kill(ctx context.Context, c *campaign, victims []int, _ func()) error {
	c.cluster.end(syscall.SIGKILL, victims...)
	pause(ctx, between(c.random, 0, 8*time.Second))
	return c.cluster.start(victims...)
}

// killQuorum leaves nothing that could go on, so what counts begins with the start.
func killQuorum(ctx context.Context, c *campaign, victims []int, rise func()) error {
	c.cluster.end(syscall.SIGKILL, victims...)
	pause(ctx, between(c.random, 0, 5*time.Second))
	rise()
	return c.cluster.start(victims...)
}

// stop lets a node sleep, and wakes it.
func stop(least, most time.Duration) func(context.Context, *campaign, []int, func()) error {
	return func(ctx context.Context, c *campaign, victims []int, _ func()) error {
		for _, i := range victims {
			c.cluster.nodes[i].signal(syscall.SIGSTOP)
		}
		pause(ctx, between(c.random, least, most))
		for _, i := range victims {
			c.cluster.nodes[i].signal(syscall.SIGCONT)
		}
		return nil
	}
}

// drain ends a node as an operator does, and starts it again.
func drain(ctx context.Context, c *campaign, victims []int, _ func()) error {
	c.cluster.end(syscall.SIGTERM, victims...)
	for _, i := range victims {
		if state := c.cluster.nodes[i].cmd.ProcessState; !state.Success() {
			c.violation("node %d drained and ended with %v", i+1, state)
		}
	}
	pause(ctx, between(c.random, 0, 2*time.Second))
	return c.cluster.start(victims...)
}

// deck returns the kinds with these names, or all, without those left out, shuffled.
func deck(random *rand.Rand, names, leftOut []string) []kind {
	var chosen []kind
	for _, k := range kinds {
		if (len(names) == 0 || slices.Contains(names, k.name)) && !slices.Contains(leftOut, k.name) {
			chosen = append(chosen, k)
		}
	}
	random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen
}
