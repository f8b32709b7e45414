package rooms

import (
	"strings"

	"usher/room"
)

// showReceived shows a frame before the room is stepped with it.
func (l *liveRoom) showReceived(event *room.Event) {
	if event.Kind != room.Received {
		return
	}
	s := Signal{AtMs: l.rooms.Now().Ms, UserID: l.room.UserOf(event.Conn), Bytes: len(event.Frame)}
	if event.Message != nil {
		s.Type = event.Message.Type.String()
	}
	l.show(s)
}

// showSent shows the frames for clients of a Step.
func (l *liveRoom) showSent(w *work, event *room.Event) {
	for i := range w.effects {
		e := &w.effects[i]
		s := Signal{AtMs: l.rooms.Now().Ms, Sent: true, UserID: l.room.UserOf(e.Conn)}
		switch e.Kind {
		case room.Send:
			s.Type, s.Bytes = typeOf(e.Frame), len(e.Frame)
		case room.Forward:
			s.Type, s.Bytes = event.Message.Type.String(), len(event.Frame)
		default:
			continue
		}
		l.show(s)
	}
}

func (l *liveRoom) show(s Signal) {
	for _, w := range l.owed.watchers {
		w.signal(s)
	}
}

// typeOf returns the type of a frame of the room's own, which begins with it.
func typeOf(frame []byte) string {
	const begin = `{"type":"`
	if len(frame) < len(begin) || string(frame[:len(begin)]) != begin {
		return ""
	}
	name, _, _ := strings.Cut(string(frame[len(begin):min(len(frame), len(begin)+40)]), `"`)
	return strings.Clone(name)
}
