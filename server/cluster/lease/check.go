package lease

// Check returns the number and name of the first invariant of a node that does not hold, "" if all
// hold; see the package's documentation.
func (n *Node) Check() string {
	counts := [stopped + 1]int{}
	for i := range n.shards {
		here := &n.shards[i]
		counts[here.state]++
		acts := here.state == owned || here.state == freezing
		if n.broken == 0 && (acts && here.acting != here.term || !acts && here.acting != 0) {
			return "5: what does not act is valid"
		}
		p := n.table.Shards[i]
		mine := n.table.node(p.Owner) == n.self && (n.phase == taking || n.phase == holding)
		if mine != (here.state != foreign) || mine && p.Term != here.term {
			return "6: the shards are not those of the table"
		}
	}
	if counts[freezing] != n.freezing || counts[stopped] != n.stopped || n.freezing+n.stopped > n.config.BatchShards {
		return "7: the batch is miscounted or too large"
	}
	if n.valid && n.phase != holding {
		return "8: valid without a lease"
	}
	if n.floor < max(n.revision, n.tableRevision) && n.phase != over {
		return "9: the floor is below what is known"
	}
	for i := range n.peers {
		if i > 0 && n.peers[i-1].ID >= n.peers[i].ID {
			return "10: the peers are out of order"
		}
	}
	if n.timerMs == 0 && n.phase != idle && n.phase != over {
		return "11: nothing will wake the node"
	}
	return ""
}
