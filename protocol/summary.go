package protocol

// RoomSummary is the response to GET /rooms/ROOM: what anyone with an invitation may know before
// joining.
type RoomSummary struct {
	// ID names the room.
	ID string `json:"id" format:"room-id"`
	// Name is what the host calls the room.
	Name string `json:"name"`
	// ControlMode says who may control playback.
	ControlMode ControlMode `json:"controlMode"`
	// People counts the seats, held ones included.
	People int `json:"people"`
	// Entry is what newcomers meet at the door.
	Entry Entry `json:"entry"`
	// HasPasscode reports that newcomers need a passcode.
	HasPasscode bool `json:"hasPasscode"`
}

// Append appends the summary as JSON.
func (s RoomSummary) Append(dst []byte) []byte {
	dst = appendQuoted(append(dst, `{"id":`...), s.ID)
	dst = appendString(dst, "name", s.Name)
	dst = appendString(dst, "controlMode", s.ControlMode.String())
	dst = appendInt(dst, "people", int64(s.People))
	dst = appendString(dst, "entry", s.Entry.String())
	return append(appendBool(dst, "hasPasscode", s.HasPasscode), '}')
}
