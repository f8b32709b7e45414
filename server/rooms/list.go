package rooms

import (
	"context"
	"slices"
	"strings"

	"usher/protocol"
)

// Entry is a room in a list for operators.
type Entry struct {
	ID, Name          string
	People, Connected int
	CreatedAtMs       int64
	Door              string
	Mode              string
}

// Find returns up to n rooms of this node in the order of their ids, from the first after the given
// id: all that exist, or those whose id or name contains some text, in any letter case. The rooms
// that sleep are not among them. more reports whether others follow, and all how many are in
// memory.
func (r *Rooms) Find(text, after string, n int) (page []Entry, more bool, all int) {
	live := r.registry.all()
	live = slices.DeleteFunc(live, func(l *liveRoom) bool { return l.id <= after })
	slices.SortFunc(live, func(a, b *liveRoom) int { return strings.Compare(a.id, b.id) })
	text = strings.ToLower(text)
	for _, l := range live {
		entry, ok := l.entry(text)
		switch {
		case !ok:
		case len(page) == n:
			return page, true, int(r.metrics.Rooms.Load())
		default:
			page = append(page, entry)
		}
	}
	return page, false, int(r.metrics.Rooms.Load())
}

// entry returns the room for a list, and false if it does not exist or has another id and name.
func (l *liveRoom) entry(text string) (e Entry, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || !l.room.Exists() || !strings.Contains(strings.ToLower(l.id), text) && !strings.Contains(strings.ToLower(l.room.Name()), text) {
		return e, false
	}
	summary := l.room.Summary()
	return Entry{
		ID: l.id, Name: summary.Name, People: summary.People, Connected: l.room.Connected(), CreatedAtMs: l.room.CreatedAtMs(),
		Door: summary.Entry.String(), Mode: summary.ControlMode.String(),
	}, true
}

// Watch shows the signaling of a room until the returned function is called: what comes in and goes
// out, without contents. The room stays in memory meanwhile. signal is called with the room's lock
// held and must not block.
func (r *Rooms) Watch(ctx context.Context, id string, signal func(Signal)) (end func(), refusal protocol.Code) {
	l, refusal := r.enter(ctx, id, nil)
	if refusal != "" {
		return nil, refusal
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || !l.room.Exists() {
		l.entering--
		l.forgetIfUnused()
		return nil, protocol.CodeRoomNotFound
	}
	w := &watcher{signal}
	o := l.owe()
	o.watchers = append(o.watchers, w)
	return func() {
		l.mu.Lock()
		o.watchers = slices.DeleteFunc(o.watchers, func(other *watcher) bool { return other == w })
		l.settleOwed()
		l.mu.Unlock()
		l.leave()
	}, ""
}
