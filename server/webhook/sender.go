package webhook

import (
	"container/heap"
	"context"
	"crypto/rand"
	"encoding/json"
	"math"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/room"
	"usher/server/report"
	"usher/server/store"
)

const (
	// maxAtOnce is how many requests are under way.
	maxAtOnce = 8
	// The back-off doubles from firstPause to maxPause. Half of each is random.
	firstPause, maxPause = time.Second, 5 * time.Minute
	// settleAtOnce is how many messages are removed in one transaction of a busy queue. A crash
	// sends those again that were not removed.
	settleAtOnce = 64
	// lookEvery is how often the queue is looked at if nobody says that something is in it.
	lookEvery = 10 * time.Second
	// stopWithin is how long Run waits for requests when it ends.
	stopWithin = 2 * time.Second
	// pauseWithin is the same for a pause.
	pauseWithin = 300 * time.Millisecond
	// readAtOnce is how many messages are read from the queue at once.
	readAtOnce = 256
)

// Sender sends messages. New makes one, Run works.
type Sender struct {
	config   Config
	client   *http.Client
	signers  atomic.Pointer[[]*standardwebhooks.Webhook]
	kinds    map[room.OccurrenceKind]bool
	wake     chan struct{} // holds one
	revive   atomic.Bool
	outcomes chan outcome
	pauses   chan pause

	// The rest belongs to Run. lanes are the rooms that have messages. ready are those whose first
	// message may be sent, in order, and waiting those whose may be later.
	lanes   map[string]*lane
	ready   []*lane
	waiting lanes
	lastSeq uint64
	busy    int
	// failures counts requests in a row that failed; until notBefore none is made.
	failures  int
	notBefore time.Time
	// gone: the receiver wants no message any more.
	gone bool
	sent []uint64
	// failed have only their Seq and their Failure.
	failed []store.Queued
}

// pause is a request to Run to send nothing for a while.
type pause struct{ begun, over chan struct{} }

// lane is the messages of one room, in order.
type lane struct {
	roomID   string
	messages []pending
	// failures counts how often the receiver has rejected the first of them; it is not sent before
	// notBefore.
	failures  int
	notBefore time.Time
}

// pending is a message that is in the queue.
type pending struct {
	seq  uint64
	atMs int64
}

// New returns a Sender. The error says what is wrong with the config.
func New(config Config) (*Sender, error) {
	s := &Sender{
		config: config, client: newClient(&config), kinds: map[room.OccurrenceKind]bool{},
		wake: make(chan struct{}, 1), outcomes: make(chan outcome, maxAtOnce), pauses: make(chan pause), lanes: map[string]*lane{},
	}
	for _, kind := range config.Kinds {
		s.kinds[kind] = true
	}
	return s, s.SetSecrets(config.Secrets)
}

// SetSecrets changes what signs the messages from now on.
func (s *Sender) SetSecrets(secrets []string) error {
	signers, err := signersOf(secrets)
	if err == nil {
		s.signers.Store(&signers)
	}
	return err
}

// Messages makes the messages of a change, for rooms.Config.
func (s *Sender) Messages(roomID string, occurrences []*room.Occurrence) (messages []store.Message) {
	for _, o := range occurrences {
		if !s.kinds[o.Kind] {
			continue
		}
		body, err := json.Marshal(report.New(roomID, o))
		if err != nil {
			panic("webhook: " + err.Error()) // an Event has nothing that cannot be encoded
		}
		messages = append(messages, store.Message{ID: "msg_" + rand.Text(), AtMs: o.AtMs, Body: body})
	}
	return messages
}

// Happened implements rooms.Observer: the messages are stored.
func (s *Sender) Happened(string, []*room.Occurrence) { s.Wake() }

// Wake makes the sender look at the queue.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Revive lets the receiver be tried again that has said that it is gone.
func (s *Sender) Revive() {
	s.revive.Store(true)
	s.Wake()
}

