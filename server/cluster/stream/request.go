package stream

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Conn is the connection to NATS, which *nats.Conn is. What it cannot send at once it must refuse:
// its reconnect buffer is off.
type Conn interface {
	PublishMsg(*nats.Msg) error
	Subscribe(subject string, handle nats.MsgHandler) (*nats.Subscription, error)
	NewInbox() string
	MaxPayload() int64
	ConnectedServerVersion() string
}

// After a reply that has come too late, requests wait longer for a while. Otherwise, while NATS
// takes longer than they wait, all would be sent again and again, and NATS had the more to do.
const (
	slowFactor = 4
	slowFor    = 10 * time.Second
	// slowestReply bounds that. It is less than a lease lasts: see Forget.
	slowestReply = 2500 * time.Millisecond
)

// requests sends requests and gives each reply to whoever awaits it. Sending never blocks its
// caller, because a connection may.
type requests struct {
	conn  Conn
	inbox string // with a dot at its end
	sub   *nats.Subscription

	mu      sync.Mutex
	last    uint64
	pending map[uint64]*request
	queue   []*nats.Msg
	closed  bool
	late    time.Time     // when a reply last came after its request was given up
	wake    chan struct{} // holds one: something is queued, or closed
	stopped chan struct{}
}

// request awaits its reply: replied gets each message, until it returns true. It gets nil once if
// none has come for a while, or the request could not be sent.
type request struct {
	replied func(m *nats.Msg) (done bool)
	timeout time.Duration
	timer   *time.Timer

	mu   sync.Mutex
	over bool
}

// give passes on a reply, and reports whether no more are awaited.
func (q *request) give(m *nats.Msg) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.over = q.replied(m) || m == nil
	}
	return q.over
}

func newRequests(conn Conn) (*requests, error) {
	r := &requests{
		conn: conn, inbox: conn.NewInbox() + ".", pending: make(map[uint64]*request),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	sub, err := conn.Subscribe(r.inbox+"*", r.received)
	if err != nil {
		return nil, err
	}
	// What is outstanding is bounded, so its replies are.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, err
	}
	r.sub = sub
	go r.publish()
	return r, nil
}

// send queues a request. Each message of the reply has the whole timeout, or more while NATS is
// slow.
func (r *requests) send(m *nats.Msg, timeout time.Duration, replied func(*nats.Msg) (done bool)) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		go replied(nil)
		return
	}
	if time.Since(r.late) < slowFor {
		timeout = max(timeout, min(slowFactor*timeout, slowestReply))
	}
	r.last++
	number := r.last
	m.Reply = r.inbox + strconv.FormatUint(number, 10)
	r.pending[number] = &request{replied: replied, timeout: timeout, timer: time.AfterFunc(timeout, func() { r.end(number) })}
	r.queue = append(r.queue, m)
	r.mu.Unlock()
	r.awake()
}

func (r *requests) awake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// post sends a message that nobody replies to, or not.
func (r *requests) post(m *nats.Msg) {
	r.mu.Lock()
	if !r.closed {
		r.queue = append(r.queue, m)
	}
	r.mu.Unlock()
	r.awake()
}

// publish is the one goroutine that sends.
func (r *requests) publish() {
	defer close(r.stopped)
	for range r.wake {
		r.mu.Lock()
		queue, closed := r.queue, r.closed
		r.queue = nil
		r.mu.Unlock()
		if closed {
			return
		}
		for _, m := range queue {
			if m.Reply != "" && !r.awaits(r.number(m.Reply)) {
				continue // the connection was blocked for too long
			}
			if err := r.conn.PublishMsg(m); err != nil {
				r.end(r.number(m.Reply))
			}
		}
	}
}

func (r *requests) awaits(number uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending[number] != nil
}

func (r *requests) number(reply string) uint64 {
	number, _ := strconv.ParseUint(strings.TrimPrefix(reply, r.inbox), 10, 64) // 0 is none
	return number
}

// received is called for each reply, in order.
func (r *requests) received(m *nats.Msg) {
	number := r.number(m.Subject)
	r.mu.Lock()
	q := r.pending[number]
	if q == nil {
		r.late = time.Now()
	}
	r.mu.Unlock()
	switch {
	case q == nil:
	case q.give(m):
		r.take(number)
	default:
		r.extend(number)
	}
}

// extend gives the rest of a reply its time.
func (r *requests) extend(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q := r.pending[number]; q != nil {
		q.timer.Reset(q.timeout)
	}
}

// end gives up a reply.
func (r *requests) end(number uint64) {
	if q := r.take(number); q != nil {
		q.give(nil)
	}
}

func (r *requests) take(number uint64) *request {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.pending[number]
	if q != nil {
		q.timer.Stop()
		delete(r.pending, number)
	}
	return q
}

// close ends all requests without a reply.
func (r *requests) close() {
	_ = r.sub.Unsubscribe() // the connection may be closed already
	r.mu.Lock()
	pending := r.pending
	r.pending, r.queue, r.closed = make(map[uint64]*request), nil, true
	r.mu.Unlock()
	r.awake()
	<-r.stopped
	for _, q := range pending {
		q.timer.Stop()
		q.give(nil)
	}
}
