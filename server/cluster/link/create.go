package link

import (
	"context"
	"encoding/binary"

	"usher/protocol"
	"usher/room"
)

// Create implements edge.Rooms.
func (l *Links) Create(ctx context.Context, roomID string, a room.Arrangement) (createdMs int64, refusal protocol.Code) {
	p := l.config.Place(roomID)
	if p.Here {
		return l.config.Local.Create(ctx, roomID, a)
	}
	f := l.ask(ctx, p, Create, appendArrangement(nil, roomID, &a))
	return f.createdMs, f.refusal
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

// appendCreation appends when a room was created, or why it was not.
func appendCreation(b []byte, createdMs int64, refusal protocol.Code) []byte {
	return binary.LittleEndian.AppendUint64(appendShort(b, refusal), uint64(createdMs))
}

func decodeCreation(b []byte) (createdMs int64, refusal protocol.Code, ok bool) {
	code, b, ok := short(b)
	if !ok || len(b) < 8 {
		return 0, "", false
	}
	if len(code) > 0 {
		refusal = knownCode(code)
	}
	return int64(binary.LittleEndian.Uint64(b)), refusal, true
}

// The flags of an identity.
const (
	identityHasRole = 1 << iota
	identityMayCreate
	identityInvited
)

const identityFixed = 2 + 3*8 + len(room.PassID{})

func appendIdentity(b []byte, who *room.Identity) []byte {
	flags := byte(0)
	for i, set := range [...]bool{who.HasRole, who.MayCreate, who.Invited} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, flags, byte(who.Role))
	for _, ms := range [...]int64{who.ExpiresAtMs, who.EnterUntilMs, who.RoomSinceMs} {
		b = binary.LittleEndian.AppendUint64(b, uint64(ms))
	}
	return appendShort(appendShort(append(b, who.Once[:]...), who.UserID), who.Name)
}

func decodeIdentity(b []byte) (who *room.Identity, rest []byte, ok bool) {
	if len(b) < identityFixed || b[1] > byte(protocol.Host) {
		return nil, nil, false
	}
	ms := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[2+8*i:])) }
	who = &room.Identity{
		HasRole: b[0]&identityHasRole != 0, MayCreate: b[0]&identityMayCreate != 0, Invited: b[0]&identityInvited != 0,
		Role: protocol.Role(b[1]), ExpiresAtMs: ms(0), EnterUntilMs: ms(1), RoomSinceMs: ms(2),
	}
	copy(who.Once[:], b[2+3*8:])
	user, rest, ok := short(b[identityFixed:])
	if !ok {
		return nil, nil, false
	}
	name, rest, ok := short(rest)
	who.UserID, who.Name = string(user), string(name)
	return who, rest, ok
}
