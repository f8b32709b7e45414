package rooms

import (
	"usher/protocol"
	"usher/room"
	"usher/server/tracing"
)

// beginJoin begins the span of a CREATE_ROOM or JOIN_ROOM. Only a connection that has had no seat
// yet has one. It ends when the seat may be seen, or with the reason why there is none.
func (l *liveRoom) beginJoin(event *room.Event) {
	if l.rooms.config.Tracer == nil || event.Kind != room.Received || !event.Message.Type.Seats() || l.times == nil {
		return
	}
	for i := range l.times.arrivals {
		if a := &l.times.arrivals[i]; a.conn == event.Conn {
			a.join.End() // it asked before, and waits
			a.join = l.rooms.config.Tracer.Begin(a.trace, tracing.Server, event.Message.Type.String())
		}
	}
}

// refuseJoin ends the span of a join that was refused.
func (l *liveRoom) refuseJoin(e *room.Effect) {
	if l.times == nil || !e.Type.Seats() {
		return
	}
	for i := range l.times.arrivals {
		if a := &l.times.arrivals[i]; a.conn == e.Conn {
			a.join.Fail(string(e.Refusal))
			a.join.End()
			a.join = tracing.Span{}
		}
	}
}

// beginCommit begins the span of what a message or a deadline changed, as part of the join that has
// just taken its seat, if there is one.
func (l *liveRoom) beginCommit(event *room.Event) tracing.Span {
	t := l.rooms.config.Tracer
	if t == nil {
		return tracing.Span{}
	}
	var parent *tracing.Context
	for i := range l.times.changes {
		if c := &l.times.changes[i]; c.seat && c.commit == 0 {
			parent = c.span.Context()
		}
	}
	span := t.Begin(parent, tracing.Internal, "commit")
	if event.Message != nil && event.Message.Type != 0 {
		span.Text("usher.message.type", event.Message.Type.String())
	}
	return span
}

// failSpans ends the spans of a room that is dropped.
func (l *liveRoom) failSpans(code protocol.CloseCode) {
	if l.times == nil {
		return
	}
	reason := "ROOM_DROPPED"
	if code == protocol.CloseRestart {
		reason = "ROOM_MOVED"
	}
	for _, c := range l.times.changes {
		c.span.Fail(reason)
		c.span.End()
	}
	for _, a := range l.times.arrivals {
		a.join.Fail(reason)
		a.join.End()
	}
	l.times = nil
}
