package link

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// directTimeout bounds the making of a connection, at either end.
	directTimeout = 2 * time.Second
	// directPendingBytes bounds what waits for one node to read it. More breaks the connection. A
	// link has at most MaxUnacknowledged, and the next one may begin before that is written.
	directPendingBytes = 2*MaxUnacknowledged + MaxMessageBytes
	// redialFirst and redialMost are the pauses between attempts to reach a node directly.
	redialFirst = time.Second
	redialMost  = time.Minute
)

// DirectConfig is what a Direct needs. From may be nil.
type DirectConfig struct {
	// NATS carries what no connection carries, and how nodes find each other. It must be of one
	// cluster.
	NATS *NATS
	// Listener takes the connections of other nodes. Close closes it.
	Listener net.Listener
	// Address is host:port by which other nodes reach Listener.
	Address string
	// TLS is for both ends, each of which shows a certificate. If ServerName is "", it is the host
	// that is dialed.
	TLS *tls.Config
	// From is the address that is dialed from, nil for any.
	From net.IP
	// Log receives nothing that identifies a client or a room.
	Log *slog.Logger
}

// Direct is a Transport on TCP connections between nodes, with TLS: each node dials those that it
// sends to. A node that has no address for this, and one that cannot be dialed, is reached over
// NATS, and so is everyone until the connection to them is made.
//
// A message goes one way or the other. When the sender changes from NATS to a connection, or back
// because that broke, it sends a mark over NATS first, so that messages never overtake each other.
// The change to a connection loses nothing. What is lost when one breaks is missing in the link,
// which breaks too.
type Direct struct {
	config      DirectConfig
	serve, dial *tls.Config
	ctx         context.Context
	stop        context.CancelFunc
	running     sync.WaitGroup

	mu sync.Mutex
	// self and received are of the incarnation that has started, zero for none.
	self     Incarnation
	received func(message []byte)
	// ways lead to other nodes, and arrivals are the connections of other nodes to this one.
	ways     map[Incarnation]*way
	arrivals map[*arrival]struct{}
	// undialed are the ids of the nodes that a warning has been logged about.
	undialed map[string]bool
}

// OpenDirect returns a transport that takes connections until Close.
func OpenDirect(config DirectConfig) *Direct {
	d := &Direct{
		config: config, serve: config.TLS.Clone(), dial: config.TLS.Clone(),
		ways: make(map[Incarnation]*way), arrivals: make(map[*arrival]struct{}), undialed: make(map[string]bool),
	}
	for _, c := range []*tls.Config{d.serve, d.dial} {
		c.MinVersion, c.SessionTicketsDisabled = tls.VersionTLS13, true
		c.DynamicRecordSizingDisabled = true // it is for browsers that wait for the first bytes
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.running.Go(d.accept)
	d.running.Go(d.tick)
	return d
}

// Close ends all connections, and returns when all of its goroutines have.
func (d *Direct) Close() {
	d.stop()
	_ = d.config.Listener.Close()
	for _, w := range d.all() {
		w.end(false)
	}
	d.mu.Lock()
	for a := range d.arrivals {
		a.end()
	}
	d.mu.Unlock()
	d.running.Wait()
}

// Send implements Transport.
func (d *Direct) Send(to Incarnation, message []byte) error {
	if w := d.way(to); w != nil {
		return w.send(message)
	}
	return d.config.NATS.Send(to, message)
}

// way returns the way to another node, nil if NATS is the only one.
func (d *Direct) way(to Incarnation) *way {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.ways[to]
	if w == nil && d.self != (Incarnation{}) && len(d.ways) < 2*MaxNodes && d.ctx.Err() == nil {
		w = newWay(d, d.self, to)
		d.ways[to] = w
		d.running.Go(w.run)
	}
	return w
}

// Receive implements Transport.
func (d *Direct) Receive(self Incarnation, received func(message []byte)) (stop func(), err error) {
	found, err := d.config.NATS.conn.Subscribe(d.addressSubject(self), func(m *nats.Msg) { _ = m.Respond([]byte(d.config.Address)) })
	if err != nil {
		return nil, fmt.Errorf("telling other nodes the address for links: %w", err)
	}
	d.mu.Lock()
	d.self, d.received = self, received
	d.mu.Unlock()
	stopNATS, err := d.config.NATS.Receive(self, func(message []byte) {
		if m, isMark := decodeMark(message); isMark {
			d.marked(m)
		} else {
			received(message)
		}
	})
	leave := func() {
		_ = found.Unsubscribe()
		if stopNATS != nil {
			stopNATS()
		}
		d.leave()
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// leave ends the incarnation. What has been sent is still written.
func (d *Direct) leave() {
	d.mu.Lock()
	d.self, d.received = Incarnation{}, nil
	ways := slices.Collect(maps.Values(d.ways))
	clear(d.ways)
	for a := range d.arrivals {
		a.end()
	}
	d.mu.Unlock()
	for _, w := range ways {
		w.end(true)
	}
}

// addressSubject is where an incarnation is asked for its address. An older release, and a node
// without one, has no responder there.
func (d *Direct) addressSubject(of Incarnation) string {
	return "u.dial." + strings.TrimPrefix(d.config.NATS.subject(of), subjectPrefix)
}

// Connected counts the nodes that this one sends to directly.
func (d *Direct) Connected() (nodes int) {
	for _, w := range d.all() {
		if w.isDirect() {
			nodes++
		}
	}
	return nodes
}

// Reaches reports whether this node sends to another directly, and not over NATS.
func (d *Direct) Reaches(node Incarnation) bool {
	d.mu.Lock()
	w := d.ways[node]
	d.mu.Unlock()
	return w != nil && w.isDirect()
}

// all are the ways of the moment. One may be locked while NATS takes nothing, so d.mu is not held
// for it.
func (d *Direct) all() []*way {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.ways))
}

// tick looks after the connections.
func (d *Direct) tick() {
	ticker := time.NewTicker(BeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-ticker.C:
		}
		for _, w := range d.all() {
			if w.tick() {
				d.forgetWay(w)
			}
		}
		d.mu.Lock()
		for a := range d.arrivals {
			a.tick()
		}
		d.mu.Unlock()
	}
}

func (d *Direct) forgetWay(w *way) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ways[w.to] == w {
		delete(d.ways, w.to)
	}
}

// dialed notes whether a node could be dialed, and logs a change.
func (d *Direct) dialed(to Incarnation, address string, err error) {
	d.mu.Lock()
	before := d.undialed[to.ID]
	if err == nil {
		delete(d.undialed, to.ID)
	} else {
		if len(d.undialed) >= MaxNodes {
			clear(d.undialed)
		}
		d.undialed[to.ID] = true
	}
	d.mu.Unlock()
	switch {
	case err != nil && !before:
		d.config.Log.Warn("another node is reached over NATS only, which costs more", "node", to.ID, "address", address, "error", err,
			"hint", "let the nodes reach each other's cluster-link-listen, or set it to off on all of them")
	case err == nil && before:
		d.config.Log.Info("another node is reached directly again", "node", to.ID)
	}
}
