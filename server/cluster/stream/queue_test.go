package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/broker"
	"usher/server/store"
)

// A server that is behind does not have what the queue has. That is not taken for removed, because
// whoever takes it for that removes it.
func TestAMessageThatAServerDoesNotHaveYetIsNotTakenForRemoved(t *testing.T) {
	b := single(t)
	var behind atomic.Int64
	s := opened(t, newFaulty(b.Conn(), func(m *nats.Msg) fate {
		if m.Subject == "$JS.API.DIRECT.GET."+QueueName && behind.Add(-1) >= 0 {
			return fate{reply: &nats.Msg{Header: nats.Header{"Status": {"404"}}}}
		}
		return fate{}
	}), sending(owner(1, 0)), patient())
	// Another node's, of which this one learns by reading.
	saveWith(t, opened(t, b.Conn(), sending(owner(1, 0)), patient()), "room-1", "1", "a", "b")
	wantQueue(t, s, "room-1", "a", "b")
	behind.Store(3)
	if found, err := s.Waiting(1, 1); err != nil || len(found) != 1 || found[0].ID != "b" {
		t.Errorf("%+v, %v", found, err)
	}
	if err := s.Settle([]uint64{1, 2}, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Waiting(0, 10); err != nil || len(found) != 0 {
		t.Errorf("of what was removed is left: %+v, %v", found, err)
	}
}

// What nobody who reads can make sense of is left out, and what follows is read.
func TestDamagedMessagesAreLeftOut(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), sending(owner(1, 0)), patient())
	key := queuePrefix + suffix("room-1")
	ask(t, b.Conn(), key, "not a message")
	for _, damaged := range [][]byte{{}, {messageVersion}, {messageVersion + 1, 1}, appendQueued(nil, &store.Queued{Message: messages("a")[0]})[:12]} {
		if m, ok := decodeQueued(&Entry{Key: key, Value: damaged}); ok {
			t.Errorf("%q is read as %+v", damaged, m)
		}
	}
	saveWith(t, s, "room-1", "1", "a")
	wantQueue(t, s, "room-1", "a")
	if found, err := s.Waiting(0, 1); err != nil || len(found) != 1 || found[0].ID != "a" {
		t.Errorf("%+v, %v", found, err)
	}
}

// A node hears of what others have put into the queue.
func TestOtherNodesHearOfMessages(t *testing.T) {
	b := single(t)
	first := opened(t, b.Conn(), sending(owner(1, 0)), patient())
	second := opened(t, b.Conn(), sending(owner(2, 0)), patient())
	heard := make(chan bool, 10)
	stop, err := second.Hear(func() { heard <- true })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	saveWith(t, first, "room-1", "1", "a")
	<-heard
	if got := queued(t, second, "room-1"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("in the queue are %q", got)
	}
}

