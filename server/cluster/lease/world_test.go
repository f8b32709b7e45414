package lease

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
)

// world is some nodes with pretend shells around one register. Its time is in true milliseconds;
// each node has a clock of its own that runs up to 1 % fast or slow.
type world struct {
	rng      *rand.Rand
	nowMs    int64
	queue    queue
	order    int
	register *register
	nodes    []*member
	broken   broken
	steps    int
	fault    string
	// outageUntilMs: until then the register takes no writes. evicted counts the evictions.
	outageUntilMs int64
	evicted       int
	retired       int
	// digest is of all effects.
	digest uint64
	// calm: nothing is lost, late or stale. lagMs is what every message takes in addition.
	calm  bool
	lagMs int64
	// acted is the highest term in which a shard was valid anywhere.
	acted [Shards]uint64
	nonce uint64
}

// simRetireMs is short, so that records end while faults happen.
const simRetireMs = 1000

// member is a node and its shell.
type member struct {
	id    string
	node  *Node
	alive bool
	// life counts the processes of this node: what belongs to an earlier one is not delivered.
	life          int
	offset, ppm   int64
	pausedUntilMs int64
	cutUntilMs    int64
	deafUntilMs   int64
	timer         int
	// shards and untilMs are what the effects said, and must be what Valid says.
	shards  [Shards]uint64
	untilMs int64
	effects []Effect
}

func (m *member) local(trueMs int64) int64 { return m.offset + trueMs + trueMs*m.ppm/1_000_000 }

// after is in how many true milliseconds the clock of a member is at a time.
func (m *member) after(trueMs, localMs int64) int64 {
	ms := max(0, (localMs-m.local(trueMs))*1_000_000/(1_000_000+m.ppm))
	for m.local(trueMs+ms) < localMs {
		ms++
	}
	return ms
}

type task struct {
	atMs  int64
	order int
	do    func()
}

type queue []task

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].atMs < q[j].atMs || q[i].atMs == q[j].atMs && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(task)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (w *world) in(ms int64, do func()) {
	w.order++
	heap.Push(&w.queue, task{w.nowMs + ms, w.order, do})
}

// runUntil runs until a true time, or the first fault.
func (w *world) runUntil(trueMs int64) {
	for w.fault == "" && len(w.queue) > 0 && w.queue[0].atMs <= trueMs {
		next := heap.Pop(&w.queue).(task)
		w.nowMs = next.atMs
		next.do()
	}
	w.nowMs = max(w.nowMs, trueMs)
}

func newWorld(seed uint64, nodes int, broken broken) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), register: newRegister(), broken: broken}
	for i := range nodes {
		m := &member{id: string(rune('a' + i)), offset: w.rng.Int64N(1_000_000) + 1, ppm: w.rng.Int64N(20_001) - 10_000}
		w.nodes = append(w.nodes, m)
		w.in(w.rng.Int64N(3000), func() { w.start(m) })
	}
	return w
}

func (w *world) chance(percent int) bool { return !w.calm && w.rng.IntN(100) < percent }

// delay is for how long a message is under way.
func (w *world) delay() int64 {
	switch {
	case w.chance(1):
		return w.lagMs + w.rng.Int64N(5000)
	case w.chance(5):
		return w.lagMs + w.rng.Int64N(700)
	}
	return w.lagMs + 1 + w.rng.Int64N(15)
}

func (w *world) start(m *member) {
	if m.alive {
		return
	}
	m.life++
	config := DefaultConfig(m.id)
	config.RetireMs = simRetireMs
	m.alive, m.node, m.pausedUntilMs = true, New(config), 0
	m.node.broken = w.broken
	m.shards, m.untilMs = [Shards]uint64{}, 0
	w.begin(m)
}

func (w *world) begin(m *member) {
	w.nonce++
	w.step(m, Event{Kind: Started, Nonce: w.nonce})
}

func (w *world) crash(m *member) { m.alive = false }

// deliver steps a member with an event after a while, if its process is still the same.
func (w *world) deliver(m *member, ms int64, event Event) {
	life := m.life
	w.in(ms, func() {
		if m.alive && m.life == life {
			w.step(m, event)
		}
	})
}

// step steps a member, once it is not paused.
func (w *world) step(m *member, event Event) {
	if w.nowMs < m.pausedUntilMs {
		w.deliver(m, m.pausedUntilMs-w.nowMs+w.rng.Int64N(3), event)
		return
	}
	w.steps++
	m.effects = m.node.Step(m.local(w.nowMs), event, m.effects[:0])
	look := w.steps%64 == 0
	for i := range m.effects {
		e := &m.effects[i]
		for _, x := range [6]uint64{uint64(e.Kind), uint64(e.Shard), e.Term, e.Request, e.Expected, uint64(e.AtMs)} {
			w.digest = (w.digest ^ x) * 1099511628211
		}
		look = w.perform(m, *e) || look
	}
	if look && w.fault == "" {
		w.look(m)
	}
}

