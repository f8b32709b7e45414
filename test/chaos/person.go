package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	dialTimeout = 2 * time.Second
	// impatient and patient are how long a socket may be silent, with a PING each second, before it
	// is given up. Whoever is patient sees what a node says that was stopped and goes on.
	impatient, patient = 4 * time.Second, 12 * time.Second
	// tick is between two relays of a person to each other one.
	tick = 150 * time.Millisecond
	// ticksOfChange and ticksOfPing are between two changes and two PINGs.
	ticksOfChange, ticksOfPing = 3, 7
	// askAgain is when a change without a reply no longer keeps the next from being sent.
	askAgain = time.Second
	// maxDelay spreads returns after a close.
	maxDelay = 200 * time.Millisecond
	// grace is the servers' setting: how long the seat of somebody away is held.
	grace = 60 * time.Second
)

// person is one participant, who comes back for as long as the campaign goes on.
type person struct {
	cluster *cluster
	room    *room
	index   int
	id      string
	random  *rand.Rand
	tally   *tally

	// What only the person's own goroutine uses.
	token string
	// left is when the last socket with the seat ended.
	left  time.Time
	heard [peopleOfRoom]position
	// visits counts the sockets that have had the seat. Others read it with room.mu.
	visits int

	// seen has the highest numbers that this person was shown, and complete is set once it was
	// shown everybody. room.mu guards both.
	seen     numbers
	complete bool
	// seatedAt is when the socket got its seat, and awaySince when others were told that this seat
	// is empty again; zero if they were not. room.mu guards both.
	seatedAt, awaySince time.Time
	// node is where the person's socket is or was last; seats counts the joins that were answered.
	node, seats atomic.Int32
	seated      atomic.Bool
	// hangUp ends the socket of now, so that the person returns.
	hangUp atomic.Pointer[context.CancelFunc]
}

func (p *person) String() string {
	return fmt.Sprintf("room %s, user %d on node %d", p.room.id, p.index, p.node.Load()+1)
}

// live connects, again and again, until ctx is done.
func (p *person) live(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.visit(ctx)
		if p.seated.Swap(false) {
			p.left = time.Now()
		}
		if ctx.Err() != nil {
			return
		}
		least := p.ended(err)
		p.node.Store(p.next())
		pause(ctx, least+time.Duration(p.random.Int64N(int64(maxDelay))))
	}
}

// next is another node: half of the time that of somebody else of the room, because two people on
// the node of their room are who could hear an old owner.
func (p *person) next() int32 {
	now := p.node.Load()
	if other := p.room.people[p.random.IntN(peopleOfRoom)].node.Load(); other != now && p.random.IntN(2) == 0 {
		return other
	}
	return (now + 1 + p.random.Int32N(nodes-1)) % nodes
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ended counts why a socket ended, and returns how long to wait at least.
func (p *person) ended(err error) time.Duration {
	code := websocket.CloseStatus(err)
	switch {
	case errors.Is(err, errRefused): // counted by its code
		return maxDelay
	case errors.Is(err, errHandshake):
		p.tally.ended("handshake failed")
		return 0
	case code == -1:
		p.tally.ended("cut off or silent")
		return 0
	}
	p.tally.ended(fmt.Sprint(int(code)))
	switch code {
	case 1012:
		return 0
	case 1013:
		return maxDelay
	case 4003:
		// A join that waited in a stopped node took the seat from this socket, which its client had
		// opened later.
		return 0
	}
	p.room.violation("%s: closed with %d", p, code)
	return time.Second
}

var (
	// errRefused is a join that was refused and may be repeated.
	errRefused = errors.New("the join was refused and may be repeated")
	// errHandshake is a node that is not there.
	errHandshake = errors.New("no handshake")
)

// visit is one socket, from the handshake to its end.
func (p *person) visit(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.hangUp.Store(&cancel)
	dialing, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	address := "ws://" + p.cluster.nodes[p.node.Load()].listen + "/ws?roomId=" + p.room.id
	ws, _, err := websocket.Dial(dialing, address, &websocket.DialOptions{HTTPClient: p.cluster.http})
	if err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(1 << 20)
	patience := patient
	if p.random.IntN(4) == 0 {
		patience = impatient
	}
	silent := time.AfterFunc(patience, cancel)
	defer silent.Stop()
	v := &visit{person: p, ws: ws, floor: p.room.floor(), joining: time.Now()}
	if err := ws.Write(ctx, websocket.MessageText, p.join()); err != nil {
		return err
	}
	for {
		_, bytes, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		silent.Reset(patience)
		f := new(frame)
		if err := json.Unmarshal(bytes, f); err != nil {
			p.room.violation("%s: not JSON: %.64q", p, bytes)
			return err
		}
		was := p.seated.Load()
		if err := v.take(f, bytes); err != nil {
			return err
		}
		if !was && p.seated.Load() {
			go v.talk(ctx, p.visits, p.random.Uint64())
		}
	}
}

// sit takes the reply to the join.
func (v *visit) sit(f *frame) {
	p := v.person
	if away := time.Since(p.left); p.token != "" && !f.Resumed {
		p.tally.seatsLost.Add(1)
		if away < grace {
			p.room.violation("%s: the seat was lost after %v", p, away.Round(time.Millisecond))
		}
	}
	if p.room.isPlanned.Load() && p.token != "" && !f.Recovered {
		p.room.violation("%s: what was held was lost, although no node has died", p)
	}
	if f.ResumeToken != "" {
		p.token = f.ResumeToken
	}
	p.room.seat(p)
	p.seats.Add(1)
	p.seated.Store(true)
}
