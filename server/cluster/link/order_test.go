package link_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
)

// weather is what happens to messages: faults in so many of 1 000, and cuts from nodes.
type weather struct {
	mu                sync.Mutex
	random            *rand.Rand
	drop, twice, late int
	delay             time.Duration
	cut               map[link.Incarnation]bool
}

func (w *weather) judge(from, _ link.Incarnation, _ []byte) linktest.Fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	hits := func(of1000 int) bool { return w.random.IntN(1000) < of1000 }
	fate := linktest.Fate{Drop: w.cut[from] || hits(w.drop), Twice: hits(w.twice), Late: hits(w.late)}
	if w.delay > 0 {
		fate.Delay = time.Duration(w.random.Int64N(int64(w.delay)))
	}
	return fate
}

func (w *weather) set(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// order has people at nodes that take turns in owning the only room, and knows what each must hear.
type order struct {
	*cluster
	weather *weather
	people  []*person
	opens   uint64
	// said counts what each node has said to all, and acts is the last term that it owned the room
	// in.
	said map[*node]int
	acts map[*node]uint64

	mu sync.Mutex
	// seen are the highest terms that were seen, by edge. wrong is the first fault that was seen.
	seen  map[*node]uint64
	wrong string
}

// person is a client, which numbers what it says, and is told numbered frames.
type person struct {
	*client
	address    uint64
	at, owner  *node
	said, told int
}

func (o *order) fail(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wrong == "" {
		o.wrong = fmt.Sprintf(format, args...)
	}
}

// open opens a connection, if the owner can be reached.
func (o *order) open(at *node) {
	o.opens++
	p := &person{client: new(client), at: at, owner: o.ownerNode(), address: o.opens}
	p.onSend = func(frame []byte) { o.hears(p, frame) }
	session, refusal := at.Open(context.Background(), "hall-1", edge.Opening{Address: p.address}, p.client)
	if refusal == "" {
		p.session = session
		o.people = append(o.people, p)
	}
}

func (o *order) ownerNode() *node {
	for _, n := range o.nodes {
		if n.self == o.owner {
			return n
		}
	}
	return nil
}

// hears checks a frame that a client gets.
func (o *order) hears(p *person, frame []byte) {
	var term uint64
	var number int
	if _, err := fmt.Sscanf(string(frame), "term %d number %d", &term, &number); err != nil {
		return // what somebody else said
	}
	if p.told != 0 && number != p.told+1 {
		o.fail("number %d follows %d", number, p.told)
	}
	p.told = number
	o.mu.Lock()
	lower := term < o.seen[p.at]
	o.seen[p.at] = max(term, o.seen[p.at])
	o.mu.Unlock()
	if lower && p.at != p.owner { // a node's own rooms are not the link's to stop
		o.fail("term %d after a higher one", term)
	}
}

// sayAll makes a node, the owner or one that was, say something to all who are in its room.
func (o *order) sayAll(n *node) {
	o.said[n]++
	n.hall.sayAll(fmt.Sprintf("term %d number %d", o.acts[n], o.said[n]))
}

// turn is one thing that happens. Which fields it has, what says.
type turn struct {
	what              string
	node              int
	count             int
	wait, delay       time.Duration
	drop, twice, late int
}

// turns draws what happens.
var turns = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) turn {
	few, ms := rapid.IntRange(0, 30), rapid.IntRange(0, 300)
	return turn{
		what: rapid.SampledFrom([]string{"open", "open", "say", "say", "say all", "say all", "wait", "faults", "cut", "heal", "move"}).Draw(t, "what"),
		node: rapid.IntRange(0, 2).Draw(t, "node"), count: rapid.IntRange(1, 5).Draw(t, "count"),
		wait: time.Duration(10*ms.Draw(t, "wait 10 ms")) * time.Millisecond, delay: time.Duration(ms.Draw(t, "delay ms")) * time.Millisecond,
		drop: few.Draw(t, "drop"), twice: few.Draw(t, "twice"), late: few.Draw(t, "late"),
	}
}), 5, 40)

// do makes it happen.
func (o *order) do(turn turn) {
	node, w := o.nodes[turn.node], o.weather
	switch turn.what {
	case "open":
		o.open(node)
	case "say":
		for range turn.count {
			for _, p := range o.people {
				p.said++
				p.say(fmt.Sprint(p.said))
			}
		}
	case "say all":
		for range turn.count {
			o.sayAll(node)
		}
	case "wait":
		time.Sleep(turn.wait)
	case "faults":
		w.set(func() { w.drop, w.twice, w.late, w.delay = turn.drop, turn.twice, turn.late, turn.delay })
	case "cut":
		w.set(func() { w.cut[node.self] = true })
	case "heal":
		w.set(func() { clear(w.cut) })
	case "move":
		o.cluster.mu.Lock()
		o.owner, o.term = node.self, o.term+1
		o.cluster.mu.Unlock()
		o.acts[node] = o.term
		node.Moved([]link.Move{{Shard: 3, Term: o.term}}) // the others hear of it by its frames
	}
}

// settled returns what is wrong, once the network works again: who is still connected must have
// heard everything, and the others must be disconnected at both ends.
func (o *order) settled() string {
	w := o.weather
	w.set(func() { w.drop, w.twice, w.late, w.delay = 0, 0, 0, 0; clear(w.cut) })
	for _, n := range o.nodes {
		n.Moved([]link.Move{{Shard: 3, Term: o.term}})
	}
	time.Sleep(30 * interval)
	synctest.Wait()
	if o.wrong != "" {
		return o.wrong
	}
	for i, p := range o.people {
		inside, said := p.owner.hall.knows(p.address)
		switch {
		case (p.closed == 0) != inside && p.at != p.owner:
			return fmt.Sprintf("person %d is closed with %d, and in the room: %v", i, p.closed, inside)
		case p.closed == 0 && said != p.said:
			return fmt.Sprintf("the room has heard %d of %d frames of person %d", said, p.said, i)
		case p.closed == 0 && p.told != 0 && p.told != o.said[p.owner]:
			return fmt.Sprintf("person %d was told number %d of %d", i, p.told, o.said[p.owner])
		}
	}
	for _, n := range o.nodes {
		if n.hall.wrong != "" {
			return n.hall.wrong
		}
	}
	return ""
}

// Whatever the network does, numbered frames arrive in order and without holes in both directions
// while both ends stay, or everybody on the link is disconnected at both; and no edge sees a lower
// term after a higher one.
func TestOrderWithoutHoles(t *testing.T) {
	var opened, closed int
	rapid.Check(t, func(rt *rapid.T) {
		seed, turns := rapid.Uint64().Draw(rt, "seed"), turns.Draw(rt, "turns")
		wrong := ""
		synctest.Test(t, func(t *testing.T) {
			w := &weather{random: rand.New(rand.NewPCG(seed, 0)), cut: make(map[link.Incarnation]bool)}
			c := newCluster(3, w.judge)
			defer c.close()
			o := &order{cluster: c, weather: w, said: make(map[*node]int), seen: make(map[*node]uint64), acts: map[*node]uint64{c.nodes[0]: 1}}
			for _, turn := range turns {
				o.do(turn)
			}
			wrong = o.settled()
			for _, p := range o.people {
				if opened++; p.closed != 0 {
					closed++
				}
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
	t.Logf("%d people, %d of whom were closed", opened, closed)
}
