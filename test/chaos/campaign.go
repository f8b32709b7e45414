package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// campaign is faults, one after the other, under the eyes of people in rooms.
type campaign struct {
	faults, roomCount int
	seed              uint64
	// longest ends the campaign after the fault in which it has passed; 0 does not.
	longest time.Duration
	// names are the kinds to choose from; none means all.
	names []string
	// program is the usher to test; built with edits if it is "".
	program string
	edits   []edit
	// strikes does the faults, and inspect gets the snapshots that are in the stream at the end;
	// nil if nobody wants them.
	strikes func(context.Context) error
	inspect func(roomID string, snapshot []byte)
	keep    bool
	out     io.Writer

	folder  string
	random  *rand.Rand
	cluster *cluster
	rooms   []*room
	tally   tally
	// leftOut are the kinds that this machine or program does not allow.
	leftOut []string
	// isPlanned is set while each node prepares for what happens to it: then people come back
	// to all that was held for them.
	isPlanned atomic.Bool
	// kindNow is the kind of the fault under way.
	kindNow string

	mu         sync.Mutex
	violations []string
}

const (
	// maxStart is how long the cluster may take until everybody is in a room.
	maxStart = 2 * time.Minute
	// promisedSilence is for how long a room may be silent after its owner's death, and maxSilence
	// what counts as a gross silence on any machine.
	promisedSilence = 5 * time.Second
	maxSilence      = time.Minute
	// maxReports bounds the violations that are printed; all are counted.
	maxReports = 40
)

// run returns nil if nothing was seen that must not be.
func (c *campaign) run(ctx context.Context) (err error) {
	runtime.LockOSThread() // see dieWithParent
	defer runtime.UnlockOSThread()
	c.random = rand.New(rand.NewPCG(c.seed, 1))
	fmt.Fprintf(c.out, "seed %d, %d rooms\n", c.seed, c.roomCount)
	if c.folder, err = os.MkdirTemp("", "usher-chaos-"); err != nil {
		return err
	}
	defer func() { c.cleanUp(err) }()
	if c.program != "" {
		c.leaveOut("the program has no hooks", lookAndStop, clockStep, clockHours)
	} else if c.program, err = build(ctx, c.folder, "usher", c.edits...); err != nil {
		return err
	}
	if c.cluster, err = newCluster(c.program, c.folder, func(line string) { c.violation("a node logged %.2000s", line) }); err != nil {
		return err
	}
	defer c.cluster.close()
	if small := c.cluster.nodes[smallDisk].folder; mountSmall(small) == nil {
		defer unmount(small)
	} else {
		c.leaveOut("no disk can be mounted", diskFull)
	}
	if err = c.cluster.start(0, 1, 2); err != nil {
		return err
	}
	living, stop := context.WithCancel(ctx)
	var people sync.WaitGroup
	defer people.Wait()
	defer stop()
	if err = c.populate(living, &people); err != nil {
		return err
	}
	err = c.strikes(ctx)
	if err == nil {
		err = c.lookAtTheEnd(ctx)
	}
	if err == nil {
		err = c.readStream(ctx, func() { stop(); people.Wait() })
	}
	c.tally.print(c.out, c.rooms)
	return errors.Join(err, c.verdict())
}

func (c *campaign) leaveOut(why string, kinds ...string) {
	fmt.Fprintf(c.out, "left out, because %s: %v\n", why, strings.Join(kinds, ", "))
	c.leftOut = append(c.leftOut, kinds...)
}

func (c *campaign) cleanUp(err error) {
	if err != nil || c.keep {
		fmt.Fprintln(c.out, "the nodes' logs and data are in", c.folder)
		return
	}
	_ = os.RemoveAll(c.folder)
}

func (c *campaign) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.violations); n > 0 {
		return fmt.Errorf("%d violations with seed %d; the first ones:\n%s", n, c.seed, strings.Join(c.violations[:min(n, maxReports)], "\n"))
	}
	return nil
}

// violation reports what must not be.
func (c *campaign) violation(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now().UTC().Format("15:04:05.000 ")
	c.violations = append(c.violations, at+"after "+c.kindNow+": "+fmt.Sprintf(format, args...))
	if len(c.violations) <= maxReports {
		fmt.Fprintln(c.out, "  violation:", c.violations[len(c.violations)-1])
	}
}

func (c *campaign) violationCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.violations)
}

