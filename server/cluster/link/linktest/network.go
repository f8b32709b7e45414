// Package linktest has an in-memory transport for links, with faults.
package linktest

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"usher/server/cluster/link"
)

// maxQueuedBytes bounds what waits between two nodes; more is lost, as it is on NATS.
const maxQueuedBytes = 64 << 20

// Fate is what happens to a message. The zero Fate is to arrive.
type Fate struct {
	// Drop: it never arrives. Twice: it arrives again at once. Late: after the next one.
	Drop, Twice, Late bool
	// Delay is how long it is under way, in which everything between the two nodes waits.
	Delay time.Duration
}

// Network carries messages between nodes in one process.
type Network struct {
	// judge decides the fate of each message. Nil if all arrive.
	judge func(from, to link.Incarnation, message []byte) Fate
	// moving counts the messages that are queued or being received.
	moving atomic.Int64

	mu        sync.Mutex
	receivers map[link.Incarnation]func([]byte)
	wires     map[[2]link.Incarnation]*wire
	closed    bool
}

// NewNetwork returns a network without nodes. judge may be nil; it is called with locks held.
func NewNetwork(judge func(from, to link.Incarnation, message []byte) Fate) *Network {
	return &Network{judge: judge, receivers: make(map[link.Incarnation]func([]byte)), wires: make(map[[2]link.Incarnation]*wire)}
}

// Transport returns the transport of one node, which is to start as that incarnation.
func (n *Network) Transport(self link.Incarnation) link.Transport { return &endpoint{n, self} }

// Idle reports whether no message is under way.
func (n *Network) Idle() bool { return n.moving.Load() == 0 }

// Close ends the goroutines. What is under way is lost.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, w := range n.wires {
		w.close()
	}
}

// endpoint is the network as one node has it.
type endpoint struct {
	network *Network
	self    link.Incarnation
}

// Send implements link.Transport.
func (e *endpoint) Send(to link.Incarnation, message []byte) error {
	var fate Fate
	if judge := e.network.judge; judge != nil {
		fate = judge(e.self, to, message)
	}
	if w := e.network.wire(e.self, to); w != nil && !fate.Drop {
		w.add(bytes.Clone(message), fate)
	}
	return nil
}

// Receive implements link.Transport.
func (e *endpoint) Receive(self link.Incarnation, received func([]byte)) (stop func(), err error) {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	n.receivers[self] = received
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.receivers, self)
	}, nil
}

// wire returns what carries messages from one node to another, nil once the network is closed.
func (n *Network) wire(from, to link.Incarnation) *wire {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.wires[[2]link.Incarnation{from, to}]
	if w == nil && !n.closed {
		w = &wire{network: n, to: to}
		w.more.L = &w.mu
		n.wires[[2]link.Incarnation{from, to}] = w
		go w.run()
	}
	return w
}

func (n *Network) receiver(to link.Incarnation) func([]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.receivers[to]
}

// wire is one direction between two nodes.
type wire struct {
	network *Network
	to      link.Incarnation

	mu     sync.Mutex
	more   sync.Cond
	queue  []parcel
	bytes  int
	late   []parcel
	closed bool
}

type parcel struct {
	message []byte
	delay   time.Duration
}

func (w *wire) add(message []byte, fate Fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := parcel{message, fate.Delay}
	if w.closed || w.bytes+len(message) > maxQueuedBytes {
		return
	}
	if fate.Late {
		w.late = append(w.late, p)
		return
	}
	before := len(w.queue)
	w.queue = append(w.queue, p)
	if fate.Twice {
		w.queue = append(w.queue, parcel{message, 0})
	}
	w.queue, w.late = append(w.queue, w.late...), nil
	for _, added := range w.queue[before:] {
		w.bytes += len(added.message)
	}
	w.network.moving.Add(int64(len(w.queue) - before))
	w.more.Signal()
}

func (w *wire) run() {
	for {
		p, ok := w.next()
		if !ok {
			return
		}
		if p.delay > 0 {
			time.Sleep(p.delay)
		}
		if received := w.network.receiver(w.to); received != nil {
			received(p.message)
		}
		w.network.moving.Add(-1)
	}
}

func (w *wire) next() (parcel, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.more.Wait()
	}
	if w.closed {
		return parcel{}, false
	}
	p := w.queue[0]
	w.queue = w.queue[1:]
	w.bytes -= len(p.message)
	return p, true
}

func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.more.Broadcast()
}