// Pause lets nothing be sent until resume is called or Run ends, and returns once no request is
// under way, or when ctx is done. Requests that take longer than a moment are given up, and made
// again later.
func (s *Sender) Pause(ctx context.Context) (resume func()) {
	p := pause{make(chan struct{}), make(chan struct{})}
	select {
	case s.pauses <- p:
	case <-ctx.Done():
		return func() {}
	}
	select {
	case <-p.begun:
	case <-ctx.Done():
	}
	return func() { close(p.over) }
}

// Run sends what is in the queue until ctx is done. Requests that are under way then have a moment
// to end. It may be called again when it has returned.
func (s *Sender) Run(ctx context.Context) {
	for again := true; again; again = s.sendUntil(ctx) {
		// What has been read of the queue is read again: what was under way is first in its room.
		s.lanes, s.ready, s.waiting, s.lastSeq = map[string]*lane{}, nil, nil, 0
	}
	s.gone, s.failures, s.notBefore = false, 0, time.Time{}
	s.config.Metrics.Failing.Store(0)
}

// sendUntil sends until ctx is done, or until a pause is over; it reports which.
func (s *Sender) sendUntil(ctx context.Context) (goOn bool) {
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	s.look()
	for {
		s.start(requests)
		select {
		case <-ctx.Done():
			s.stop(abort, stopWithin)
			return false
		case p := <-s.pauses:
			s.stop(abort, pauseWithin)
			close(p.begun)
			select {
			case <-p.over:
				return true
			case <-ctx.Done():
				return false
			}
		case <-s.wake:
			s.look()
		case o := <-s.outcomes:
			s.finish(o)
		case <-s.config.After(s.untilNext()):
			s.look()
		}
		if s.busy == 0 || len(s.sent)+len(s.failed) >= settleAtOnce {
			s.settle()
		}
	}
}

// stop waits for the requests under way, and settles those that succeed.
func (s *Sender) stop(abort func(), within time.Duration) {
	moment := time.AfterFunc(within, abort)
	defer moment.Stop()
	for ; s.busy > 0; s.busy-- {
		if o := <-s.outcomes; o.failure == "" && !o.removed && !o.unread {
			s.sent = append(s.sent, o.seq)
		}
	}
	s.settle()
	s.client.CloseIdleConnections()
}

// look reads what is new in the queue.
func (s *Sender) look() {
	if s.revive.Swap(false) && s.gone {
		s.gone, s.failures, s.notBefore = false, 0, time.Time{}
	}
	for {
		page, err := s.config.Queue.Waiting(s.lastSeq, readAtOnce)
		if err != nil {
			s.config.Log.Error("the queue of webhooks cannot be read", "error", err)
			return
		}
		for _, m := range page {
			s.lastSeq = m.Seq
			l := s.lanes[m.RoomID]
			if l == nil {
				l = &lane{roomID: m.RoomID}
				s.lanes[m.RoomID] = l
				s.ready = append(s.ready, l)
			}
			l.messages = append(l.messages, pending{m.Seq, m.AtMs})
		}
		if len(page) < readAtOnce {
			return
		}
	}
}

// start begins as many requests as there may be.
func (s *Sender) start(ctx context.Context) {
	now := s.config.Now()
	for len(s.waiting) > 0 && !now.Before(s.waiting[0].notBefore) {
		s.ready = append(s.ready, heap.Pop(&s.waiting).(*lane))
	}
	if s.gone || now.Before(s.notBefore) {
		return
	}
	for len(s.ready) > 0 && s.busy < s.limit() {
		l := s.ready[0]
		s.ready = s.ready[1:]
		s.busy++
		go s.attempt(ctx, l, l.messages[0].seq)
	}
}

// limit is how many requests may be under way.
func (s *Sender) limit() int {
	if s.failures > 0 {
		return 1
	}
	return maxAtOnce
}

// untilNext is how long there is nothing to do.
func (s *Sender) untilNext() time.Duration {
	now, next := s.config.Now(), lookEvery
	if s.gone || s.busy >= s.limit() {
		return next
	}
	due := func(at time.Time) { next = max(0, min(next, max(at.Sub(now), s.notBefore.Sub(now)))) }
	if len(s.ready) > 0 {
		due(s.notBefore)
	}
	if len(s.waiting) > 0 {
		due(s.waiting[0].notBefore)
	}
	return next
}

