package chaos

import (
	"flag"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	faults  = flag.Int("faults", 0, "how many faults; 0 means some of several kinds, in less than a minute")
	longest = flag.Duration("for", 0, "end after the fault in which this has passed, with any number of faults unless one is given")
	seed    = flag.Uint64("seed", 0, "the `seed` of faults and people, 0 for a new one; the order of what happens is the machine's")
	rooms   = flag.Int("rooms", 12, "rooms of three people")
	only    = flag.String("kinds", "", "the `kinds` of faults, separated by commas; all if empty")
	program = flag.String("usher", "", "the `program` to test, built from this module without it")
	keep    = flag.Bool("keep", false, "keep the folders and logs of the nodes")
)

func TestMain(m *testing.M) {
	if status, ok := rerun(); ok {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// newCampaign is one by the flags, on this usher.
func newCampaign(t *testing.T) *campaign {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: no other system stops a process that outlives its test")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("usher cannot be built: ", err)
	}
	c := &campaign{roomCount: *rooms, seed: *seed, program: *program, keep: *keep, out: t.Output()}
	if c.seed == 0 {
		c.seed = uint64(time.Now().UnixNano())
	}
	return c
}

func TestNothingIsLostOrSeenTwiceUnderFaults(t *testing.T) {
	c := newCampaign(t)
	c.faults, c.strikes, c.edits = *faults, c.strikeAll, hooks
	if *only != "" {
		c.names = strings.Split(*only, ",")
	}
	switch c.longest = *longest; {
	case c.faults == 0 && c.longest == 0:
		c.faults, c.longest = 6, 30*time.Second
	case c.faults == 0:
		c.faults = math.MaxInt
	}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.tally.outcomes) == 0 || c.tally.relays.Load() == 0 {
		t.Fatal("nothing was tested")
	}
}
