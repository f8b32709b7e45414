package link

import (
	"encoding/binary"
	"encoding/json"

	"usher/protocol"
	"usher/room"
)

// The flags of a door.
const (
	doorEntry = 1 << iota
	doorNoPasscode
	doorHasListed
	doorListed
)

const (
	actFixed  = 3
	doorFixed = 4
)

// appendDoor appends what is to change of a door, without a passcode.
func appendDoor(b []byte, d *protocol.DoorChange) []byte {
	flags := byte(0)
	for i, set := range [...]bool{d.HasEntry, d.NoPasscode, d.HasListed, d.Listed} {
		if set {
			flags |= 1 << i
		}
	}
	return binary.LittleEndian.AppendUint16(append(b, byte(d.Entry), flags), uint16(d.MaxPeople))
}

func decodeDoor(b []byte) (d protocol.DoorChange, rest []byte, ok bool) {
	if len(b) < doorFixed || b[0] > byte(protocol.EntryLocked) {
		return d, nil, false
	}
	return protocol.DoorChange{
		Entry: protocol.Entry(b[0]), HasEntry: b[1]&doorEntry != 0, NoPasscode: b[1]&doorNoPasscode != 0,
		HasListed: b[1]&doorHasListed != 0, Listed: b[1]&doorListed != 0, MaxPeople: int(binary.LittleEndian.Uint16(b[2:])),
	}, b[doorFixed:], true
}

func appendAct(b []byte, roomID string, a *room.Act) []byte {
	b = appendDoor(append(b, byte(a.Kind), byte(a.Role), byte(a.Mode)), &a.Door)
	return append(appendShort(appendShort(appendShort(b, roomID), a.UserID), a.Actor), a.Text...)
}

func decodeAct(b []byte) (roomID string, a room.Act, ok bool) {
	if len(b) < actFixed || b[1] > byte(protocol.Host) || b[2] > byte(protocol.FreeForAll) {
		return "", a, false
	}
	a = room.Act{Kind: room.ActKind(b[0]), Role: protocol.Role(b[1]), Mode: protocol.ControlMode(b[2])}
	if a.Door, b, ok = decodeDoor(b[actFixed:]); !ok {
		return "", a, false
	}
	var words [3]string
	for i := range words {
		word, rest, ok := short(b)
		if !ok {
			return "", a, false
		}
		words[i], b = string(word), rest
	}
	a.UserID, a.Actor, a.Text = words[1], words[2], string(b)
	return words[0], a, a.Kind.Valid()
}

// appendView appends a view, or the reason for refusing it.
func appendView(b []byte, v *room.View, refusal protocol.Code) []byte {
	b = appendShort(b, refusal)
	if refusal != "" {
		return b
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("link: " + err.Error())
	}
	return append(b, text...)
}

func decodeView(b []byte) (v room.View, refusal protocol.Code, ok bool) {
	code, b, ok := short(b)
	if !ok || len(code) > 0 {
		return v, knownCode(code), ok
	}
	return v, "", json.Unmarshal(b, &v) == nil
}

// decodeOutcome returns what came of an act.
func decodeOutcome(b []byte) (refusal protocol.Code, ok bool) {
	code, _, ok := short(b)
	if !ok || len(code) == 0 {
		return "", ok
	}
	return knownCode(code), true
}
