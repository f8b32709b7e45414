package link

import (
	"usher/protocol"
)

func newLink(links *Links, self, to Incarnation) *link {
	// Until the other node's versions are known, the oldest is what it most likely speaks.
	k := &link{links: links, self: self, to: to, major: links.config.Wire.Min}
	k.out = appendHead(nil, &Head{From: self})
	k.head = len(k.out)
	return k
}

func (k *link) isJoined() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.joined
}

// open opens the link if it is not open. It returns false if it never will be. The caller holds the
// lock, as for all that follow.
func (k *link) open() bool {
	if k.retired || k.foreign {
		return false
	}
	if k.number == 0 {
		k.number = k.links.numbers.Add(1)
		k.sequence, k.sent, k.acked = 0, 0, 0
		k.peer, k.received, k.handled, k.acknowledged = 0, 0, 0, 0
		k.heard, k.silent = true, 0
		k.reset()
	}
	return true
}

// isUsed reports whether somebody would miss the link.
func (k *link) isUsed() bool {
	return len(k.sessions)+len(k.asks)+len(k.sockets)+len(k.reads)+k.underWay > 0
}

// admit decides whether a message is the next one of the link that is open. What is not tells of a
// link that is over at one end, which the other end must learn.
func (k *link) admit(h *Head) bool {
	if k.number != 0 && h.Dead >= k.number { // over at the other end
		k.breakLink("the other node broke it", false)
	}
	switch {
	case h.Link <= k.dead:
		k.greet()
		return false
	case h.Peer != 0 && h.Peer != k.number: // it goes with a link that is over
		if k.peer != 0 && h.Link >= k.peer {
			k.breakLink("the other node is on an earlier link", false)
		}
		k.dead = max(k.dead, h.Link)
		k.greet()
		return false
	case k.peer != 0 && h.Link != k.peer:
		k.breakLink("the other node opened another", false)
	}
	switch {
	case k.peer == 0 && h.Sequence == 1 && k.open():
		k.peer, k.dead = h.Link, max(k.dead, h.Link-1)
	case k.peer != 0 && h.Sequence <= k.received: // twice
		return false
	case k.peer == 0 || h.Sequence != k.received+1:
		k.dead = max(k.dead, h.Link)
		k.breakLink("a message is missing", true)
		return false
	}
	k.received = h.Sequence
	k.heard = true
	if h.Peer == k.number {
		k.acked = max(k.acked, min(h.Handled, k.sent))
	}
	return true
}

// greet opens the link if it is not open, so that the other node hears which of its links are over.
// An open one has beats that say so.
func (k *link) greet() {
	if k.number == 0 && k.open() {
		k.beat()
	}
}

// tick is called in each BeatInterval. It reports whether nobody needs the link any more.
func (k *link) tick() (forgotten bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isUsed() || k.number != 0 {
		k.unused = 0
	} else if k.unused++; k.unused > forgetTicks && !k.joined {
		k.retired = true
		return true
	}
	switch {
	case k.number == 0:
		return false
	case k.heard:
		k.heard, k.silent = false, 0
	default:
		k.silent++
	}
	if k.silent < BeatsMissed {
		k.beat()
		return false
	}
	k.breakLink("nothing came for 2 s", k.peer != 0)
	return false
}

// beat sends what is unsent, and a beat.
func (k *link) beat() {
	k.item(&Item{Kind: Beat}, nil)
	k.flush()
}

// end breaks the link for good.
func (k *link) end(reason string, tell bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.breakLink(reason, tell)
	k.retired, k.number = true, 0
}

// breakLink ends everybody on the link. tell: the other node has to hear of it.
func (k *link) breakLink(reason string, tell bool) {
	if k.number == 0 {
		if tell {
			k.greet()
		}
		return
	}
	used := k.isUsed()
	ended := everybody{k.sessions, k.asks, k.sockets, k.reads}
	for _, s := range k.sessions {
		s.over = true
	}
	for _, s := range k.sockets {
		s.over = true
	}
	k.sessions, k.asks, k.sockets, k.reads = nil, nil, nil, nil
	k.dead = max(k.dead, k.peer)
	k.number, k.peer = 0, 0
	k.reset()
	if used {
		k.links.breaks.Add(1)
		k.links.config.Log.Warn("a link to another node broke", "node", k.to.ID, "reason", reason,
			"sockets here", len(ended.sessions), "sockets there", len(ended.sockets))
		go ended.tell()
	}
	if tell {
		k.greet()
	}
}

// everybody is who was on a link that broke.
type everybody struct {
	sessions map[uint64]*session
	asks     map[uint64]chan<- finding
	sockets  map[uint64]*socket
	reads    map[uint64]chan<- struct{}
}

// tell ends them. No lock of a room or link may be held.
func (e *everybody) tell() {
	for _, reply := range e.asks {
		reply <- finding{refusal: protocol.CodeRoomUnavailable}
	}
	for _, read := range e.reads {
		close(read)
	}
	for _, s := range e.sessions {
		s.ended()
	}
	for _, s := range e.sockets {
		if s.session != nil {
			s.session.Disconnected(protocol.CloseCode(1006))
		}
	}
}
