package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Progress is how far a run is.
type Progress struct {
	Phase string
	// Done is 0 to 1, of the whole run.
	Done     float64
	Seated   int
	Messages int
	Errors   int
}

// progressEvery is how often progress is reported.
const progressEvery = 100 * time.Millisecond

// pingEvery keeps idle people from being dropped.
const pingEvery = 20 * time.Second

// run is a run under way.
type run struct {
	plan    Plan
	address *url.URL
	client  *http.Client
	tally   *tally
	rooms   []*room
	// ctx ends with the run. It ends the connections that are left.
	ctx context.Context

	mu     sync.Mutex
	phase  string
	people int // that were made, for their ids
}

// Run loads a server as planned, or until ctx ends, and returns what it saw. An error means
// that nothing could be measured; what went wrong with a server that responds is in the result.
// report may be nil; it is called ten times a second.
func Run(ctx context.Context, plan Plan, report func(Progress)) (*Result, error) {
	address, err := plan.check()
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	defer stop()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{InsecureSkipVerify: plan.Insecure}}
	r := &run{plan: plan, address: address, client: &http.Client{Transport: transport}, tally: newTally(), ctx: running}
	if err := r.reach(ctx); err != nil {
		return nil, err
	}
	r.tally = newTally()
	for range plan.Rooms {
		r.rooms = append(r.rooms, &room{id: roomID(), decided: make(chan struct{}), gone: map[string]bool{}})
	}
	watching := make(chan struct{})
	watched := make(chan struct{})
	go func() { defer close(watched); r.watch(watching, report) }()
	r.load(ctx)
	close(watching)
	<-watched
	r.tally.endSecond()
	result := r.result(ctx.Err() != nil)
	r.leaveAll()
	return result, nil
}

// roomID is what nobody else has.
func roomID() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return "bench-" + hex.EncodeToString(random[:])
}

// reach opens one connection, so that a wrong address is one error and not a hundred.
func (r *run) reach(ctx context.Context) error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := &person{run: r, room: &room{id: roomID()}, id: "reach"}
	err := p.connect(ctx)
	if err == nil {
		return p.ws.CloseNow()
	}
	var refusal *httpRefusal
	switch {
	case errors.As(err, &refusal):
		return &Error{fmt.Sprintf("%s refuses connections: %s", r.address, refusal.text), hintFor(refusal.code, atHandshake)}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{fmt.Sprintf("%s does not respond within %v", r.address, patience), "is the server up, and is this its address?"}
	}
	return &Error{fmt.Sprintf("%s cannot be reached: %v", r.address, root(err)), hintToReach(err)}
}

// load is the run itself.
func (r *run) load(ctx context.Context) {
	r.enter("joining")
	r.joinAll(ctx)
	if r.hopeless() {
		return
	}
	r.enter("negotiating")
	until, cancel := context.WithTimeout(ctx, r.plan.Duration)
	defer cancel()
	var parts sync.WaitGroup
	parts.Go(func() { r.negotiate(until) })
	parts.Go(func() { r.churn(until) })
	parts.Go(func() { r.ping(until) })
	parts.Wait()
	r.enter("finishing")
	r.settle(ctx)
}

func (r *run) enter(phase string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = phase
}

// paced calls do at a rate until it returns false or ctx ends, and records how late each call is.
func (r *run) paced(ctx context.Context, perSecond float64, do func(i int) bool) {
	start := time.Now()
	for i := 0; ; i++ {
		due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		r.tally.took(Late, time.Since(due))
		if !do(i) {
			return
		}
	}
}

// joinAll lets everybody join: first the first of each room, then the second of each.
func (r *run) joinAll(ctx context.Context) {
	var entering sync.WaitGroup
	joining, cancel := context.WithCancel(ctx)
	defer cancel()
	r.paced(joining, r.plan.JoinRate, func(i int) bool {
		room := r.rooms[i%len(r.rooms)]
		p := r.newPerson(room)
		entering.Go(func() { p.enter(joining, i < len(r.rooms)) })
		return i+1 < r.plan.total() && !r.hopeless()
	})
	if r.hopeless() {
		cancel()
	}
	entering.Wait()
}

