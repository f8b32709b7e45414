package chaos

import "testing"

// One node after the other is replaced by the next release, and then each by this one again, while
// people use the rooms. That rooms were handed over, and did not wait until a node was found dead,
// shows in that nothing held for anybody is lost. With -faults or -for the times count as well.
func TestNodesOfTwoReleasesAreOneCluster(t *testing.T) {
	c := newCampaign(t)
	c.strikes, c.inspect = c.upgradeAll, c.lookForNext
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.tally.outcomes); n != 2*nodes {
		t.Errorf("%d nodes were replaced", n)
	}
	if *faults == 0 && *longest == 0 {
		return // a machine that does other work as well proves nothing by its times
	}
	for _, o := range c.tally.outcomes {
		for _, silence := range append(o.owned, o.other...) {
			if silence > promisedSilence {
				t.Errorf("%s: a room was silent for %v", o.kind, silence)
			}
		}
	}
}
