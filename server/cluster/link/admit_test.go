package link

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
)

// outgoing is a transport that keeps what is sent, or fails.
type outgoing struct {
	messages [][]byte
	err      error
}

func (o *outgoing) Send(_ Incarnation, message []byte) error {
	if o.err == nil {
		o.messages = append(o.messages, bytes.Clone(message))
	}
	return o.err
}

func (o *outgoing) Receive(Incarnation, func([]byte)) (func(), error) { return func() {}, nil }

// last is the head of the last message.
func (o *outgoing) last(t *testing.T) Head {
	t.Helper()
	if len(o.messages) == 0 {
		return Head{}
	}
	m, err := Decode(o.messages[len(o.messages)-1])
	if err != nil {
		t.Fatal(err)
	}
	return m.Head
}

// opened is a link with number 5, on which 3 messages of the other node's link 8 have come.
func opened(t *testing.T) (*link, *outgoing) {
	t.Helper()
	o := new(outgoing)
	l := New(Config{Transport: o, Shards: 1, Log: slog.New(slog.DiscardHandler)})
	if err := l.Start(Incarnation{ID: "me", Nonce: 1}); err != nil {
		t.Fatal(err)
	}
	l.numbers.Store(4)
	k := l.link(Incarnation{ID: "other", Nonce: 1}, true)
	k.mu.Lock()
	k.open()
	k.mu.Unlock()
	for n := range uint64(3) {
		if !admits(k, Head{Link: 8, Sequence: n + 1, Peer: 5}) {
			t.Fatal("not opened")
		}
	}
	return k, o
}

func admits(k *link, h Head) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.admit(&h)
}

// What comes next on a link, and what does not.
func TestMessagesAreAdmitted(t *testing.T) {
	for name, test := range map[string]struct {
		head     Head
		admitted bool
		// number and peer are the links afterwards, 0 for none. said is what the other node is told
		// that it is over, 0 if it is told nothing.
		number, peer, said uint64
	}{
		"the next":                       {Head{Link: 8, Sequence: 4, Peer: 5}, true, 5, 8, 0},
		"the next before it has ours":    {Head{Link: 8, Sequence: 4}, true, 5, 8, 0},
		"the last again":                 {Head{Link: 8, Sequence: 3, Peer: 5}, false, 5, 8, 0},
		"one after a gap":                {Head{Link: 8, Sequence: 5, Peer: 5}, false, 6, 0, 8},
		"of an earlier link":             {Head{Link: 7, Sequence: 4, Peer: 5}, false, 5, 8, 0},
		"of a newer link":                {Head{Link: 9, Sequence: 1}, true, 6, 9, 0},
		"of a newer link, not the first": {Head{Link: 9, Sequence: 2}, false, 6, 0, 9},
		"that ours is over":              {Head{Link: 9, Sequence: 1, Dead: 5}, true, 6, 9, 0},
		"that ours is over, on its last": {Head{Link: 8, Sequence: 4, Peer: 5, Dead: 5}, false, 6, 0, 8},
		"for an earlier link of ours":    {Head{Link: 8, Sequence: 4, Peer: 3}, false, 6, 0, 8},
		"of a newer, for an earlier":     {Head{Link: 9, Sequence: 1, Peer: 3}, false, 6, 0, 9},
	} {
		t.Run(name, func(t *testing.T) {
			k, o := opened(t)
			o.messages = nil
			if got := admits(k, test.head); got != test.admitted {
				t.Errorf("admitted: %v", got)
			}
			if k.number != test.number || k.peer != test.peer || o.last(t).Dead != test.said {
				t.Errorf("link %d on %d, told that %d is over", k.number, k.peer, o.last(t).Dead)
			}
		})
	}
}

// A link that is closed here is opened to say so, and only once.
func TestMessagesOfClosedLinksAreAnswered(t *testing.T) {
	k, o := opened(t)
	k.mu.Lock()
	k.breakLink("for the test", false)
	k.mu.Unlock()
	if k.number != 0 || len(o.messages) != 0 {
		t.Fatal(k.number)
	}
	for range 3 {
		if admits(k, Head{Link: 8, Sequence: 4, Peer: 5}) {
			t.Error("admitted")
		}
	}
	if h := o.last(t); len(o.messages) != 1 || h.Link != 6 || h.Dead != 8 || h.Peer != 0 {
		t.Errorf("%d messages, %+v", len(o.messages), h)
	}
}

func TestUnacknowledgedBytesBreakTheLink(t *testing.T) {
	k, o := opened(t)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.beat()
	k.sent = MaxUnacknowledged
	if k.beat(); k.number != 6 || o.last(t).Dead != 8 {
		t.Errorf("link %d, %+v", k.number, o.last(t))
	}
}

func TestFailureToSendBreaksTheLink(t *testing.T) {
	k, o := opened(t)
	o.err = errors.New("no connection")
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.beat(); k.number != 0 {
		t.Errorf("link %d", k.number)
	}
}

// Acknowledged bytes are those of the link that is open.
func TestBytesAreAcknowledged(t *testing.T) {
	k, _ := opened(t)
	k.sent = 1000
	for _, test := range []struct {
		head Head
		want uint64
	}{
		{Head{Link: 8, Sequence: 4, Peer: 5, Handled: 400}, 400},
		{Head{Link: 8, Sequence: 5, Peer: 5, Handled: 300}, 400},
		{Head{Link: 8, Sequence: 6, Handled: 900}, 400},
		{Head{Link: 8, Sequence: 7, Peer: 5, Handled: 5000}, 1000},
	} {
		if !admits(k, test.head) || k.acked != test.want {
			t.Errorf("%+v: %d", test.head, k.acked)
		}
	}
}

// Links to nodes that only messages told of are bounded, and forgotten when nobody needs them.
func TestNodesAreBounded(t *testing.T) {
	l := New(Config{Transport: new(outgoing), Shards: 1, Log: slog.New(slog.DiscardHandler)})
	if l.link(Incarnation{ID: "early", Nonce: 1}, false) != nil {
		t.Error("a link of nobody")
	}
	if err := l.Start(Incarnation{ID: "me", Nonce: 1}); err != nil {
		t.Fatal(err)
	}
	for i := range MaxNodes + 10 {
		head := Head{Major: MaxWire, From: Incarnation{ID: "node" + string(rune('a'+i/26)) + string(rune('a'+i%26)), Nonce: 1}, Link: 1, Sequence: 2}
		l.receive(l.self, appendHead(nil, &head))
	}
	if n := len(*l.all.Load()); n != MaxNodes {
		t.Errorf("%d nodes", n)
	}
	for range 2 * forgetTicks {
		l.tick()
	}
	if n := len(*l.all.Load()); n != 0 {
		t.Errorf("%d nodes are remembered", n)
	}
	l.receive(l.self, appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "me", Nonce: 1}, Link: 1, Sequence: 1}))
	if n := len(*l.all.Load()); n != 0 || l.Stats().Dropped == 0 {
		t.Errorf("%d nodes, %+v", n, l.Stats())
	}
}