// newPerson makes the next person. Who is idle is spread evenly.
func (r *run) newPerson(room *room) *person {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people++
	n := float64(r.people)
	idle := int(n*r.plan.Idle) != int((n-1)*r.plan.Idle)
	return &person{run: r, room: room, id: fmt.Sprintf("bench-%d", r.people), idle: idle, done: make(chan struct{}), links: map[string]*link{}}
}

// negotiate lets the people who are not idle negotiate in turn.
func (r *run) negotiate(ctx context.Context) {
	everybody := float64(r.plan.total()) * (1 - r.plan.Idle) / r.plan.Every.Seconds()
	if everybody <= 0 || r.plan.People < 2 {
		return
	}
	next := 0
	r.paced(ctx, everybody, func(int) bool {
		for range r.plan.total() {
			room, at := r.rooms[next%len(r.rooms)], next/len(r.rooms)
			next++
			if p, other := room.pair(at); p != nil && !p.idle {
				p.offer(other.id)
				return true
			}
		}
		return true
	})
}

// pair returns a person of the room and another one, nil if there are none.
func (r *room) pair(at int) (p, other *person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.people) < 2 {
		return nil, nil
	}
	i := at % len(r.people)
	step := 1 + mathrand.IntN(len(r.people)-1)
	return r.people[i], r.people[(i+step)%len(r.people)]
}

// churn lets people leave, each replaced by a newcomer. A room keeps one at least, and so stays.
func (r *run) churn(ctx context.Context) {
	if r.plan.Churn <= 0 || r.plan.People < 2 {
		return
	}
	var entering sync.WaitGroup
	defer entering.Wait()
	r.paced(ctx, r.plan.Churn, func(i int) bool {
		room := r.rooms[i%len(r.rooms)]
		room.mu.Lock()
		var leaver *person
		if len(room.people) > 1 {
			leaver = room.people[mathrand.IntN(len(room.people))]
		}
		room.mu.Unlock()
		if leaver != nil {
			entering.Go(func() {
				leaver.leave()
				// The newcomer's own time bounds it: the run's end is no refusal.
				r.newPerson(room).enter(r.ctx, false)
			})
		}
		return true
	})
}

// ping keeps everybody's connection alive.
func (r *run) ping(ctx context.Context) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, p := range r.present() {
				_ = p.ws.Write(r.ctx, 1, []byte(`{"type":"PING"}`)) // read reports why
			}
		}
	}
}

// present are the people who have a seat.
func (r *run) present() (people []*person) {
	for _, room := range r.rooms {
		room.mu.Lock()
		people = append(people, room.people...)
		room.mu.Unlock()
	}
	return people
}

// settle waits for what is still on its way.
func (r *run) settle(ctx context.Context) {
	const patience = 5 * time.Second
	for end := time.Now().Add(patience); r.missing() > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(20 * time.Millisecond)
	}
}

// missing counts the messages between people who are both here that have not arrived.
func (r *run) missing() (n int) {
	for _, room := range r.rooms {
		room.mu.Lock()
		people := slices.Clone(room.people)
		room.mu.Unlock()
		for _, from := range people {
			for _, to := range people {
				n += max(0, from.sentTo(to.id)-to.gotFrom(from.id))
			}
		}
	}
	return n
}

func (p *person) sentTo(other string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.links[other]; l != nil {
		return l.sent
	}
	return 0
}

func (p *person) gotFrom(other string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.links[other]; l != nil {
		return l.got
	}
	return 0
}

// leaveAll ends the seats, so that the server keeps nothing.
func (r *run) leaveAll() {
	var leaving sync.WaitGroup
	slots := make(chan struct{}, 64)
	for _, p := range r.present() {
		slots <- struct{}{}
		leaving.Go(func() { p.leave(); <-slots })
	}
	leaving.Wait()
}
