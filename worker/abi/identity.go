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
func (rs *Rooms) readFinding(kind uint32, input []byte, number uint32, event *room.Event) {
	if kind == EventArranged || kind == EventVerified && number != 0 {
		input = takeSecrets(input, event)
	}
	in := reader{b: input}
	switch kind {
	case EventVerified:
		v := &room.Verdict{Ref: string(in.text()), Refusal: knownCode(in.text()), Details: string(in.text()), Number: number}
		if number != 0 {
			event.Frame = in.text()
			rs.message, event.Err = protocol.Decode(event.Frame)
			event.Message = &rs.message
		}
		v.Identity = in.identity()
		if v.Refusal == "" && v.Identity == nil {
			v.Refusal = protocol.CodeInternal
		}
		event.Kind, event.Verdict = room.Verified, v
	case EventArranged:
		event.Kind, event.Arrangement = room.Arranged, in.arrangement(event)
	}
}

// The flags of an arrangement.
const (
	arrangementRelayOnly = 1 << iota
	arrangementListed
	arrangementPasscode
)

// arrangement reads an arrangement, and the hash of its passcode.
func (in *reader) arrangement(event *room.Event) *room.Arrangement {
	a := &room.Arrangement{AwaitedUntilMs: int64(in.float64()), KeepMs: int64(in.float64())}
	a.Door.MaxPeople = int(in.float64())
	if string(in.text()) == protocol.FreeForAll.String() {
		a.Mode = protocol.FreeForAll
	}
	a.Name = string(in.text())
	a.Door.HasEntry = a.Door.Entry.UnmarshalText(in.text()) == nil
	flags := in.byte()
	a.RelayOnly, a.Door.HasListed, a.Door.Listed = flags&arrangementRelayOnly != 0, true, flags&arrangementListed != 0
	if flags&arrangementPasscode != 0 {
		a.Door.Passcode, event.Hash = []byte{}, new(room.HashResult)
		copy(event.Hash.Salt[:], in.take(room.SaltBytes))
		copy(event.Hash.Digest[:], in.take(room.DigestBytes))
	}
	return a
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
