package cluster

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/cluster/stream"
)

const (
	startTimeout = 2 * time.Minute
	// checkEvery is how often the settings that durability rests on are looked at.
	checkEvery = time.Minute
	// leaveTimeout bounds the wait for the lease to be given back.
	leaveTimeout = 2 * time.Second
)

// Open connects to NATS, or starts it, and returns once the stream answers: with an embedded server
// that takes a majority of the peers. What a person can mend is a *broker.Error.
func Open(ctx context.Context, config Config) (*Node, error) {
	boot := config.boot
	if boot == nil {
		boot = bootTime()
	}
	n := &Node{config: config, log: config.Log, clock: newClock(boot), drained: make(chan struct{}), left: make(chan struct{}), asked: make(chan struct{}), turns: make(chan struct{}, 1)}
	if err := n.open(ctx); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(n.config.StartTimeout, startTimeout))
	defer cancel()
	if n.address, err = n.config.address(); err != nil {
		return err
	}
	if n.address == "" {
		n.log.Warn("balancers cannot be told where this node is, and take any", "listen", n.config.Listen,
			"hint", "set cluster-address to where they reach this node")
	}
	if err := n.listenForLinks(); err != nil {
		return err
	}
	switch {
	case n.config.Embedded != nil:
		n.broker, err = broker.Open(*n.config.Embedded)
	case n.config.External != nil:
		n.broker, err = broker.Connect(ctx, *n.config.External)
	default:
		panic("cluster: neither Embedded nor External")
	}
	if err != nil {
		return err
	}
	n.log.Info("waiting for the cluster")
	if err := n.broker.Ready(ctx); err != nil {
		return err
	}
	id := n.broker.NodeID()
	if n.stream, err = stream.Open(ctx, stream.Config{
		Conn: n.broker.Conn(), Replicas: n.broker.Replicas(), Term: n.term, Log: n.log, OnHealth: n.healthChanged,
		MaxMessages: n.config.MaxMessages, Valid: n.isValid,
	}); err != nil {
		return err
	}
	if err := n.checkPlace(ctx, id); err != nil {
		return err
	}
	if wrong := n.checkClock(ctx); wrong != nil {
		return wrong
	}
	if n.frames, err = n.broker.Dial("usher frames " + id); err != nil {
		return err
	}
	if err := n.openTransport(); err != nil {
		return err
	}
	config := lease.DefaultConfig(id)
	if n.config.retire != 0 {
		config.RetireMs = n.config.retire.Milliseconds()
	}
	config.Address, config.MinWire, config.MaxWire = n.address, n.wire().Min, n.wire().Max
	n.lease = lease.New(config)
	for i := range n.places {
		n.places[i].Store(&link.Place{Shard: i})
	}
	return nil
}

func (n *Node) healthChanged(err error) {
	if err != nil {
		n.log.Error("the cluster's stream cannot be written; changes are refused, relays go on", "error", err)
	} else {
		n.log.Info("the cluster's stream can be written again")
	}
}

// ID returns the node's id.
func (n *Node) ID() string { return n.broker.NodeID() }

// Store returns the rooms of all nodes, of which this one may load and save its own.
func (n *Node) Store() *stream.Stream { return n.stream }

// Attach gives the node its rooms, before Run, and returns what the edge uses as all rooms of the
// cluster.
func (n *Node) Attach(local Local) *link.Links {
	n.local = local
	n.links = link.New(link.Config{
		Transport: n.transport, Local: local.Reached, Place: n.place, ReadArrived: local.ReadArrived,
		Wire: n.wire(), Shards: lease.Shards, Log: n.log,
	})
	return n.links
}

// Turned is rooms.Config.Turned.
func (n *Node) Turned() { n.links.Turned() }

// Links returns what Attach did.
func (n *Node) Links() *link.Links { return n.links }

// Run is a node until ctx is done.
func (n *Node) Run(ctx context.Context) {
	hints, err := n.broker.Conn().Subscribe(stream.HintSubject, func(*nats.Msg) { n.step(lease.Event{Kind: lease.Hinted}) })
	if err != nil {
		n.log.Warn("hints of other nodes are not heard; changes are seen a little later", "error", err)
	} else {
		defer func() { _ = hints.Unsubscribe() }()
	}
	defer n.hearDrain()()
	go n.links.Run(ctx)
	go n.touchRooms(ctx)
	n.mu.Lock()
	n.running = true
	n.mu.Unlock()
	n.start()
	checks := time.NewTicker(checkEvery)
	defer checks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-checks.C:
			n.check(ctx)
		}
	}
}

// check looks at the settings that durability rests on.
func (n *Node) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkEvery/2)
	defer cancel()
	err := errors.Join(n.broker.Check(ctx), n.stream.Check(ctx))
	var known *broker.Error
	n.watchClock(ctx)
	if !errors.As(err, &known) {
		n.trouble.Store(nil)
		return
	}
	n.trouble.Store(&err)
	n.log.Error("NATS has settings with which rooms can be lost", "error", known, "hint", known.Hint)
}

// Ready returns nil while this node may take people, and otherwise the reason.
func (n *Node) Ready() error {
	if trouble := n.trouble.Load(); trouble != nil {
		return *trouble
	}
	if n.clock.now() >= n.validUntil.Load() {
		return errNoLease
	}
	return nil
}

var errNoLease = errors.New("this node has no lease: a majority of the cluster does not answer")

// Drain hands all rooms over to other nodes, if there are any, and gives the lease back. The people
// of this node's rooms are closed with 1012 as their rooms go. Whoever waits for a room that is no
// node's yet is refused then.
func (n *Node) Drain(ctx context.Context) {
	n.mu.Lock()
	n.ending = true
	n.mu.Unlock()
	n.step(lease.Event{Kind: lease.DrainAsked})
	select {
	case <-n.drained:
	case <-n.left:
	case <-ctx.Done():
		n.log.Warn("not all rooms could be handed over in time")
	}
	n.links.LetGo()
}

// Leave gives the lease back, after Drain. All rooms must have been saved and dropped.
func (n *Node) Leave() {
	n.stream.Flush()
	n.step(lease.Event{Kind: lease.Stopped})
	select {
	case <-n.left:
	case <-time.After(leaveTimeout):
	}
}

// StepDown asks this node's server to give up the lead of the stream, and of those of messages, if
// it has it.
func (n *Node) StepDown(ctx context.Context) error {
	err := n.broker.StepDown(ctx, stream.Name)
	if n.config.MaxMessages > 0 {
		err = errors.Join(err, n.broker.StepDown(ctx, stream.QueueName), n.broker.StepDown(ctx, stream.AsideName))
	}
	return err
}

// Close ends the node, whatever state it is in.
func (n *Node) Close() {
	n.mu.Lock()
	n.running = false
	if n.timer != nil {
		n.timer.Stop()
	}
	n.mu.Unlock()
	if n.links != nil {
		n.links.Stop()
	}
	if n.direct != nil {
		n.direct.Close()
	} else if n.forLinks != nil {
		_ = n.forLinks.Close()
	}
	if n.stream != nil {
		n.stream.Close()
	}
	if n.broker != nil {
		n.broker.Close()
	}
}
