package roomtest

import (
	"fmt"
	"maps"
	"slices"

	"usher/room"
)

// kept is what a shell that drops rooms from memory keeps of one, as the room's effects ask.
type kept struct {
	snapshot    []byte // nil while there is none
	attachments map[room.ConnID][]byte
}

// keep stores what an effect asks to keep.
func (r *Runner) keep(effect room.Effect) {
	switch effect.Kind {
	case room.SetAlarm:
		r.alarmMs = effect.AtMs
	case room.Attach:
		if r.kept.attachments == nil {
			r.kept.attachments = map[room.ConnID][]byte{}
		}
		r.kept.attachments[effect.Conn] = r.room.AppendAttachment(nil, effect.Conn)
	case room.Close:
		delete(r.kept.attachments, effect.Conn)
	case room.Save, room.SaveLater:
		r.kept.snapshot = r.room.AppendSnapshot(nil)
	case room.Delete:
		r.kept.snapshot = nil
	}
}

// wake drops the room and makes it again from what was kept. Nobody may notice.
func (r *Runner) wake() error {
	var attachments []room.Attachment
	for _, id := range slices.Sorted(maps.Keys(r.kept.attachments)) {
		attachments = append(attachments, room.Attachment{Conn: id, Bytes: r.kept.attachments[id], Secret: secret(r.names[id-1])})
	}
	woken, err := room.Wake(&r.config, RoomID, r.kept.snapshot, r.alarmMs, attachments)
	if err != nil {
		return err
	}
	if effects := woken.Step(r.nowMs, room.Event{Kind: room.Woken}, nil); len(effects) > 0 {
		return fmt.Errorf("waking the room has effects: %v", effects)
	}
	if broken := woken.Check(); broken != "" {
		return fmt.Errorf("%s is broken after waking", broken)
	}
	r.room = woken
	return nil
}
