package chaos

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"usher/server/cluster/broker"
)

// stepClock sets the wall clocks of nodes, back or forward, while they run; half of them are then
// killed and start with it. The next step of the same node begins from the right time.
func stepClock(least, most time.Duration) func(context.Context, *campaign, []int, func()) error {
	return func(ctx context.Context, c *campaign, victims []int, rise func()) error {
		if err := c.setClocks(c.off(least, most), victims); err != nil {
			return err
		}
		pause(ctx, between(c.random, time.Second, 3*time.Second))
		if c.random.IntN(2) == 0 {
			return nil
		}
		return kill(ctx, c, victims, rise)
	}
}

// stepHours is the same by so much that a node which starts with it refuses to, until its clock is
// set right. In the end all are.
func stepHours(ctx context.Context, c *campaign, victims []int, _ func()) error {
	if err := c.setClocks(c.off(time.Hour, 6*time.Hour), victims); err != nil {
		return err
	}
	pause(ctx, between(c.random, time.Second, 3*time.Second))
	if c.random.IntN(2) == 0 {
		return c.setClocks(0, victims)
	}
	c.cluster.end(syscall.SIGKILL, victims...)
	if err := c.cluster.start(victims...); err != nil {
		return err
	}
	starting, stop := context.WithTimeout(ctx, maxStart)
	defer stop()
	for _, i := range victims {
		n := c.cluster.nodes[i]
		n.doomed.Store(true) // it may end by itself
		// If its own server leads the stream by now, there is nobody to differ from.
		if err := c.await(starting, "a node to refuse its clock, or to lead", func() bool {
			_, err := c.cluster.request(ctx, i, "/readyz", http.StatusOK)
			return err == nil || !n.alive()
		}); err != nil {
			return err
		}
		if n.alive() {
			n.doomed.Store(false)
		} else if log, err := os.ReadFile(n.folder + ".log"); err != nil || !strings.Contains(string(log), broker.ErrClock.Error()) {
			c.violation("node %d ended, and not because of its clock: %v", i+1, n.cmd.ProcessState)
		}
	}
	if err := c.setClocks(0, victims); err != nil {
		return err
	}
	for _, i := range victims {
		if n := c.cluster.nodes[i]; !n.alive() {
			if err := n.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// off draws by how much a clock is to be off.
func (c *campaign) off(least, most time.Duration) time.Duration {
	off := between(c.random, least, most)
	if c.random.IntN(2) == 0 {
		off = -off
	}
	return off
}

// setClocks sets the clocks of nodes off by so much, now and for when they start again.
func (c *campaign) setClocks(off time.Duration, victims []int) error {
	for _, i := range victims {
		n := c.cluster.nodes[i]
		if err := os.WriteFile(n.clock(), []byte(strconv.FormatInt(int64(off.Seconds()), 10)), 0o600); err != nil {
			return err
		}
		if n.alive() {
			n.signal(syscall.SIGUSR1)
		}
	}
	return nil
}

// stopAfterLook stops a node at the worst moment: it has seen that its lease is valid, and has not
// yet sent what it decided. It sleeps until others have its rooms.
func stopAfterLook(ctx context.Context, c *campaign, victims []int, rise func()) error {
	for _, i := range victims {
		n := c.cluster.nodes[i]
		n.signal(syscall.SIGWINCH)
		deadline := time.Now().Add(maxLook)
		for !n.isStopped() {
			if time.Now().After(deadline) {
				return fmt.Errorf("node %d did not look at its lease for %v", i+1, maxLook)
			}
			pause(ctx, time.Millisecond)
		}
	}
	rise()
	pause(ctx, between(c.random, 4*time.Second, 6*time.Second))
	for _, i := range victims {
		c.cluster.nodes[i].signal(syscall.SIGCONT)
	}
	return nil
}

// maxLook is how long an owner may take until it looks at its lease: it does for each relay.
const maxLook = 20 * time.Second

// isStopped reports whether the process is stopped by a signal, by proc(5).
func (n *node) isStopped() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && strings.HasPrefix(state, "T")
}