// What is replayed while there is no space stays where it is.
func TestAReplayNeedsSpace(t *testing.T) {
	b := single(t)
	c := sending(owner(1, 0))
	c.MaxMessages = 1
	s := opened(t, b.Conn(), c, patient())
	saveWith(t, s, "room-1", "1", "a")
	wantQueue(t, s, "room-1", "a")
	all, err := s.Waiting(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	all[0].Failure = "status 422"
	if err := s.Settle(nil, all); err != nil {
		t.Fatal(err)
	}
	saveWith(t, s, "room-1", "2", "b")
	wantQueue(t, s, "room-1", "b")
	if n, err := s.Replay(nil); n != 0 || !errors.Is(err, errQueueFull) {
		t.Errorf("%d are replayed: %v", n, err)
	}
	if aside, err := s.SetAside(); err != nil || len(aside) != 1 || aside[0].Failure != "status 422" {
		t.Errorf("%+v, %v", aside, err)
	}
}

// The streams of messages have settings of their own, which are checked like the other's; how many
// messages may wait follows the node that has started last.
func TestTheSettingsOfTheQueue(t *testing.T) {
	b := single(t)
	for max := range 3 {
		c := sending(owner(1, 0))
		c.MaxMessages = []int{1000, 5, 2000}[max]
		s := opened(t, b.Conn(), c, quick())
		if max == 0 {
			saveWith(t, s, "room-1", "1", strings.Split("abcdefghi", "")...)
			wantQueue(t, s, "room-1", strings.Split("abcdefghi", "")...)
		}
		found, err := s.info(t.Context(), QueueName, "", 0)
		if err != nil || found.Config.MaxMessages != int64(c.MaxMessages) || found.State.Messages != 9 || s.Depth() != 9 {
			t.Errorf("max_msgs %d with %d messages, want %d and 9: %v", found.Config.MaxMessages, found.State.Messages, c.MaxMessages, err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	without := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	for _, row := range []struct {
		stream int
		change func(*settings)
		hint   string
	}{
		{0, func(c *settings) { c.Discard = "old" }, "discard to new"},
		{0, func(c *settings) { c.MaxPerSubject = 5 }, "max_msgs_per_subject to -1"},
		{0, func(c *settings) { c.DedupFor = int64(time.Second) }, "duplicate_window to 2m0s"},
		{0, func(c *settings) { c.DenyDelete = true }, "deny_delete false"},
		{0, func(c *settings) { c.MaxAge = int64(time.Hour) }, "max_age to 0"},
		{0, func(c *settings) { c.Storage = "memory" }, "storage file"},
		{0, func(c *settings) { c.Subjects = []string{"u.webhook.>"} }, "set them to u.webhook.*.*"},
		{1, func(c *settings) { c.Discard = "new" }, "discard to old"},
		{1, func(c *settings) { c.AllowDirect = false }, "allow_direct to true"},
	} {
		t.Run(row.hint, func(t *testing.T) {
			c := sending(owner(1, 0))
			c.Conn, c.Replicas, c.Log = b.Conn(), 1, testLog(t)
			made := (&Stream{config: c}).queueStreams()[row.stream]
			row.change(made)
			// Those of before may be there.
			_, _ = b.Conn().Request("$JS.API.STREAM.DELETE."+made.Name, nil, patience)
			ask(t, b.Conn(), "$JS.API.STREAM.CREATE."+made.Name, made)
			s, err := Open(t.Context(), c)
			if err == nil {
				s.Close()
			}
			wantError(t, err, broker.ErrSettings, row.hint)
			ask(t, b.Conn(), "$JS.API.STREAM.DELETE."+made.Name, nil)
			if err := without.Check(t.Context()); err != nil {
				t.Errorf("a node without a queue: %v", err)
			}
		})
	}
}

// The replies of JetStream that say what became of a message.
func TestRepliesToMessages(t *testing.T) {
	reply := func(code, errCode int, text string) *nats.Msg {
		data, _ := json.Marshal(ack{Stream: QueueName, Error: &apiError{code, errCode, text}})
		return &nats.Msg{Data: data}
	}
	for _, row := range []struct {
		reply *nats.Msg
		want  Outcome
	}{
		{reply(503, codeNotStored, "maximum messages exceeded"), Full},
		{reply(503, codeNotStored, "maximum bytes exceeded"), Unknown},
		{reply(409, codeIDInProcess, "duplicate message id is in process"), Busy},
		{&nats.Msg{Data: fmt.Appendf(nil, `{"stream":%q,"seq":3,"duplicate":true}`, QueueName)}, Stored},
		{&nats.Msg{Data: fmt.Appendf(nil, `{"stream":%q,"seq":3}`, Name)}, Unknown},
	} {
		if r := resultOf(row.reply, QueueName); r.Outcome != row.want {
			t.Errorf("%s: %v, want %v", row.reply.Data, r.Outcome, row.want)
		}
	}
	for text, want := range map[string]bool{"no message found": true, "stream store EOF": true, "disk full": false} {
		if got := isUnknownMessage(fmt.Errorf("x: %w", &apiError{500, codeNotRemoved, text})); got != want {
			t.Errorf("%q is of an unknown message: %v", text, got)
		}
	}
	if !isUnknownMessage(&apiError{400, codeNoSequence, ""}) || isUnknownMessage(errNoReply) {
		t.Error("a sequence that is not found is that of an unknown message, and silence is not")
	}
}
