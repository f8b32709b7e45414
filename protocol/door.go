package protocol

import "unicode/utf8"

// Entry is what a newcomer meets at a room's door. Whoever has a seat passes in any case.
type Entry uint8

// The entries. The zero value is that of a new room.
const (
	EntryOpen Entry = iota
	EntryKnock
	EntryLocked
)

var entryNames = [...]string{EntryOpen: "OPEN", EntryKnock: "KNOCK", EntryLocked: "LOCKED"}

// String returns the entry's name on the wire.
func (e Entry) String() string { return entryNames[e] }

// Door is a room's door as participants see it.
type Door struct {
	// Entry is what newcomers meet: OPEN lets them in, KNOCK lets them wait until the host or a
	// cohost admits them, LOCKED turns them away.
	Entry Entry `json:"entry"`
	// HasPasscode reports that newcomers need a passcode, which nobody is told.
	HasPasscode bool `json:"hasPasscode"`
	// MaxPeople is how many seats the room has.
	MaxPeople int `json:"maxPeople"`
	// Listed reports that the room may be listed, if the server lists rooms.
	Listed bool `json:"listed"`
}

// DoorSettings are what a host wants of the door. What is missing stays as it is.
type DoorSettings struct {
	// Entry is OPEN for a new room. KNOCK lets newcomers wait until the host or a cohost admits
	// them, LOCKED turns them away. OPEN admits everybody who is knocking.
	Entry string `json:"entry,omitempty" enum:"OPEN,KNOCK,LOCKED"`
	// Passcode is what newcomers must send. Null removes it.
	Passcode *string `json:"passcode,omitempty" format:"passcode" nullable:"true"`
	// MaxPeople is how many seats the room has, at most as many as the server allows. Fewer than
	// are taken put nobody out.
	MaxPeople int `json:"maxPeople,omitempty" format:"people"`
	// Listed reports that the room may be listed, if the server lists rooms.
	Listed *bool `json:"listed,omitempty"`
}

// SetDoorMessage changes the room's door. Host only. The reply is DOOR_CHANGED to all.
type SetDoorMessage struct {
	BaseSignalingMessage
	DoorSettings
	// Ref comes back in the sender's DOOR_CHANGED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// DoorChangedMessage tells everybody what the door is like now.
type DoorChangedMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	Door   Door   `json:"door"`
	// Ref is the ref of the request that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// DoorChange is what a client has sent of DoorSettings. Passcode points into the decoded frame.
type DoorChange struct {
	Entry    Entry
	HasEntry bool
	// Passcode is the new passcode, nil if there is none; NoPasscode is set if there is to be none.
	Passcode   []byte
	NoPasscode bool
	// MaxPeople is 0 if it is not to change.
	MaxPeople         int
	Listed, HasListed bool
}

// change is the door that a message changes, made when its first field is read, because most
// messages change none.
func (m *Message) change() *DoorChange {
	if m.Door == nil {
		m.Door = new(DoorChange)
	}
	return m.Door
}

// read reads one field of a door.
func (d *DoorChange) read(f field, value []byte) (ok bool) {
	switch f {
	case fieldEntry:
		d.HasEntry = true
		d.Entry, ok = entry(value)
	case fieldPasscode:
		if d.NoPasscode = string(value) == "null"; d.NoPasscode {
			return true
		}
		d.Passcode, ok = passcode(value)
	case fieldMaxPeople:
		d.MaxPeople, ok = count(value)
		return ok && d.MaxPeople >= 1 && d.MaxPeople <= MaxRoomPeople
	case fieldListed:
		d.HasListed, d.Listed = true, string(value) == "true"
		return d.Listed || string(value) == "false"
	}
	return ok
}

// doorFields are those of DoorSettings.
var doorFields = []field{fieldEntry, fieldPasscode, fieldMaxPeople, fieldListed}

// readDoor reads the door of a CREATE_ROOM.
func (m *Message) readDoor(value []byte) bool {
	var raw members
	if value[0] != '{' || !scan(value, &raw) && parse(value, &raw) != nil {
		return false
	}
	d := m.change()
	for _, f := range doorFields {
		if raw[f] != nil && !d.read(f, raw[f]) {
			return false
		}
	}
	return true
}

func entry(value []byte) (Entry, bool) {
	name, _ := unquote(value)
	for e, known := range entryNames {
		if string(name) == known {
			return Entry(e), true
		}
	}
	return 0, false
}

// passcode reads a passcode of a length that one may have.
func passcode(value []byte) ([]byte, bool) {
	text, ok := unquote(value)
	return text, ok && ValidPasscode(text)
}

// ValidPasscode reports whether a passcode has an allowed length, in characters, and is UTF-8
// without control characters.
func ValidPasscode(text []byte) bool {
	n := utf8.RuneCount(text)
	return n >= MinPasscodeLength && n <= MaxPasscodeLength && validURL(string(text))
}

func (d *DoorSettings) append(dst []byte) []byte {
	dst = appendOptional(dst, "entry", d.Entry)
	switch {
	case d.Passcode == nil:
	case *d.Passcode == "":
		dst = append(appendName(dst, "passcode"), "null"...)
	default:
		dst = appendString(dst, "passcode", *d.Passcode)
	}
	if d.MaxPeople != 0 {
		dst = appendInt(dst, "maxPeople", int64(d.MaxPeople))
	}
	if d.Listed != nil {
		dst = appendBool(dst, "listed", *d.Listed)
	}
	return dst
}

// appendDoor appends the settings as one member.
func appendDoor(dst []byte, d *DoorSettings) []byte {
	if d == nil {
		return dst
	}
	dst = append(appendName(dst, "door"), '{')
	start := len(dst)
	if dst = d.append(dst); len(dst) > start {
		dst = append(dst[:start], dst[start+1:]...) // without the first comma
	}
	return append(dst, '}')
}

// Append implements ClientMessage.
func (m SetDoorMessage) Append(dst []byte) []byte {
	return appendRef(m.DoorSettings.append(m.open(dst, SetDoor)), m.Ref)
}

// ResponseType implements ResponseMessage.
func (DoorChangedMessage) ResponseType() string { return "DOOR_CHANGED" }

// Append implements ResponseMessage.
func (m DoorChangedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	return appendRef(m.Door.append(dst), m.Ref)
}

// append appends nothing for a door that is not told.
func (d *Door) append(dst []byte) []byte {
	if d == nil {
		return dst
	}
	dst = append(dst, `,"door":{"entry":"`...)
	dst = append(dst, d.Entry.String()...)
	dst = appendBool(append(dst, '"'), "hasPasscode", d.HasPasscode)
	dst = appendInt(dst, "maxPeople", int64(d.MaxPeople))
	return append(appendBool(dst, "listed", d.Listed), '}')
}

// UnmarshalText implements encoding.TextUnmarshaler, for programs that read what the server sends.
func (e *Entry) UnmarshalText(name []byte) error {
	for known := range entryNames {
		if string(name) == entryNames[known] {
			*e = Entry(known)
			return nil
		}
	}
	return &DecodeError{CodeInvalidMessage, "no such entry"}
}
