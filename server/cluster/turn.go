package cluster

import "context"

// turnShard is the shard whose owner does what one node does for all.
const turnShard = 0

// RunInTurn calls run while this node owns the first shard, as one node of the cluster does, until
// ctx is done. The ctx of run is done when another node may be about to own it; for as long as run
// takes to return, both may run. wake is called while run runs, whenever a node has put a message
// into the queue; it must not block.
func (n *Node) RunInTurn(ctx context.Context, wake func(), run func(context.Context)) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-n.turns:
		}
		if n.hasTurn() {
			n.takeTurn(ctx, wake, run)
		}
	}
}

// takeTurn calls run until another node has the turn.
func (n *Node) takeTurn(ctx context.Context, wake func(), run func(context.Context)) {
	stop, err := n.stream.Hear(wake)
	if err != nil {
		n.log.Warn("messages of other nodes are not heard of; they are sent a little later", "error", err)
	}
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	for n.hasTurn() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-n.turns:
		}
	}
	cancel()
	<-ended
	n.turnMoved(turnShard) // it may be back by now
}

func (n *Node) hasTurn() bool {
	t := n.tenures[turnShard].Load()
	return t != nil && !t.over.Load()
}

// turnMoved is called when a shard has another owner, or is about to.
func (n *Node) turnMoved(shard int) {
	if shard != turnShard {
		return
	}
	select {
	case n.turns <- struct{}{}:
	default:
	}
}
