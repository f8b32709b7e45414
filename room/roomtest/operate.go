package roomtest

import (
	"fmt"
	"strconv"
	"strings"

	"usher/protocol"
	"usher/room"
)

var actKinds = map[string]room.ActKind{
	"close": room.ActClose, "door": room.ActDoor, "kick": room.ActKick, "ban": room.ActBan, "unban": room.ActUnban,
	"role": room.ActRole, "mode": room.ActMode, "announce": room.ActAnnounce,
}

// operate lets an operator act on the room.
func (r *Runner) operate(words []string) error {
	act := &room.Act{Kind: actKinds[words[0]], Actor: "ops"}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "to":
			act.UserID = value
		case "text":
			act.Text = strings.ReplaceAll(value, "+", " ")
		case "role":
			err = act.Role.UnmarshalText([]byte(value))
		case "mode":
			if act.Mode = protocol.HostOnly; value == protocol.FreeForAll.String() {
				act.Mode = protocol.FreeForAll
			}
		case "passcode":
			act.Door.NoPasscode = true
		default:
			err = doorOf(&act.Door, key, value)
		}
		if err != nil {
			return err
		}
	}
	r.current().Act, r.trace.Operates = act, true
	return r.step(room.Event{Kind: room.Operated, Act: act})
}

// doorOf reads what an operator wants of a door.
func doorOf(door *protocol.DoorChange, key, value string) (err error) {
	switch key {
	case "entry":
		door.Entry, door.HasEntry = entries[value], true
	case "max":
		door.MaxPeople, err = strconv.Atoi(value)
	case "listed":
		door.Listed, door.HasListed = value == "true", true
	default:
		err = fmt.Errorf("an operator has no %s", key)
	}
	return err
}

var entries = map[string]protocol.Entry{"OPEN": protocol.EntryOpen, "KNOCK": protocol.EntryKnock, "LOCKED": protocol.EntryLocked}
