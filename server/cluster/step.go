package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/cluster/stream"
	"usher/server/metrics"
	"usher/server/rooms"
	"usher/server/tracing"
)

// keyPrefix is what the stream's keys have before those of lease.
const keyPrefix = "u."

// silenceTimeout is how long people may stay connected to a node whose lease has expired.
const silenceTimeout = 7 * time.Second

// nonce draws what makes an incarnation unique. It is never 0.
func nonce() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// start begins an incarnation.
func (n *Node) start() {
	n.mu.Lock()
	if !n.running {
		n.mu.Unlock()
		return
	}
	n.stepLocked(lease.Event{Kind: lease.Started, Nonce: nonce()})
	if n.ending { // Drain has come before it
		n.stepLocked(lease.Event{Kind: lease.DrainAsked})
	}
	self := link.Incarnation(n.lease.Self())
	n.mu.Unlock()
	if err := n.links.Start(self); err != nil {
		n.log.Error("no other node can reach this one", "error", err)
	}
	n.log.Info("a node of the cluster", "node", self.ID)
}

// step reports an event. It may be called from any goroutine.
func (n *Node) step(event lease.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running {
		n.stepLocked(event)
	}
}

func (n *Node) stepLocked(event lease.Event) {
	nowMs := n.clock.now() / int64(time.Millisecond)
	n.effects = n.lease.Step(nowMs, event, n.effects[:0])
	moved := n.tellTerms()
	for i := range n.effects {
		n.perform(&n.effects[i])
	}
	if moved {
		n.links.Placed()
	}
	clear(n.effects)
}

// tellTerms tells the links the terms that the effects bring, before anything is done in them. It
// reports whether there are any.
func (n *Node) tellTerms() bool {
	var moves []link.Move
	for i := range n.effects {
		if e := &n.effects[i]; e.Kind == lease.Own || e.Kind == lease.Moved {
			moves = append(moves, link.Move{Shard: e.Shard, Term: e.Term})
		}
	}
	if len(moves) > 0 {
		n.links.Moved(moves)
	}
	return len(moves) > 0
}

// perform carries out one effect. The caller holds the lock.
func (n *Node) perform(e *lease.Effect) {
	switch e.Kind {
	case lease.Put:
		n.put(e)
	case lease.Fetch:
		n.stream.Learn(e.AtLeast)
		go n.fetch(e.Request)
	case lease.SetTimer:
		n.setTimer(e.AtMs)
	case lease.ValidUntil:
		before := n.validUntil.Swap(e.AtMs * int64(time.Millisecond))
		// Whether lease saw it expired or only rooms did: what waited may go out.
		if e.AtMs != 0 && n.clock.now() >= before {
			go n.local.Rooms.Resume()
		}
	case lease.Suspended:
		n.counts.suspended.Add(1)
		n.log.Warn("the lease has expired: this node is silent until the cluster can be reached")
		time.AfterFunc(silenceTimeout, n.abandon)
	case lease.Resumed: // its ValidUntil has been enough
	case lease.Own:
		n.own(e.Shard, e.Term)
	case lease.HandOver:
		n.handOver(e.Shard)
	case lease.Stop:
		if t := n.tenures[e.Shard].Load(); t != nil {
			t.over.Store(true)
		}
		n.turnMoved(e.Shard)
	case lease.Lose:
		n.lose(e.Shard)
	case lease.Moved:
		n.places[e.Shard].Store(&link.Place{Shard: e.Shard, Term: e.Term, Owner: link.Incarnation(e.Node)})
	case lease.Joined:
		n.log.Info("a node joined", "node", e.Node.ID)
		record, ok := n.lease.Peer(e.Node.ID)
		if ok && record.Address != "" && record.Address == n.address {
			n.log.Error("two nodes tell balancers the same address", "other", e.Node.ID, "address", record.Address,
				"hint", "give each node a cluster-address of its own, or a listen that says where it is")
		}
		if ok {
			n.links.Joined(link.Incarnation(e.Node), link.Wire{Min: record.MinWire, Max: record.MaxWire})
		}
	case lease.Gone:
		n.log.Info("a node is gone", "node", e.Node.ID)
		n.links.Gone(link.Incarnation(e.Node))
	case lease.Evicted:
		n.evicted(e.Reason)
	case lease.Drained:
		close(n.drained)
	case lease.Left:
		close(n.left)
	case lease.Hint:
		_ = n.broker.Conn().Publish(stream.HintSubject, nil) // without it, others poll
	case lease.Unreadable:
		n.log.Error("a key of the cluster cannot be read", "key", e.Key, "error", e.Err)
	}
}

func (n *Node) put(e *lease.Effect) {
	request := e.Request
	n.stream.Put(keyPrefix+e.Key, e.Expected, e.Bytes, time.Duration(e.TTLMs)*time.Millisecond, func(r stream.Result) {
		event := lease.Event{Kind: lease.Failed, Request: request, Revision: r.Revision}
		switch r.Outcome {
		case stream.Stored:
			event.Kind = lease.Acked
		case stream.Conflict:
			event.Kind = lease.Conflicted
		case stream.Unknown:
			n.counts.unknown.Add(1)
		}
		go n.step(event) // Put may be called with the lock held
	})
}

