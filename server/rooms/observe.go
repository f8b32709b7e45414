package rooms

import (
	"usher/room"
	"usher/server/store"
)

// report tells what a Step has reported, now or when the room's commits are done. All of its Saves
// have been issued.
func (l *liveRoom) report(w *work) {
	if l.rooms.config.Observer == nil {
		return
	}
	o := l.owe()
	o.reports = append(o.reports, report{l.issued, occurrencesOf(w.effects)})
	if l.isVisible() {
		l.tellReports()
	}
}

// messages returns what is to be sent on of the Step under way. A Step has one Save or Delete at
// most.
func (l *liveRoom) messages(w *work) []store.Message {
	if l.rooms.config.Messages == nil {
		return nil
	}
	if occurrences := occurrencesOf(w.effects); len(occurrences) > 0 {
		return l.rooms.config.Messages(l.id, occurrences)
	}
	return nil
}

func occurrencesOf(effects []room.Effect) (occurrences []*room.Occurrence) {
	for i := range effects {
		if effects[i].Kind == room.Report {
			occurrences = append(occurrences, effects[i].Occurrence)
		}
	}
	return occurrences
}

// tellReports tells what the room's commits allow. The caller holds the lock.
func (l *liveRoom) tellReports() {
	o := l.owed
	if o == nil {
		return
	}
	for len(o.reports) > 0 && o.reports[0].commit <= l.durable {
		l.rooms.config.Observer.Happened(l.id, o.reports[0].occurrences)
		o.reports = o.reports[1:]
	}
	l.settleOwed()
}

// tellLastReports tells what is stored of a room that takes no more steps.
func (l *liveRoom) tellLastReports() {
	if l.owed == nil {
		return
	}
	if l.failure.Load() == nil && l.isOwned() {
		l.durable = l.done.Load()
		l.tellReports()
	}
	if l.owed != nil {
		l.owed.reports = nil
	}
}
