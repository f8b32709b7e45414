package link

import (
	"encoding/binary"

	"usher/protocol"
)

// appendDescription appends what a room may be asked for, or the reason for refusing it.
func appendDescription(b []byte, s *protocol.RoomSummary, refusal protocol.Code) []byte {
	b = appendShort(b, refusal)
	if refusal != "" {
		return b
	}
	flags := byte(s.ControlMode) | byte(s.Entry)<<1
	if s.HasPasscode {
		flags |= 8
	}
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.People))
	return append(appendShort(b, s.ID), s.Name...)
}

func decodeDescription(b []byte) (s protocol.RoomSummary, refusal protocol.Code, ok bool) {
	code, b, ok := short(b)
	switch {
	case !ok:
		return s, "", false
	case len(code) > 0:
		return s, knownCode(code), true
	case len(b) < 5:
		return s, "", false
	}
	s.ControlMode, s.Entry, s.HasPasscode = protocol.ControlMode(b[0]&1), protocol.Entry(b[0]>>1&3), b[0]&8 != 0
	s.People = int(binary.LittleEndian.Uint32(b[1:]))
	id, name, ok := short(b[5:])
	if !ok || !protocol.ValidRoomID(id) || s.Entry > protocol.EntryLocked {
		return s, "", false
	}
	s.ID, s.Name = string(id), string(name)
	return s, "", true
}

// claim is the Bytes of AskSeat.
type claim struct{ roomID, userID, token string }

func (c *claim) append(b []byte) []byte {
	return append(appendShort(appendShort(b, c.roomID), c.userID), c.token...)
}

func decodeClaim(b []byte) (c claim, ok bool) {
	roomID, b, ok := short(b)
	if !ok {
		return c, false
	}
	userID, token, ok := short(b)
	return claim{string(roomID), string(userID), string(token)}, ok && len(token) <= MaxTokenBytes
}

// appendHolding appends when a seat was taken, or the reason for refusing a claim.
func appendHolding(b []byte, takenAtMs int64, refusal protocol.Code) []byte {
	return binary.LittleEndian.AppendUint64(appendShort(b, refusal), uint64(takenAtMs))
}

func decodeHolding(b []byte) (takenAtMs int64, refusal protocol.Code, ok bool) {
	code, b, ok := short(b)
	switch {
	case !ok || len(b) < 8:
		return 0, "", false
	case len(code) > 0:
		refusal = knownCode(code)
	}
	return int64(binary.LittleEndian.Uint64(b)), refusal, true
}

// knownCode is the code of another node, whose version may be newer: what this one does not know
// is a room that cannot be had now.
func knownCode(code []byte) protocol.Code {
	for i := range protocol.Codes {
		if string(code) == string(protocol.Codes[i].Code) {
			return protocol.Codes[i].Code
		}
	}
	return protocol.CodeRoomUnavailable
}

// knownClose is the same for close codes.
func knownClose(code uint16) protocol.CloseCode {
	if _, ok := protocol.CloseCode(code).Lookup(); ok {
		return protocol.CloseCode(code)
	}
	return protocol.CloseRestart
}