// populate makes the rooms, and returns once each room is complete and has acknowledged a change.
func (c *campaign) populate(ctx context.Context, people *sync.WaitGroup) error {
	starting, stop := context.WithTimeout(ctx, maxStart)
	defer stop()
	if err := c.cluster.ready(starting); err != nil {
		return err
	}
	for i := range c.roomCount {
		r := &room{id: fmt.Sprintf("room-%d-%016x", i, c.random.Uint64()), violation: c.violation, isPlanned: &c.isPlanned}
		for j := range r.people {
			r.people[j] = &person{
				cluster: c.cluster, room: r, index: j, id: r.user(j), tally: &c.tally,
				random: rand.New(rand.NewPCG(c.seed, uint64(2+i*peopleOfRoom+j))),
			}
			r.people[j].node.Store(int32((i + j) % nodes))
		}
		c.rooms = append(c.rooms, r)
		for _, p := range r.people {
			people.Go(func() { p.live(ctx) })
			if err := c.await(starting, "a seat", func() bool { return p.seated.Load() }); err != nil {
				return err
			}
		}
	}
	return c.await(starting, "complete rooms that acknowledge changes", func() bool {
		for _, r := range c.rooms {
			if !r.isComplete() || r.progress() == 0 {
				return false
			}
		}
		return true
	})
}

// await waits until something holds.
func (c *campaign) await(ctx context.Context, what string, holds func() bool) error {
	for !holds() {
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

func (c *campaign) strikeAll(ctx context.Context) error {
	began := time.Now()
	var left []kind
	for n := 1; n <= c.faults; n++ {
		if len(left) == 0 {
			if left = deck(c.random, c.names, c.leftOut); len(left) == 0 {
				return fmt.Errorf("there is no kind of fault called %q", c.names)
			}
		}
		if err := c.strike(ctx, n, left[0]); err != nil {
			return fmt.Errorf("fault %d, %s, with seed %d: %w", n, left[0].name, c.seed, err)
		}
		left = left[1:]
		if c.longest > 0 && time.Since(began) > c.longest {
			break
		}
	}
	return nil
}

// strike does one fault, and waits until all is well again.
func (c *campaign) strike(ctx context.Context, n int, k kind) error {
	owners := make([]int, len(c.rooms))
	for i, r := range c.rooms {
		owners[i] = c.cluster.owner(ctx, r.id)
	}
	victims := k.aim(c, owners)
	if leads := int(c.cluster.leader.Load()); len(victims) == 1 && victims[0] == leads && !strings.HasSuffix(k.name, "leader") {
		k.name += ", leads"
	}
	c.mu.Lock()
	c.kindNow = fmt.Sprintf("fault %d, %s", n, k.name)
	before := len(c.violations)
	c.mu.Unlock()
	began := time.Now()
	c.mark(began)
	if err := k.hit(ctx, c, victims, func() { c.mark(time.Now()) }); err != nil {
		return err
	}
	err := c.settle(ctx)
	o := outcome{kind: k.name, violations: c.violationCount() - before}
	for i, r := range c.rooms {
		silence := r.silence(time.Now())
		o.add(slices.Contains(victims, owners[i]), silence)
		if silence > maxSilence {
			c.violation("%s was silent for %v", r.id, silence)
		}
	}
	c.tally.outcomes = append(c.tally.outcomes, o)
	fmt.Fprintf(c.out, "%s  %3d %-22s nodes %v, %4.1fs: %s\n",
		began.UTC().Format("15:04:05.000"), n, k.name, oneBased(victims), time.Since(began).Seconds(), &o)
	pause(ctx, between(c.random, 500*time.Millisecond, 2*time.Second))
	return err
}

func oneBased(indexes []int) (names []int) {
	for _, i := range indexes {
		names = append(names, i+1)
	}
	return names
}

func (c *campaign) mark(now time.Time) {
	for _, r := range c.rooms {
		r.mark(now)
	}
}

// settle waits until all nodes are ready, all are back and each room has acknowledged changes
// since.
func (c *campaign) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*maxStart)
	defer cancel()
	if err := c.cluster.ready(ctx); err != nil {
		return err
	}
	progress := make([]int, len(c.rooms))
	for i, r := range c.rooms {
		progress[i] = r.progress()
	}
	return c.await(ctx, "everybody to be back", func() bool {
		for i, r := range c.rooms {
			if r.progress() <= progress[i] {
				return false
			}
			for _, p := range r.people {
				if !p.seated.Load() {
					return false
				}
			}
		}
		return true
	})
}

// lookAtTheEnd lets everybody return to the quiet rooms: each state must have all that was shown.
func (c *campaign) lookAtTheEnd(ctx context.Context) error {
	c.mu.Lock()
	c.kindNow = "all faults"
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, maxStart)
	defer cancel()
	c.cluster.quiet.Store(true)
	pause(ctx, 2*time.Second)
	for _, r := range c.rooms {
		for i := range c.cluster.nodes {
			if _, err := c.cluster.request(ctx, i, "/rooms/"+r.id, http.StatusOK); err != nil {
				c.violation("%s is not found by node %d: %v", r.id, i+1, err)
			}
		}
		for _, p := range r.people {
			seats := p.seats.Load()
			(*p.hangUp.Load())()
			if err := c.await(ctx, "somebody to return at the end", func() bool { return p.seats.Load() > seats }); err != nil {
				return err
			}
		}
	}
	return nil
}
