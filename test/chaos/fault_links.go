package chaos

import (
	"context"
	"math/rand/v2"
	"time"
)

// aimPair is two nodes; the third can still reach both.
func aimPair(c *campaign, _ []int) []int { return c.random.Perm(nodes)[:2] }

// cut takes away links: nothing passes, and then the connections either go on or end.
func cut(which func(victims []int) chosen, least, most time.Duration) func(context.Context, *campaign, []int, func()) error {
	return func(ctx context.Context, c *campaign, victims []int, _ func()) error {
		defer c.cluster.links.freeze(which(victims), c.random.IntN(2) == 0)()
		pause(ctx, between(c.random, least, most))
		return nil
	}
}

// cutAll leaves no quorum, so what counts begins with the end of the cut.
func cutAll(ctx context.Context, c *campaign, victims []int, rise func()) error {
	err := cut(everyWay, 2*time.Second, 12*time.Second)(ctx, c, victims, rise)
	rise()
	return err
}

// delay lets links be slow, each connection by a time of its own, with jitter: what is sent on one
// overtakes what was sent on another.
func delay(which func(victims []int) chosen, most time.Duration) func(context.Context, *campaign, []int, func()) error {
	return func(ctx context.Context, c *campaign, victims []int, _ func()) error {
		affected := which(victims)
		slow := func(_ *pass, w *way) {
			least := rand.N(most)
			w.late.Store(&lateness{least, least + rand.N(most)/4})
		}
		c.cluster.links.each(affected, slow)
		defer c.cluster.links.each(affected, func(_ *pass, w *way) { w.late.Store(nil) })
		pause(ctx, between(c.random, 2*time.Second, 8*time.Second))
		return nil
	}
}

// stall holds what passes links for a moment again and again, and then lets all of it go at once.
func stall(ctx context.Context, c *campaign, victims []int, _ func()) error {
	for end := time.Now().Add(between(c.random, 3*time.Second, 8*time.Second)); time.Now().Before(end); {
		thaw := c.cluster.links.freeze(of(victims), false)
		pause(ctx, between(c.random, 50*time.Millisecond, 1500*time.Millisecond))
		thaw()
		pause(ctx, between(c.random, 10*time.Millisecond, 300*time.Millisecond))
	}
	return nil
}
