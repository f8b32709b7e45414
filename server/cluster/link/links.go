package link

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"usher/server/cluster/lease"
)

// New returns links that have not started.
func New(config Config) *Links {
	if config.Wire == (Wire{}) {
		config.Wire = Spoken
	}
	l := &Links{config: config, terms: make([]atomic.Uint64, config.Shards)}
	l.all.Store(new([]*link))
	l.placed.Store(new(make(chan struct{})))
	l.waits, l.letGo = context.WithCancel(context.Background())
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
// sends messages. Both nodes send in the highest version that both speak; if there is none, neither
// opens a link.
func (l *Links) Joined(node Incarnation, speaks Wire) {
	k := l.link(node, true)
	if k == nil {
		return
	}
	major, ok := l.config.Wire.Agree(speaks)
	if !ok {
		l.config.Log.Error("another node speaks no version of messages that this one does: people cannot reach its rooms from here",
			"node", node.ID, "speaks", speaks.String(), "here", l.config.Wire.String(), "hint", HintWire)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.joined, k.foreign = true, !ok
	if ok {
		k.major = major
	} else {
		k.breakLink("it speaks no version that this node does", false)
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

// Placed lets whoever waits for the owner of a room look again. It is called after Config.Place
// returns what Moved has told.
func (l *Links) Placed() { close(*l.placed.Swap(new(make(chan struct{})))) }

// Has reports whether a link with an incarnation is open.
func (l *Links) Has(node Incarnation) bool {
	for _, k := range *l.all.Load() {
		if k.to == node {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.peer != 0
		}
	}
	return false
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

// owner returns the link with the owner of a room, nil if there is none or its term has passed.
func (l *Links) owner(p Place) *link {
	if p.Owner == (Incarnation{}) || !l.learn(p.Shard, p.Term) {
		return nil
	}
	return l.link(p.Owner, false)
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