func (n *Node) fetch(request uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	reading, err := n.stream.TryNodes(ctx)
	if err != nil {
		n.step(lease.Event{Kind: lease.Failed, Request: request})
		return
	}
	records := make([]lease.Stored, len(reading.Entries))
	for i, e := range reading.Entries {
		records[i] = lease.Stored{Key: strings.TrimPrefix(e.Key, keyPrefix), Revision: e.Revision, Bytes: e.Value}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running {
		n.tellOccupied()
		n.stepLocked(lease.Event{Kind: lease.Fetched, Request: request, Revision: reading.UpTo, Records: records})
	}
}

// tellOccupied tells lease which shards have connected people. It does before each table that lease
// may learn of, because that may want shards handed over. The caller holds the lock.
func (n *Node) tellOccupied() {
	var occupied [lease.Shards]bool
	n.local.Rooms.Occupied(func(of rooms.Tenure) {
		if t, is := of.(*tenure); is && n.tenures[t.shard].Load() == t {
			occupied[t.shard] = true
		}
	})
	for shard := range n.tenures {
		if t := n.tenures[shard].Load(); t != nil && t.occupied != occupied[shard] {
			t.occupied = occupied[shard]
			n.stepLocked(lease.Event{Kind: lease.Occupied, Shard: shard, Occupied: t.occupied})
		}
	}
}

func (n *Node) setTimer(atMs int64) {
	if n.timer != nil {
		n.timer.Stop()
	}
	if atMs == 0 {
		return
	}
	after := time.Duration(atMs)*time.Millisecond - time.Duration(n.clock.now())
	n.timer = time.AfterFunc(max(after, 0), func() { n.step(lease.Event{Kind: lease.TimerFired}) })
}

func (n *Node) own(shard int, term uint64) {
	self := n.lease.Self()
	since := n.local.Rooms.Now() // not the system's clock, which may be set
	t := &tenure{node: n, shard: shard, since: since, term: stream.Term{
		Number: term, Incarnation: self.ID + "-" + strconv.FormatUint(self.Nonce, 16), SinceMs: since.Ms,
	}}
	n.tenures[shard].Store(t)
	n.places[shard].Store(&link.Place{Shard: shard, Term: term, Owner: link.Incarnation(self), Here: true})
	n.touches.add(t, firstLook)
	n.turnMoved(shard)
}

func (n *Node) handOver(shard int) {
	t := n.tenures[shard].Load()
	t.leaving.Store(true)
	n.counts.handedOver.Add(1)
	go func() {
		begun, span := time.Now(), n.local.Tracer.Begin(nil, tracing.Internal, "hand over")
		span.Number("usher.shard", shard)
		n.local.Rooms.HandOver(t)
		span.End()
		n.counts.handOvers.Observe(metrics.HandOverBounds, time.Since(begun), 1)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.running && n.tenures[shard].Load() == t {
			n.stepLocked(lease.Event{Kind: lease.Frozen, Shard: shard, Term: t.term.Number})
		}
	}()
}

func (n *Node) lose(shard int) {
	t := n.tenures[shard].Swap(nil)
	t.over.Store(true)
	n.turnMoved(shard)
	place := *n.places[shard].Load()
	place.Here = false
	n.places[shard].Store(&place)
	go func() { // a later tenure of the shard has another term
		n.stream.Release(shard, t.term)
		n.local.Rooms.Lose(t)
	}()
}

// abandon closes the people of all rooms if the lease is still expired: they may be served by other
// nodes, or should at least know.
func (n *Node) abandon() {
	if n.clock.now() < n.validUntil.Load() {
		return
	}
	n.log.Error("the cluster cannot be reached: everybody is disconnected", "silent", silenceTimeout)
	n.local.Rooms.Abandon()
}

// evicted ends an incarnation: other nodes may own its rooms already. Another one begins.
func (n *Node) evicted(why lease.Reason) {
	n.counts.evicted.Add(1)
	if why == lease.StoreLost {
		n.stream.Forget()
		n.log.Error("the stream has lost what it had acknowledged: this node begins again with what is there")
	} else {
		n.log.Error("this node was silent for too long: its rooms are elsewhere")
	}
	var over []*tenure
	for shard := range n.tenures {
		if t := n.tenures[shard].Swap(nil); t != nil {
			t.over.Store(true)
			over = append(over, t)
		}
		n.places[shard].Store(&link.Place{Shard: shard})
	}
	n.turnMoved(turnShard)
	if n.ending {
		close(n.left)
	}
	ending := n.ending
	go func() {
		n.links.Stop()
		for _, t := range over {
			n.stream.Release(t.shard, t.term)
			n.local.Rooms.Lose(t)
		}
		if !ending {
			n.start()
		}
	}()
}