// perform reports whether validity may have changed.
func (w *world) perform(m *member, e Effect) bool {
	switch e.Kind {
	case Put:
		w.sendPut(m, e)
	case Fetch:
		w.sendFetch(m, e)
	case SetTimer:
		m.timer++
		if e.AtMs != 0 {
			timer, life := m.timer, m.life
			w.in(m.after(w.nowMs, e.AtMs)+w.rng.Int64N(3), func() {
				if m.alive && m.life == life && m.timer == timer {
					w.step(m, Event{Kind: TimerFired})
				}
			})
		}
	case ValidUntil:
		m.untilMs = e.AtMs
		return true
	case Own:
		m.shards[e.Shard] = e.Term
		if w.rng.IntN(4) == 0 {
			w.deliver(m, w.rng.Int64N(300), Event{Kind: Occupied, Shard: e.Shard, Occupied: true})
		}
		return true
	case HandOver:
		w.deliver(m, w.rng.Int64N(4)*20+2, Event{Kind: Frozen, Shard: e.Shard, Term: e.Term})
	case Stop, Lose:
		m.shards[e.Shard] = 0
		return true
	case Evicted:
		w.evicted++
		m.shards = [Shards]uint64{}
		life := m.life
		w.in(w.rng.Int64N(100), func() {
			if m.alive && m.life == life {
				w.begin(m)
			}
		})
	case Drained:
		w.deliver(m, w.rng.Int64N(50), Event{Kind: Stopped})
	case Left:
		w.crash(m)
	case Hint:
		for _, other := range w.nodes {
			if other != m && !w.chance(20) {
				w.deliver(other, w.delay(), Event{Kind: Hinted})
			}
		}
	case Unreadable:
		w.fault = "unreadable: " + e.Key
	}
	return false
}

// lost reports whether a message between a member and the register does not arrive.
func (w *world) lost(m *member) bool { return w.nowMs < m.cutUntilMs || w.chance(4) }

func (w *world) sendPut(m *member, e Effect) {
	if w.lost(m) {
		return
	}
	by := m.node.Self()
	answer := func(event Event) {
		event.Request = e.Request
		if w.nowMs >= m.deafUntilMs && !w.lost(m) {
			w.deliver(m, w.delay(), event)
		}
	}
	life := m.life
	w.in(w.delay(), func() {
		if w.nowMs < w.outageUntilMs {
			return
		}
		if w.chance(2) {
			if m.life == life {
				answer(Event{Kind: Failed})
			}
			if w.chance(50) {
				return
			}
		}
		if w.chance(1) { // by a leader that is none any more
			revision := w.register.last(e.Key).Revision + w.rng.Uint64N(9)
			if w.chance(30) {
				revision = w.rng.Uint64N(revision + 1)
			}
			if revision != e.Expected && m.life == life {
				answer(Event{Kind: Conflicted, Revision: revision})
			}
			return
		}
		revision, ok, fault := w.register.put(by, e.Key, e.Expected, e.Bytes)
		if ok && e.TTLMs != 0 {
			w.retired++
			w.in(e.TTLMs, func() { w.register.expire(e.Key, revision) })
		}
		if fault != "" {
			w.fault = fault
		}
		switch {
		case m.life != life:
		case ok:
			answer(Event{Kind: Acked, Revision: revision})
		default:
			answer(Event{Kind: Conflicted, Revision: revision})
		}
	})
}

func (w *world) sendFetch(m *member, e Effect) {
	if w.lost(m) {
		return
	}
	life := m.life
	w.in(w.delay(), func() {
		if m.life != life || w.nowMs < m.deafUntilMs || w.lost(m) {
			return
		}
		upTo := w.register.seq
		if w.chance(15) {
			upTo -= min(upTo, w.rng.Uint64N(maxBehind-1))
		}
		records := w.register.at(upTo)
		for i := 0; i < len(records); i++ {
			if w.chance(4) { // replaced while it was read
				records = append(records[:i], records[i+1:]...)
				i--
			}
		}
		w.deliver(m, w.delay(), Event{Kind: Fetched, Request: e.Request, Revision: upTo, Records: records})
	})
}

// look checks a member's shards against everybody else's.
func (w *world) look(m *member) {
	if broken := m.node.Check(); broken != "" && w.broken == 0 {
		w.fault = "check: " + broken
		return
	}
	local := m.local(w.nowMs)
	for i := range Shards {
		term := m.node.shards[i].acting
		valid := m.node.Valid(local, i, term)
		if mirrored := m.shards[i] != 0 && local < m.untilMs; w.broken == 0 && (mirrored != valid || valid && m.shards[i] != term) {
			w.fault = fmt.Sprintf("mirror: shard %d of %s in term %d is valid: %t, and by its effects, in term %d: %t", i, m.id, term, valid, m.shards[i], mirrored)
			return
		}
		if !valid {
			continue
		}
		if term < w.acted[i] {
			w.fault = fmt.Sprintf("terms: shard %d is valid at %s in term %d after term %d", i, m.id, term, w.acted[i])
			return
		}
		w.acted[i] = term
		for _, other := range w.nodes {
			if other == m || !other.alive {
				continue
			}
			if theirs := other.node.shards[i].acting; other.node.Valid(other.local(w.nowMs), i, theirs) {
				w.fault = fmt.Sprintf("owners: shard %d is valid at %s in term %d and at %s in term %d", i, m.id, term, other.id, theirs)
				return
			}
		}
	}
}
