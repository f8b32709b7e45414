package link

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher/server/cluster/lease"
)

// Links are all links of a node. New returns them, Start makes the node one incarnation, Run sends
// the beats. It implements edge.Rooms for all rooms of the cluster.
type Links struct {
	config Config
	// terms are the highest terms known, by shard. passing is locked while one is raised, so that
	// no frame of a lower term is on its way to a socket then.
	terms   []atomic.Uint64
	passing sync.RWMutex
	// numbers is the last number of a link, and conns that of a connection or question. Neither is
	// used twice.
	numbers, conns atomic.Uint64
	// unsent counts the links that have something to send at the end of a turn.
	unsent atomic.Int32
	// breaks counts the links that broke, and dropped the messages and items that were not taken.
	breaks, dropped atomic.Uint64

	mu   sync.Mutex
	self Incarnation
	stop func()
	// all are the links, one for each node id. It is replaced, never changed.
	all atomic.Pointer[[]*link]
}

// New returns links that have not started.
func New(config Config) *Links {
	l := &Links{config: config, terms: make([]atomic.Uint64, config.Shards)}
	l.all.Store(new([]*link))
	return l
}

// Start makes this node an incarnation and receives its messages. After Stop another one may start.
func (l *Links) Start(self Incarnation) error {
	l.mu.Lock()
	l.self = self
	l.mu.Unlock()
	stop, err := l.config.Transport.Receive(self, func(message []byte) { l.receive(self, message) })
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = stop
	return nil
}

// Stop ends the incarnation: it breaks all links, and tells the other nodes. It does nothing if
// none has started.
func (l *Links) Stop() {
	l.mu.Lock()
	stop, all := l.stop, *l.all.Load()
	l.stop, l.self = nil, Incarnation{}
	l.all.Store(new([]*link))
	l.mu.Unlock()
	for _, k := range all {
		k.end("this node stops", true)
	}
	if stop != nil {
		stop()
	}
}

// Run sends the beats and breaks the links that are silent, until ctx is done.
func (l *Links) Run(ctx context.Context) {
	ticker := time.NewTicker(BeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.tick()
		}
	}
}

func (l *Links) tick() {
	for _, k := range *l.all.Load() {
		if k.tick() {
			l.mu.Lock()
			l.remove(k)
			l.mu.Unlock()
		}
	}
}

// Turned sends what the turn of a room has for other nodes. The rooms of this node call it after
// each turn, with the room's lock held. It may be called at any time.
func (l *Links) Turned() {
	if l.unsent.Load() == 0 {
		return
	}
	for _, k := range *l.all.Load() {
		if k.unsent.Load() {
			k.mu.Lock()
			k.flush()
			k.mu.Unlock()
		}
	}
}

// Joined makes a link with an incarnation possible, whose word counts against any other's with the
// same id from now on; it breaks the link with an earlier one. Without it, links exist with whoever
// sends messages.
func (l *Links) Joined(node Incarnation) {
	if k := l.link(node, true); k != nil {
		k.mu.Lock()
		k.joined = true
		k.mu.Unlock()
	}
}

// Gone breaks the link with an incarnation that does not live any more.
func (l *Links) Gone(node Incarnation) {
	l.mu.Lock()
	var gone *link
	if k := l.find(node.ID); k != nil && k.to == node {
		gone = k
		l.remove(k)
	}
	l.mu.Unlock()
	if gone != nil {
		gone.end("the node is gone", false)
	}
}

// Moved tells the edge the terms of shards that have another owner than before, another node or
// this one, which must not act for them before Moved has returned: then no frame of a lower term
// reaches a socket any more. Sockets of people whose owner's term has passed are closed with 1012.
func (l *Links) Moved(moves []Move) {
	for _, m := range moves {
		l.learn(m.Shard, m.Term)
	}
	for _, k := range *l.all.Load() {
		k.closePassed()
	}
}

// learn reports whether a term is not lower than the one known for the shard, which it raises.
func (l *Links) learn(shard int, term uint64) bool {
	known := &l.terms[shard]
	if before := known.Load(); term <= before {
		return term == before
	}
	l.passing.Lock()
	defer l.passing.Unlock()
	known.Store(max(known.Load(), term))
	return known.Load() == term
}

// Stats are for metrics and tests.
type Stats struct {
	// Links counts the nodes that a link is open with, Sessions this node's sockets in rooms of
	// others, and Sockets the others' sockets in rooms of this node.
	Links, Sessions, Sockets int
	// Breaks counts the links that broke while they were in use, and Dropped the messages and items
	// that were not taken: malformed, of another version, or of a lower term.
	Breaks, Dropped uint64
}

// Stats returns a copy of the counts.
func (l *Links) Stats() Stats {
	s := Stats{Breaks: l.breaks.Load(), Dropped: l.dropped.Load()}
	for _, k := range *l.all.Load() {
		k.mu.Lock()
		if k.peer != 0 {
			s.Links++
		}
		s.Sessions += len(k.sessions)
		s.Sockets += len(k.sockets)
		k.mu.Unlock()
	}
	return s
}

// link returns the link with an incarnation, nil if there can be none. certain: the caller knows
// that this is the incarnation of its node, and not a message's sender that says so.
func (l *Links) link(node Incarnation, certain bool) *link {
	for _, k := range *l.all.Load() {
		if k.to == node {
			return k
		}
	}
	l.mu.Lock()
	if node == (Incarnation{}) || node.ID == l.self.ID || l.self == (Incarnation{}) || !lease.ValidID(node.ID) {
		l.mu.Unlock()
		return nil
	}
	earlier := l.find(node.ID)
	switch {
	case earlier != nil && earlier.to == node:
		l.mu.Unlock()
		return earlier
	case earlier != nil && !certain && earlier.isJoined(), earlier == nil && len(*l.all.Load()) >= MaxNodes:
		l.mu.Unlock()
		return nil
	case earlier != nil:
		l.remove(earlier)
	}
	k := newLink(l, l.self, node)
	all := append(slices.Clone(*l.all.Load()), k)
	l.all.Store(&all)
	l.mu.Unlock()
	if earlier != nil {
		earlier.end("another incarnation", false)
	}
	return k
}

// sender returns the link that a message came over.
func (l *Links) sender(m *Message) *link {
	for _, k := range *l.all.Load() {
		if k.to.Nonce == m.From.Nonce && k.to.ID == string(m.id) {
			return k
		}
	}
	return l.link(Incarnation{ID: string(m.id), Nonce: m.From.Nonce}, false)
}

// find returns the link with a node, whatever its incarnation. The caller holds the lock.
func (l *Links) find(id string) *link {
	for _, k := range *l.all.Load() {
		if k.to.ID == id {
			return k
		}
	}
	return nil
}

// remove takes a link off the list. The caller holds the lock, and ends the link.
func (l *Links) remove(k *link) {
	all := slices.DeleteFunc(slices.Clone(*l.all.Load()), func(other *link) bool { return other == k })
	l.all.Store(&all)
}

// receive handles one message. The transport calls it.
func (l *Links) receive(self Incarnation, message []byte) {
	m, err := decode(message)
	if err != nil {
		l.dropped.Add(1)
		l.config.Log.Debug("a message of another node was dropped", "error", err)
		return
	}
	k := l.sender(&m)
	if k == nil || k.self != self {
		l.dropped.Add(1)
		return
	}
	k.receive(&m, len(message))
}
