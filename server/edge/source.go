package edge

import (
	"io"
	"sync"
	"sync/atomic"
)

// source is what the server keeps for one network address: what it has spent, and its open sockets.
type source struct {
	key uint64
	// holders counts the places and requests under way that point here. The shard's lock guards it.
	holders int

	// reading is held while a socket that has no poller is read.
	reading sync.Mutex
	// share is what its sockets have used of a poller's round: the round number, and in the bits
	// below it the ns.
	share atomic.Uint64
	// delayed is how many of its requests wait for their responses.
	delayed atomic.Int32

	mu     sync.Mutex
	full   [budgets]int64 // when each bucket is full again
	places []*place       // oldest first
}

// idle reports whether nothing is lost if the source is forgotten, and otherwise when that will be
// so.
func (s *source) idle(now int64) (idle bool, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, full := range s.full {
		at = max(at, full)
	}
	return at <= now, at
}

const (
	// gateShards spreads the keys so that clients from different addresses seldom wait for each
	// other. A power of two.
	gateShards = 64
	// maxSources bounds the addresses that are remembered, about 120 bytes each, unless most of
	// them have an open socket.
	maxSources = 1 << 16
	// forgetSample is how many addresses of a full shard are looked at to find the one whose
	// budgets are nearest to full, which is forgotten. Those with an open socket, which are not,
	// are among them: they may be so many that a look at all would take longer than a handshake.
	forgetSample = 16
)

// sources are the addresses that have an open socket or have spent something.
type sources struct {
	shards [gateShards]struct {
		sync.Mutex
		byKey map[uint64]*source
		_     [48]byte // shards on cache lines of their own
	}
}

// enter returns the source of a key, which is kept until leave.
func (t *sources) enter(key uint64, now int64) *source {
	shard := &t.shards[key%gateShards]
	shard.Lock()
	defer shard.Unlock()
	s := shard.byKey[key]
	if s == nil {
		if len(shard.byKey) >= maxSources/gateShards {
			forgetOne(shard.byKey, now)
		}
		if shard.byKey == nil {
			shard.byKey = make(map[uint64]*source)
		}
		s = &source{key: key}
		shard.byKey[key] = s
	}
	s.holders++
	return s
}

// leave ends what enter began.
func (t *sources) leave(s *source, now int64) {
	shard := &t.shards[s.key%gateShards]
	shard.Lock()
	defer shard.Unlock()
	s.holders--
	if s.holders > 0 {
		return
	}
	if idle, _ := s.idle(now); idle {
		delete(shard.byKey, s.key)
	}
}

// forgetOne makes room in a shard. The address gains what is forgotten, so it is as little as a few
// looks can find.
func forgetOne(byKey map[uint64]*source, now int64) {
	var victim *source
	var soonest int64
	looks := forgetSample
	for _, s := range byKey { // in random order
		if looks--; looks < 0 {
			break
		}
		if s.holders > 0 {
			continue
		}
		idle, at := s.idle(now)
		if victim == nil || at < soonest {
			victim, soonest = s, at
		}
		if idle {
			break
		}
	}
	if victim != nil { // otherwise most have open sockets, which other limits bound
		delete(byKey, victim.key)
	}
}

// sweep forgets the addresses whose budgets are full again.
func (t *sources) sweep(now int64) {
	for i := range t.shards {
		shard := &t.shards[i]
		shard.Lock()
		for key, s := range shard.byKey {
			if s.holders > 0 {
				continue
			}
			if idle, _ := s.idle(now); idle {
				delete(shard.byKey, key)
			}
		}
		if len(shard.byKey) == 0 {
			shard.byKey = nil // a map keeps the memory of its busiest hour
		}
		shard.Unlock()
	}
}

// place is one open socket of an address. The source's lock guards it. A nil place is not counted.
type place struct {
	source *source
	// socket is closed to make way; nil for a WebSocket behind a proxy.
	socket io.Closer
	// conn is its WebSocket, once the room knows it.
	conn occupant
	// busy: a request is under way. webSocket: the place is, or is becoming, a WebSocket. left: it
	// is no longer among those of its address.
	busy, webSocket, left bool
}

// occupant is the WebSocket of a place.
type occupant interface {
	// giveWay closes a connection that has no seat, or, if parked is set, one that is parked. It
	// returns false for any other.
	giveWay(parked bool) bool
}

// sender describes where a request comes from.
type sender struct {
	// address is the key of the client's network address.
	address uint64
	// source has its budgets, and place is its socket; both are nil if it is not counted.
	source *source
	place  *place
	// held is set if source must be left when the request is over.
	held bool
}
