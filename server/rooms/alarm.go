package rooms

import (
	"time"

	"usher/room"
)

// setAlarm arranges for AlarmFired. It is harmless if an alarm fires after another has been set.
func (l *liveRoom) setAlarm(atMs int64) {
	l.alarmMs = atMs
	if atMs == 0 {
		if l.alarm != nil {
			l.alarm.Stop()
		}
		return
	}
	clock := l.rooms.config.Clock
	after := time.Duration(atMs-clock.Now().Ms) * time.Millisecond
	if l.alarm == nil {
		l.alarm = clock.AfterFunc(after, l.ring)
		return
	}
	l.alarm.Reset(after)
}

// soonMs is more than passes between a look at the deadlines and the Step that judges them.
const soonMs = 100

// ring judges the deadlines that have passed, after what had arrived by then has been read: a
// client whose bytes wait in its socket, because the process was stopped or is busy, has been
// sending. Most alarms are early ones, because somebody has sent since they were set.
func (l *liveRoom) ring() {
	if l.hasDeadline(l.rooms.config.Clock.Now().Ms + soonMs) {
		l.readArrived()
	}
	l.step(room.Event{Kind: room.AlarmFired})
}

func (l *liveRoom) hasDeadline(byMs int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.room.HasDeadline(byMs)
}

// readArrived returns once what had arrived from the room's clients has been read.
func (l *liveRoom) readArrived() {
	l.mu.Lock()
	sockets := make([]Socket, len(l.sessions))
	for i, s := range l.sessions {
		sockets[i] = s.socket
	}
	l.mu.Unlock()
	l.rooms.config.ReadArrived(sockets)
}
