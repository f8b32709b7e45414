package cluster

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/cluster/stream"
)

// wireWatch is longer than a lease lasts that is not renewed, so that a slow stream makes no living
// node look dead.
const wireWatch = 3500 * time.Millisecond

// wire is what this node speaks.
func (n *Node) wire() link.Wire { return cmp.Or(n.config.wire, link.Spoken) }

// checkWire refuses a node that could not exchange messages with one that lives: people at the one
// could not reach rooms of the other.
func (n *Node) checkWire(ctx context.Context, self string) error {
	reading, err := n.stream.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, e := range reading.Entries {
		id, isNode := strings.CutPrefix(e.Key, stream.NodePrefix)
		record, err := lease.DecodeRecord(id, e.Value)
		theirs := link.Wire{Min: record.MinWire, Max: record.MaxWire}
		if _, agreed := n.wire().Agree(theirs); !isNode || id == self || err != nil || agreed {
			continue
		}
		_, lives, err := isRenewed(ctx, id, e, wireWatch, func() (stream.Entry, error) { return n.leaseOf(ctx, id) })
		if err != nil {
			return err
		}
		if lives {
			return &broker.Error{
				Kind:    broker.ErrVersion,
				Problem: fmt.Sprintf("node %s, at %s, speaks version %s of the messages between nodes, and this one %s", id, record.Address, theirs, n.wire()),
				Hint:    link.HintWire,
			}
		}
	}
	return nil
}
