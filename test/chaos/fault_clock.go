package chaos

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stepClock sets the wall clocks of nodes, back or forward, while they run; half of them are then
// killed and start with it. The next step of the same node begins from the right time.
func stepClock(least, most time.Duration) func(context.Context, *campaign, []int, func()) error {
	return func(ctx context.Context, c *campaign, victims []int, rise func()) error {
		off := between(c.random, least, most)
		if c.random.IntN(2) == 0 {
			off = -off
		}
		for _, i := range victims {
			n := c.cluster.nodes[i]
			if err := os.WriteFile(n.clock(), []byte(strconv.FormatInt(int64(off.Seconds()), 10)), 0o600); err != nil {
				return err
			}
			n.signal(syscall.SIGUSR1)
		}
		pause(ctx, between(c.random, time.Second, 3*time.Second))
		if c.random.IntN(2) == 0 {
			return nil
		}
		return kill(ctx, c, victims, rise)
	}
}

// stopAfterLook stops a node at the worst moment: it has seen that its lease is valid, and has not
// yet sent what it decided. It sleeps until others have its rooms.
func stopAfterLook(ctx context.Context, c *campaign, victims []int, rise func()) error {
	for _, i := range victims {
		n := c.cluster.nodes[i]
		n.signal(syscall.SIGUSR2)
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
