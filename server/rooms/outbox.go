package rooms

import (
	"sync/atomic"

	"usher/protocol"
)

// outbox has, in order, what one connection may see only after a commit. The zero value is empty.
type outbox struct {
	first, last *waiting
	bytes       int
	// brief is the last frame that has a shorter version, nil for none.
	brief *waiting
	// replaceable has the waiting entry for each value of room.Effect.Replaces.
	replaceable map[uint64]*waiting
}

// waiting is a frame, or a close if code is not 0.
type waiting struct {
	prev, next *waiting
	// commit is the number of the commit that it waits for.
	commit       uint64
	frame, brief *shared
	replaces     uint64
	code         protocol.CloseCode
	// since is when a frame that is passed on began to wait, by Metrics.Ns, 0 for all else.
	since int64
}

// waitingBytes is what an entry counts in addition to its frame, so that small frames are bounded
// too.
const waitingBytes = 64

func (w *waiting) bytes() int {
	if w.frame == nil {
		return waitingBytes
	}
	return waitingBytes + len(w.frame.bytes)
}

// add queues an entry. If an earlier entry carries the same part of the room's state it is
// shortened, and the entry that the new one replaces is dropped.
func (o *outbox) add(w *waiting, s *sharing) {
	if w.brief != nil {
		o.shorten(s)
		o.brief = w
	}
	if w.replaces != 0 {
		if older := o.replaceable[w.replaces]; older != nil {
			o.remove(older, s)
		}
		if o.replaceable == nil {
			o.replaceable = make(map[uint64]*waiting)
		}
		o.replaceable[w.replaces] = w
	}
	if w.prev = o.last; w.prev == nil {
		o.first = w
	} else {
		w.prev.next = w
	}
	o.last = w
	o.bytes += w.bytes()
}

// shorten keeps only the shorter version of a frame, because a later one has what is left out.
func (o *outbox) shorten(s *sharing) {
	if w := o.brief; w != nil {
		o.bytes -= len(w.frame.bytes) - len(w.brief.bytes)
		s.release(w.frame)
		w.frame, w.brief = w.brief, nil
	}
}

// remove removes an entry.
func (o *outbox) remove(w *waiting, s *sharing) {
	if w.prev == nil {
		o.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		o.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	if o.brief == w {
		o.brief = nil
	}
	if w.replaces != 0 && o.replaceable[w.replaces] == w {
		delete(o.replaceable, w.replaces)
	}
	o.bytes -= w.bytes()
	s.release(w.frame)
	s.release(w.brief)
}

// clear removes all entries.
func (o *outbox) clear(s *sharing) {
	for o.first != nil {
		o.remove(o.first, s)
	}
}

// shared is a frame that waits for any number of connections. It is counted once.
type shared struct {
	bytes []byte
	users int
}

// sharing finds the frames that wait for many connections, and counts the bytes of all frames.
type sharing struct {
	// recent are the latest frames of the current Step: a broadcast has few versions, one after the
	// other or alternating.
	recent [4]*shared
	next   int
	// total counts the bytes of all rooms.
	total *atomic.Int64
}

// share returns the one value for a frame, whose bytes never change, and nil for none.
func (s *sharing) share(frame []byte) *shared {
	if len(frame) == 0 {
		return nil
	}
	for _, f := range s.recent {
		if f != nil && len(f.bytes) == len(frame) && &f.bytes[0] == &frame[0] {
			return s.use(f)
		}
	}
	f := &shared{bytes: frame}
	s.recent[s.next%len(s.recent)] = f
	s.next++
	return s.use(f)
}

// endStep forgets the frames of a Step, because those of the next one differ. s may be nil.
func (s *sharing) endStep() {
	if s != nil {
		clear(s.recent[:])
	}
}

func (s *sharing) use(f *shared) *shared {
	if f.users++; f.users == 1 {
		s.total.Add(int64(len(f.bytes)))
	}
	return f
}

// release ends one use of a frame.
func (s *sharing) release(f *shared) {
	if f == nil {
		return
	}
	if f.users--; f.users == 0 {
		s.total.Add(-int64(len(f.bytes)))
	}
}
