package stream

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// requestsTo returns requests, and lets handle reply to those with a subject.
func requestsTo(t *testing.T, subject string, handle nats.MsgHandler) *requests {
	t.Helper()
	conn := single(t).Conn()
	if _, err := conn.Subscribe(subject, handle); err != nil {
		t.Fatal(err)
	}
	r, err := newRequests(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// Each message of a reply has the time that the first one has: a read of many rooms may take
// longer.
func TestEachPartOfAReplyHasItsTime(t *testing.T) {
	t.Parallel()
	const parts, timeout = 4, 2 * time.Second
	r := requestsTo(t, "slow", func(m *nats.Msg) {
		for range parts {
			time.Sleep(timeout / 2)
			_ = m.Respond(nil)
		}
	})
	whole, got := make(chan bool, 1), 0
	r.send(nats.NewMsg("slow"), timeout, func(m *nats.Msg) bool {
		got++
		done := m == nil || got == parts
		if done {
			whole <- m != nil
		}
		return done
	})
	if !<-whole {
		t.Fatalf("%d of %d parts are awaited", got-1, parts)
	}
}

// However slow NATS is, up to a bound, a request that is sent again and again has a reply at last.
func TestASlowNATSIsHeard(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	r := requestsTo(t, "slow", func(m *nats.Msg) {
		time.AfterFunc(2*timeout, func() { _ = m.Respond(nil) })
	})
	replies := make(chan *nats.Msg, 1)
	for range 100 {
		r.send(nats.NewMsg("slow"), timeout, func(m *nats.Msg) bool { replies <- m; return true })
		if <-replies != nil {
			return
		}
	}
	t.Error("every reply comes too late")
}

// A request that was given up while the connection was blocked is not sent afterwards. Otherwise
// each change would be sent as often as it was tried meanwhile.
func TestWhatNobodyAwaitsIsNotSent(t *testing.T) {
	t.Parallel()
	blocked, release, sent := make(chan bool), make(chan bool), make(chan string, 10)
	var first sync.Once
	conn := newFaulty(single(t).Conn(), func(m *nats.Msg) fate {
		first.Do(func() {
			close(blocked)
			<-release
		})
		sent <- m.Subject
		return fate{drop: true}
	})
	r, err := newRequests(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	over := make(chan bool)
	r.send(nats.NewMsg("first"), patience, func(*nats.Msg) bool { return true })
	<-blocked
	r.send(nats.NewMsg("given up"), time.Millisecond, func(*nats.Msg) bool { close(over); return true })
	r.post(nats.NewMsg("not awaited"))
	<-over
	r.send(nats.NewMsg("awaited"), patience, func(*nats.Msg) bool { return true })
	close(release)
	if got, want := []string{<-sent, <-sent, <-sent}, []string{"first", "not awaited", "awaited"}; !slices.Equal(got, want) {
		t.Errorf("%q are sent, want %q", got, want)
	}
}
