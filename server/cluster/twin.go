package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/stream"
)

const (
	// twinWatch is longer than two renewals of a lease.
	twinWatch = 1200 * time.Millisecond
	twinLook  = 100 * time.Millisecond
)

// checkPlace refuses a node that has no place among those that keep the stream, or whose place
// another process has: the two would take the lease from each other without end.
func (n *Node) checkPlace(ctx context.Context, id string) error {
	if n.config.Embedded != nil {
		if err := n.checkCopy(ctx, id); err != nil {
			return err
		}
	}
	first, err := n.leaseOf(ctx, id)
	for err != nil { // no replica is up to date yet
		if pause(ctx) != nil {
			return err
		}
		first, err = n.leaseOf(ctx, id)
	}
	if err := checkAlone(ctx, id, first, func() (stream.Entry, error) { return n.leaseOf(ctx, id) }); err != nil {
		return err
	}
	return n.checkWire(ctx, id)
}

// checkAlone returns an error if a process renews a lease that was read as first.
func checkAlone(ctx context.Context, id string, first stream.Entry, look func() (stream.Entry, error)) error {
	record, lives, err := isRenewed(ctx, id, first, twinWatch, look)
	if err != nil || !lives {
		return err
	}
	return &broker.Error{
		Kind: broker.ErrFolder, Problem: fmt.Sprintf("another node with the id %s is up, at %s", id, record.Address),
		Hint: "give each node a folder of its own: if this one is a copy, remove its cluster/ and start with the id of the node that is missing (cluster-node)",
	}
}

// isRenewed watches whether a process renews a lease that was read as first. One change may be the
// last renewal of a process that is dead, and is an eviction if others have noticed that.
func isRenewed(ctx context.Context, id string, first stream.Entry, watch time.Duration, look func() (stream.Entry, error)) (record lease.Record, lives bool, err error) {
	record, err = lease.DecodeRecord(id, first.Value)
	if err != nil || record.Evicted {
		return record, false, nil // none that lives
	}
	seen, changes, since := first.Revision, 0, time.Now()
	for {
		if err := pause(ctx); err != nil {
			return record, false, err
		}
		asked := time.Now()
		now, err := look()
		switch {
		case err == nil && now.Revision == seen && asked.Sub(since) >= watch:
			return record, false, nil
		case err != nil || now.Revision == seen: // a look that fails proves nothing
			continue
		}
		if record, err = lease.DecodeRecord(id, now.Value); err != nil || record.Evicted {
			return record, false, nil
		}
		if changes++; changes > 1 {
			return record, true, nil
		}
		seen, since = now.Revision, time.Now()
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(twinLook):
		return nil
	}
}

// leaseOf reads a node's lease as it is now: the leader says how far a replica must be.
func (n *Node) leaseOf(ctx context.Context, id string) (stream.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*fetchTimeout)
	defer cancel()
	if _, err := n.stream.Copies(ctx); err != nil {
		return stream.Entry{}, err
	}
	reading, err := n.stream.Nodes(ctx)
	if err != nil {
		return stream.Entry{}, err
	}
	return reading.Entry(stream.NodePrefix + id), nil
}

// checkCopy refuses a node whose server has no copy of the stream: the copies are as many as the
// nodes, and stay where they are.
func (n *Node) checkCopy(ctx context.Context, id string) error {
	copies, err := n.stream.Copies(ctx)
	if err != nil || len(copies) < n.broker.Replicas() {
		return nil // Check looks again
	}
	var all []string
	for _, c := range copies {
		if c.Server == id {
			return nil
		}
		text := c.Server
		if c.Offline {
			text += " (offline)"
		}
		all = append(all, text)
	}
	return &broker.Error{
		Kind: broker.ErrPeers, Problem: fmt.Sprintf("this node is %s, and the rooms are kept by %s", id, strings.Join(all, ", ")),
		Hint: "start it with the folder of the node that it is, or to replace one, with an empty folder and its id: --cluster-node ID",
	}
}
