package abi

import (
	"usher/protocol"
	"usher/room"
)

// The flags of an identity.
const (
	identityHasRole = 1 << iota
	identityMayCreate
	identityInvited
	identityOnce
)

// identity reads an identity, nil if nothing is left.
func (in *reader) identity() *room.Identity {
	head := in.take(min(2, len(in.b)))
	if len(head) < 2 {
		return nil
	}
	who := &room.Identity{
		HasRole: head[0]&identityHasRole != 0, MayCreate: head[0]&identityMayCreate != 0, Invited: head[0]&identityInvited != 0,
		Role: min(protocol.Role(head[1]), protocol.Host), ExpiresAtMs: int64(in.float64()),
		EnterUntilMs: int64(in.float64()), RoomSinceMs: int64(in.float64()), UserID: string(in.text()), Name: string(in.text()),
	}
	if head[0]&identityOnce != 0 {
		copy(who.Once[:], in.take(len(who.Once)))
	}
	if in.bad {
		return nil
	}
	return who
}

// readFinding reads what the shell has found out, or what an operator asks for.
func readFinding(kind uint32, input []byte, event *room.Event) {
	in := reader{b: input}
	switch kind {
	case EventVerified:
		v := &room.Verdict{Ref: string(in.text()), Refusal: knownCode(in.text()), Details: string(in.text()), Identity: in.identity()}
		if v.Refusal == "" && v.Identity == nil {
			v.Refusal = protocol.CodeInternal
		}
		event.Kind, event.Verdict = room.Verified, v
	case EventArranged:
		a := &room.Arrangement{AwaitedUntilMs: int64(in.float64())}
		if string(in.text()) == protocol.FreeForAll.String() {
			a.Mode = protocol.FreeForAll
		}
		a.Name = string(in.text())
		event.Kind, event.Arrangement = room.Arranged, a
	}
}

// knownCode returns a code of the table, "" for none.
func knownCode(code []byte) protocol.Code {
	for i := range protocol.Codes {
		if string(code) == string(protocol.Codes[i].Code) {
			return protocol.Codes[i].Code
		}
	}
	return ""
}
