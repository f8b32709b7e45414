package webhook

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"usher/server/store"
)

// hiding is a queue in which some reads of one message go wrong.
type hiding struct {
	store.Queue
	// hides is the Seq of a message that is not found. fails is the error of the next read.
	hides atomic.Uint64
	fails atomic.Bool
}

func (h *hiding) Waiting(after uint64, n int) ([]store.Queued, error) {
	switch {
	case n != 1:
	case h.fails.Swap(false):
		return nil, errors.New("no reply")
	case after+1 == h.hides.Load():
		return nil, nil
	}
	return h.Queue.Waiting(after, n)
}

// A message that was not found was not sent: if the queue has it after all, it stays there.
func TestWhatIsNotFoundIsNotRemoved(t *testing.T) {
	var queue hiding
	queue.hides.Store(1)
	w := newWorld(t, func(c *Config) { queue.Queue, c.Queue = c.Queue, &queue })
	w.happen("film", "0")
	w.happen("film", "1")
	w.untilReceived("film", "1")
	w.stop()
	if depth := w.queue.Depth(); depth != 1 || w.metrics.Delivered.Load() > 1 {
		t.Fatalf("%d wait, and %d are delivered", depth, w.metrics.Delivered.Load())
	}
	queue.hides.Store(0)
	w.run()
	w.untilReceived("film", "1", "0")
	w.untilEmpty()
}

// A message that could not be read was not sent, however old it is: the receiver has not failed.
func TestWhatIsNotReadIsNotSetAside(t *testing.T) {
	var queue hiding
	w := newWorld(t, func(c *Config) { queue.Queue, c.Queue, c.RetryFor = c.Queue, &queue, 0 })
	queue.fails.Store(true)
	w.happen("film", "ann")
	w.until("it is received or set aside", func() bool { return w.queue.Depth() == 0 })
	if got := w.receiver.users("film"); len(got) != 1 || w.metrics.SetAside.Load()+w.metrics.Failed.Load() != 0 {
		t.Errorf("received are %q, set aside %d, failed %d", got, w.metrics.SetAside.Load(), w.metrics.Failed.Load())
	}
}

// What cannot be read is set aside later, with its body.
func TestWhatIsSetAsideIsWhole(t *testing.T) {
	var queue hiding
	w := newWorld(t, func(c *Config) { queue.Queue, c.Queue, c.RetryFor = c.Queue, &queue, 0 })
	w.receiver.replies(func(_ delivery, reply http.ResponseWriter) bool {
		queue.fails.Store(true)
		reply.WriteHeader(http.StatusUnprocessableEntity)
		return false
	})
	w.happen("film", "ann")
	w.untilEmpty()
	aside, err := w.queue.SetAside()
	if err != nil || len(aside) != 1 || aside[0].RoomID != "film" || aside[0].Failure != "status 422" || !strings.Contains(string(aside[0].Body), `"ann"`) {
		t.Errorf("set aside are %+v, %v", aside, err)
	}
}
