package rooms

import (
	"slices"
	"sync"

	"usher/room"
	"usher/server/tracing"
)

// unusedTimes are for the next room in which something is timed: a join needs one and its slices.
var unusedTimes = sync.Pool{New: func() any { return new(times) }}

// timed returns what is being timed.
func (l *liveRoom) timed() *times {
	if l.times == nil {
		l.times = unusedTimes.Get().(*times)
	}
	return l.times
}

// timeArrival begins the time of a connection.
func (l *liveRoom) timeArrival(id room.ConnID, trace *tracing.Context) {
	if since := l.rooms.metrics.Ns(); since != 0 || l.rooms.config.Tracer != nil {
		t := l.timed()
		t.arrivals = append(t.arrivals, arrival{conn: id, since: since, trace: trace})
	}
}

// timeSeat ends the wait of a connection for its seat, as soon as that may be seen, and the absence
// of the seat's owner.
func (l *liveRoom) timeSeat(e *room.Effect) {
	if e.AtMs != 0 {
		l.rooms.metrics.Returned(l.rooms.Now().Ms - e.AtMs)
	}
	a := l.takeArrival(e.Conn)
	if a.conn == 0 {
		return
	}
	if e.Admitted {
		a.since = 0 // how long a host takes to answer a knock says nothing
	}
	t := l.timed()
	t.changes = append(t.changes, timedChange{since: a.since, span: a.join, seat: true, held: e.AtMs != 0})
}

// forgetArrival forgets a connection that has ended.
func (l *liveRoom) forgetArrival(id room.ConnID) {
	if l.times == nil {
		return
	}
	a := l.takeArrival(id)
	a.join.Fail("DISCONNECTED")
	a.join.End()
	l.forgetTimes()
}

// takeArrival removes a connection. What it returns is the zero value if it has had a seat.
func (l *liveRoom) takeArrival(id room.ConnID) (taken arrival) {
	if l.times == nil {
		return taken
	}
	l.times.arrivals = slices.DeleteFunc(l.times.arrivals, func(a arrival) bool {
		if a.conn == id {
			taken = a
		}
		return a.conn == id
	})
	return taken
}

// forgetTimes gives the memory back once nothing is being timed.
func (l *liveRoom) forgetTimes() {
	if len(l.times.changes)+len(l.times.arrivals) == 0 {
		unusedTimes.Put(l.times)
		l.times = nil
	}
}

// timeChange begins the time of what an event has changed, if it has, and gives the seats of the
// event the commit that they wait for.
func (l *liveRoom) timeChange(w *work, event *room.Event, changed bool) {
	since := l.rooms.metrics.Ns()
	if changed && (since != 0 || l.rooms.config.Tracer != nil) {
		c := timedChange{since: since}
		if batch, ok := w.batch.(Batch); ok && event.Message != nil && batch.Defer() {
			c.cause = event.Message.Type
		}
		t := l.timed()
		c.span = l.beginCommit(event)
		t.changes = append(t.changes, c)
	}
	if l.times == nil {
		return
	}
	for i := range l.times.changes {
		if c := &l.times.changes[i]; c.commit == 0 {
			c.commit = l.issued
		}
	}
	l.countChanges()
}

// countChanges ends the times of what is stored by now.
func (l *liveRoom) countChanges() {
	if l.times == nil {
		return
	}
	m, kept := l.rooms.metrics, l.times.changes[:0]
	for _, c := range l.times.changes {
		if c.commit > l.durable {
			kept = append(kept, c)
			continue
		}
		c.span.End()
		switch {
		case c.since == 0:
		case c.seat:
			m.Seated(c.held, c.since)
		default:
			m.Changed(c.cause, c.since)
		}
	}
	clear(l.times.changes[len(kept):])
	l.times.changes = kept
	l.forgetTimes()
}
