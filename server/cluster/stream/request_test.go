package stream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Each message of a reply has the time that the first one has: a read of many rooms may take longer.
func TestEachPartOfAReplyHasItsTime(t *testing.T) {
	t.Parallel()
	const parts, timeout = 4, 2 * time.Second
	conn := single(t).Conn()
	if _, err := conn.Subscribe("slow", func(m *nats.Msg) {
		for range parts {
			time.Sleep(timeout / 2)
			_ = m.Respond(nil)
		}
	}); err != nil {
		t.Fatal(err)
	}
	r, err := newRequests(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
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
