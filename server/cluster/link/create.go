package link

import (
	"bytes"
	"encoding/binary"

	"usher/protocol"
	"usher/room"
)

// The flags of details.
const (
	detailRelayOnly = 1 << iota
	detailHasPasscode
)

// appendDetails appends what came later to arrangements.
func appendDetails(b []byte, a *room.Arrangement) []byte {
	flags := byte(0)
	for i, set := range [...]bool{a.RelayOnly, a.Door.Passcode != nil} {
		if set {
			flags |= 1 << i
		}
	}
	b = binary.LittleEndian.AppendUint64(append(b, flags), uint64(a.KeepMs))
	b = binary.LittleEndian.AppendUint16(appendDoor(b, &a.Door), uint16(len(a.Door.Passcode)))
	return append(b, a.Door.Passcode...)
}

func decodeDetails(b []byte, a *room.Arrangement) (rest []byte, ok bool) {
	if len(b) < 9 {
		return nil, false
	}
	flags, keepMs := b[0], int64(binary.LittleEndian.Uint64(b[1:]))
	if a.Door, b, ok = decodeDoor(b[9:]); !ok {
		return nil, false
	}
	if len(b) < 2 || len(b) < 2+int(binary.LittleEndian.Uint16(b)) {
		return nil, false
	}
	end := 2 + int(binary.LittleEndian.Uint16(b))
	if flags&detailHasPasscode != 0 {
		a.Door.Passcode = bytes.Clone(b[2:end])
	}
	a.RelayOnly, a.KeepMs = flags&detailRelayOnly != 0, keepMs
	return b[end:], keepMs >= 0 && keepMs <= protocol.MaxKeepMs
}

// decodeArrangementWith is decodeArrangement for one with details.
func decodeArrangementWith(b []byte) (roomID string, a room.Arrangement, ok bool) {
	var details room.Arrangement
	if b, ok = decodeDetails(b, &details); !ok {
		return "", a, false
	}
	roomID, a, ok = decodeArrangement(b)
	a.RelayOnly, a.KeepMs, a.Door = details.RelayOnly, details.KeepMs, details.Door
	return roomID, a, ok
}

func appendArrangement(b []byte, roomID string, a *room.Arrangement) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, byte(a.Mode)), uint64(a.AwaitedUntilMs))
	return append(appendShort(b, roomID), a.Name...)
}

func decodeArrangement(b []byte) (roomID string, a room.Arrangement, ok bool) {
	if len(b) < 9 {
		return "", a, false
	}
	a.Mode, a.AwaitedUntilMs = protocol.ControlMode(b[0]), int64(binary.LittleEndian.Uint64(b[1:]))
	id, name, ok := short(b[9:])
	a.Name = string(name)
	return string(id), a, ok
}

// appendCreation appends what was made of an arrangement, or why nothing was.
func appendCreation(b []byte, made *room.Creation, refusal protocol.Code) []byte {
	b = appendShort(b, refusal)
	for _, ms := range [...]int64{made.CreatedAtMs, made.EndsAtMs, made.KeepMs} {
		b = binary.LittleEndian.AppendUint64(b, uint64(ms))
	}
	return append(b, made.OwnerToken...)
}

// decodeCreation decodes what a node of an older version replies, too: only when it was created.
func decodeCreation(b []byte) (made room.Creation, refusal protocol.Code, ok bool) {
	code, b, ok := short(b)
	if !ok || len(b) < 8 {
		return made, "", false
	}
	if len(code) > 0 {
		refusal = knownCode(code)
	}
	ms := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	made.CreatedAtMs = ms(0)
	if len(b) >= 3*8 {
		made.EndsAtMs, made.KeepMs, made.OwnerToken = ms(1), ms(2), string(b[3*8:])
	}
	return made, refusal, true
}
