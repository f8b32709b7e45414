package chaos

import (
	"testing"
	"time"
)

// One node after the other is replaced by the next release, and then each by this one again, while
// people use the rooms.
func TestNodesOfTwoReleasesAreOneCluster(t *testing.T) {
	c := newCampaign(t)
	c.strikes, c.inspect = c.upgradeAll, c.lookForNext
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, o := range c.tally.outcomes {
		for _, silence := range append(o.owned, o.other...) {
			// A death is noticed after 3.5 s, so who waited less was handed over.
			if silence > 3500*time.Millisecond {
				t.Errorf("%s: a room was silent for %v", o.kind, silence)
			}
		}
	}
}
