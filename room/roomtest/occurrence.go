package roomtest

import (
	"fmt"
	"strings"
	"time"

	"usher/protocol"
	"usher/room"
)

// occurrence describes what was reported: its kind, and the fields that the kind sets.
func (r *Runner) occurrence(o *room.Occurrence) string {
	words := []string{o.Kind.String()}
	add := func(isSet bool, key string, value any) {
		if isSet {
			words = append(words, fmt.Sprintf("%s=%v", key, value))
		}
	}
	aboutRole := o.Kind == room.UserJoined || o.Kind == room.UserLeft || o.Kind == room.UserReconnected || o.Kind == room.RoleChanged
	add(o.UserID != "", "user", o.UserID)
	add(o.Name != "" && o.Name != o.UserID, "name", fmt.Sprintf("%q", o.Name))
	add(o.PreviousID != "", "previous", o.PreviousID)
	add(aboutRole, "role", o.Role)
	add(o.Kind == room.RoleChanged, "previousRole", o.PreviousRole)
	add(o.Kind == room.ModeChanged || o.Kind == room.RoomCreated, "mode", o.Mode)
	if o.Kind == room.DoorChanged {
		add(true, "door", r.door(&o.Door))
	} else {
		add(o.Door != protocol.Door{}, "broken", "door")
	}
	add(o.UntilMs != 0, "until", "in-"+(time.Duration(o.UntilMs-r.nowMs)*time.Millisecond).String())
	add(o.Reason != "", "reason", o.Reason)
	add(o.Code != 0, "code", o.Code)
	add(o.ByOperator, "by", strings.Trim("operator "+o.ActorID, " "))
	add(o.ActorID != "" && !o.ByOperator, "by", fmt.Sprintf("%s(%s)", o.ActorID, o.ActorRole))
	add(o.AtMs != r.nowMs, "broken", "time")
	add(true, "people", o.People)
	return strings.Join(words, " ")
}