// attempt sends the first message of a room.
func (s *Sender) attempt(ctx context.Context, l *lane, seq uint64) {
	var o outcome
	found, err := s.config.Queue.Waiting(seq-1, 1)
	switch {
	case err != nil:
		o.unread = true
	case len(found) == 1 && found[0].Seq == seq:
		o = s.post(ctx, &found[0])
	default:
		o.removed = true
	}
	o.lane, o.seq = l, seq
	s.outcomes <- o
}

// finish takes note of what became of a request.
func (s *Sender) finish(o outcome) {
	s.busy--
	l, now := o.lane, s.config.Now()
	if o.removed { // or hidden by a server that is behind: it was not sent, so nothing is settled
		s.next(l)
		return
	}
	if o.unread { // which says nothing about the receiver
		if at := now.Add(firstPause); at.After(s.notBefore) {
			s.notBefore = at
		}
		s.ready = append(s.ready, l)
		return
	}
	if o.failure == "" {
		s.config.Metrics.Delivered.Add(1)
		s.sent = append(s.sent, o.seq)
		s.recovered()
		s.next(l)
		return
	}
	s.config.Metrics.Failed.Add(1)
	s.fail(&o, now)
	switch age := now.Sub(time.UnixMilli(l.messages[0].atMs)); {
	case age >= s.config.RetryFor:
		s.config.Metrics.SetAside.Add(1)
		s.failed = append(s.failed, store.Queued{Seq: o.seq, Failure: o.failure})
		s.next(l)
	case o.rejected:
		l.failures++
		l.notBefore = now.Add(backOff(l.failures))
		heap.Push(&s.waiting, l)
	default: // another room is next
		s.ready = append(s.ready, l)
	}
}

// next removes the first message of a room.
func (s *Sender) next(l *lane) {
	l.messages, l.failures = l.messages[1:], 0
	if len(l.messages) > 0 {
		s.ready = append(s.ready, l)
	} else {
		delete(s.lanes, l.roomID)
	}
}

// fail makes the next request wait.
func (s *Sender) fail(o *outcome, now time.Time) {
	s.failures++
	if s.failures == 1 {
		s.config.Log.Warn("webhooks are not received; they wait", "cause", o.failure, "waiting", s.config.Queue.Depth())
		s.config.Metrics.Failing.Store(1)
	}
	if at := now.Add(max(backOff(s.failures), o.after)); at.After(s.notBefore) {
		s.notBefore = at
	}
	if o.gone && !s.gone {
		s.gone = true
		s.config.Log.Error("the receiver of webhooks is gone (410): none is sent until SIGHUP or a restart", "waiting", s.config.Queue.Depth())
	}
}

func (s *Sender) recovered() {
	if s.failures > 0 {
		s.config.Log.Info("webhooks are received again", "waiting", s.config.Queue.Depth())
		s.config.Metrics.Failing.Store(0)
	}
	s.failures, s.notBefore = 0, time.Time{}
}

// backOff is the pause after a number of failures.
func backOff(failures int) time.Duration {
	pause := float64(firstPause) * math.Pow(2, float64(failures-1))
	whole := time.Duration(min(pause, float64(maxPause)))
	return whole/2 + mathrand.N(whole/2)
}

// lanes is a heap by notBefore.
type lanes []*lane

func (l lanes) Len() int           { return len(l) }
func (l lanes) Less(i, j int) bool { return l[i].notBefore.Before(l[j].notBefore) }
func (l lanes) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

// Push implements heap.Interface.
func (l *lanes) Push(x any) { *l = append(*l, x.(*lane)) }

// Pop implements heap.Interface.
func (l *lanes) Pop() any {
	last := (*l)[len(*l)-1]
	*l = slices.Delete(*l, len(*l)-1, len(*l))
	return last
}
