package rooms

import (
	"strings"
	"sync/atomic"
	"testing"

	"usher/protocol"
)

// entry is a Send, or a Close if frame is "".
type entry struct {
	frame, brief string
	replaces     uint64
}

func TestOutbox(t *testing.T) {
	for _, test := range []struct {
		rule  string
		queue []entry
		want  string
	}{
		{"keeps the order", []entry{{frame: "a"}, {frame: "b"}, {}, {frame: "c"}}, "a b close c"},
		{"sends the only frame that has a shorter version whole", []entry{{frame: "state", brief: "brief"}}, "state"},
		{"lets only the last frame carry the state",
			[]entry{{frame: "state-1", brief: "brief-1"}, {frame: "a"}, {frame: "state-2", brief: "brief-2"}, {frame: "state-3", brief: "brief-3"}, {frame: "b"}},
			"brief-1 a brief-2 state-3 b"},
		{"drops a frame that a later one replaces",
			[]entry{{frame: "old", replaces: 1}, {frame: "a"}, {frame: "new", replaces: 1}}, "a new"},
		{"drops no frame that replaces something else",
			[]entry{{frame: "room", replaces: 1}, {frame: "ann", replaces: 2}, {frame: "own"}, {frame: "ann 2", replaces: 2}, {frame: "room 2", replaces: 1}},
			"own ann 2 room 2"},
		{"drops the first, the last and the only one",
			[]entry{{frame: "a", replaces: 1}, {frame: "b", replaces: 1}, {frame: "c", replaces: 1}}, "c"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			var o outbox
			var total atomic.Int64
			s := &sharing{total: &total}
			for _, e := range test.queue {
				w := &waiting{replaces: e.replaces, frame: s.share([]byte(e.frame)), brief: s.share([]byte(e.brief))}
				if w.frame == nil {
					w.code = protocol.CloseNormal
				}
				o.add(w, s)
			}
			var got []string
			for o.first != nil {
				if o.first.frame == nil {
					got = append(got, "close")
				} else {
					got = append(got, string(o.first.frame.bytes))
				}
				o.remove(o.first, s)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if o.bytes != 0 || total.Load() != 0 || o.last != nil || o.brief != nil || len(o.replaceable) != 0 {
				t.Errorf("left over: %+v, %d bytes", o, total.Load())
			}
		})
	}
}

func TestWhatManyWaitForIsCountedOnce(t *testing.T) {
	var total atomic.Int64
	s := &sharing{total: &total}
	frame, brief := make([]byte, 1000), make([]byte, 10)
	outboxes := make([]outbox, 50)
	for i := range outboxes {
		outboxes[i].add(&waiting{frame: s.share(frame), brief: s.share(brief)}, s)
	}
	if total.Load() != 1010 || outboxes[0].bytes != waitingBytes+1000 {
		t.Errorf("%d bytes are counted, and %d for one connection", total.Load(), outboxes[0].bytes)
	}
	later := make([]byte, 2000)
	for i := range outboxes {
		outboxes[i].add(&waiting{frame: s.share(later), brief: s.share(brief)}, s)
	}
	if total.Load() != 2010 || outboxes[0].bytes != 2*waitingBytes+2010 {
		t.Errorf("%d bytes are counted, and %d for one connection, when only the last frame has the state", total.Load(), outboxes[0].bytes)
	}
	for i := range outboxes {
		outboxes[i].clear(s)
	}
	if total.Load() != 0 {
		t.Errorf("%d bytes are left", total.Load())
	}
}
