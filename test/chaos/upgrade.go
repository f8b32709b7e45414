package chaos

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
)

// nextRelease makes of this usher the one that follows it: its snapshots, its records and its
// messages between nodes have versions that are higher by one, and each has something that this
// usher does not know.
var nextRelease = []edit{
	{"room/snapshot.go", "const snapshotVersion = ", "const snapshotVersion = 1 + "},
	{"room/snapshot.go", "\tdst = append(dst, r.unknown...)\n", `	dst = appendSection(dst, 62, func(dst []byte) []byte { return append(dst, "` + ofNext + `"...) })
	dst = append(dst, r.unknown...)
`},
	{"room/snapshot.go", "\t\tcase bansSection:\n", `		case 62:
			content.b = nil
		case bansSection:
`},
	{"server/cluster/stream/record.go", "\trecordVersion    = ", "\trecordVersion    = 1 + "},
	{"server/cluster/stream/record.go", "\tdst = append(dst, recordVersion, flags, ", "\tdst = append(dst, recordVersion, flags|1<<3, "},
	{"server/cluster/link/message.go", "\tMinor   = ", "\tMinor   = 1 + "},
	{"server/cluster/link/message.go", "uint16(headFixed+1+len(h.From.ID))", "uint16(headFixed+1+len(h.From.ID)+4)"},
	{"server/cluster/link/message.go", "\treturn append(b, h.From.ID...)\n", "\treturn append(append(b, h.From.ID...), \"next\"...)\n"},
	{"server/cluster/link/send.go", "\tk.sequence++\n", "\tk.out = appendItem(k.out, &Item{Kind: 31}, nil)\n\tk.sequence++\n"},
}

// ofNext is in every snapshot that the next release writes.
const ofNext = "of the next release"

// upgrade puts another program in the place of a node's own, as an operator does: drain, start, and
// wait until the node has rooms again.
func upgrade(program string) func(context.Context, *campaign, []int, func()) error {
	return func(ctx context.Context, c *campaign, victims []int, _ func()) error {
		c.cluster.end(syscall.SIGTERM, victims...)
		for _, i := range victims {
			n := c.cluster.nodes[i]
			if state := n.cmd.ProcessState; !state.Success() {
				c.violation("node %d drained and ended with %v", i+1, state)
			}
			n.program = program
		}
		if err := c.cluster.start(victims...); err != nil {
			return err
		}
		return c.await(ctx, "the node to own rooms", func() bool {
			for _, i := range victims {
				if c.cluster.metric(ctx, i, "usher_cluster_shards") < 1 {
					return false
				}
			}
			return true
		})
	}
}

// upgradeAll replaces node after node by the next release and then each by this one again, and
// leaves the people no reason to notice more than a return to another node.
func (c *campaign) upgradeAll(ctx context.Context) error {
	next, err := build(ctx, c.folder, "usher-next", nextRelease...)
	if err != nil {
		return err
	}
	c.isPlanned.Store(true)
	number := 0
	for _, to := range []struct{ name, program string }{{"to the next release", next}, {"back to this one", c.program}} {
		for _, i := range c.random.Perm(nodes) {
			aim := func(*campaign, []int) []int { return []int{i} }
			number++
			if err := c.strike(ctx, number, kind{to.name, aim, upgrade(to.program)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookForNext finds what the next release wrote among what this one has written since.
func (c *campaign) lookForNext(id string, snapshot []byte) {
	if !bytes.Contains(snapshot, []byte(ofNext)) {
		c.violation("%s has not kept what the next release wrote: %s", id, fmt.Sprintf("%.64q", snapshot))
	}
}
