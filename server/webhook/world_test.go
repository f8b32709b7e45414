package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/room"
	"usher/server/metrics"
	"usher/server/report"
	"usher/server/servertest"
	"usher/server/store"
	"usher/server/store/bolt"
)

// clock is the time of a test.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	alarms []alarm
}

type alarm struct {
	at   time.Time
	ring chan time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_900_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := alarm{c.now.Add(d), make(chan time.Time, 1)}
	if d <= 0 {
		a.ring <- c.now
	} else {
		c.alarms = append(c.alarms, a)
	}
	return a.ring
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.alarms = slices.DeleteFunc(c.alarms, func(a alarm) bool {
		if a.at.After(c.now) {
			return false
		}
		a.ring <- c.now
		return true
	})
}

// delivery is one request that a receiver got.
type delivery struct {
	id, room, user string
	header         http.Header
	body           []byte
}

// receiver is a program of the operator's.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []delivery
	hits int
	// reply decides what a request gets, nil for 204.
	reply func(d delivery, w http.ResponseWriter) (received bool)
}

func newReceiver(t testing.TB) *receiver {
	r := new(receiver)
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	var event report.Event
	_ = json.Unmarshal(body, &event)
	d := delivery{request.Header.Get("webhook-id"), event.Data.RoomID, event.Data.UserID, request.Header, body}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hits++
	if r.reply == nil || r.reply(d, w) {
		r.got = append(r.got, d)
		if r.reply == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// replies makes the receiver behave in another way.
func (r *receiver) replies(reply func(d delivery, w http.ResponseWriter) (received bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reply = reply
}

// status makes it refuse everything.
func status(code int) func(delivery, http.ResponseWriter) bool {
	return func(_ delivery, w http.ResponseWriter) bool {
		w.WriteHeader(code)
		return false
	}
}

func (r *receiver) received() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hits
}

// users are what a room's deliveries are about, each message counted once, in order.
func (r *receiver) users(roomID string) (users []string) {
	seen := map[string]bool{}
	for _, d := range r.received() {
		if d.room == roomID && !seen[d.id] {
			seen[d.id] = true
			users = append(users, d.user)
		}
	}
	return users
}

// world is a sender with its queue and its receiver.
type world struct {
	*Sender
	t        *testing.T
	clock    *clock
	receiver *receiver
	queue    *bolt.Store
	metrics  *metrics.Webhooks
	log      *servertest.LogBuffer
	stop     func()
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), receiver: newReceiver(t), log: new(servertest.LogBuffer)}
	var err error
	if w.queue, err = bolt.Open(t.TempDir(), bolt.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.queue.Close() })
	w.metrics = metrics.New().ShowWebhooks(w.queue.Depth, w.queue.Dropped)
	config := Config{
		URL: w.receiver.URL, Secrets: []string{secret}, Kinds: DefaultKinds, AllowPrivate: true, RetryFor: 72 * time.Hour,
		Queue: w.queue, Now: w.clock.Now, After: w.clock.After, Metrics: w.metrics, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	if w.Sender, err = New(config); err != nil {
		t.Fatal(err)
	}
	w.run()
	return w
}

// happen stores that somebody joined, and tells the sender.
func (w *world) happen(roomID, userID string) {
	w.t.Helper()
	o := []*room.Occurrence{{Kind: room.UserJoined, UserID: userID, AtMs: w.clock.Now().UnixMilli()}}
	stored := make(chan error, 1)
	w.queue.SaveWith(roomID, store.Record{Snapshot: []byte("x")}, w.Messages(roomID, o), func(err error) { stored <- err })
	if err := <-stored; err != nil {
		w.t.Fatal(err)
	}
	w.Happened(roomID, o)
}

// until lets time pass until it is true, somewhat more than a day at most.
func (w *world) until(what string, isTrue func() bool) {
	w.t.Helper()
	const most = 20_000
	for n, began := 0, time.Now(); n < most || time.Since(began) < servertest.Patience; n++ {
		if isTrue() {
			return
		}
		if n < most {
			w.clock.advance(5 * time.Second)
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("not true: %s", what)
}

func (w *world) untilReceived(roomID string, want ...string) {
	w.t.Helper()
	w.until(fmt.Sprint(roomID, " has ", want), func() bool { return slices.Equal(w.receiver.users(roomID), want) })
}

func (w *world) untilEmpty() {
	w.t.Helper()
	w.until("nothing waits", func() bool { return w.queue.Depth() == 0 })
}

// verified reports whether a delivery is signed with a secret. The clock of the test is ahead.
func verified(d delivery, secret string) bool {
	verifier, err := standardwebhooks.NewWebhook(secret)
	return err == nil && verifier.VerifyIgnoringTimestamp(d.body, d.header) == nil
}

func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}
