package room

import "usher/protocol"

// Arrangement is a room that the operator creates ahead of its people.
type Arrangement struct {
	// Name is a valid name, "" for one that is made from the room id.
	Name string
	Mode protocol.ControlMode
	// AwaitedUntilMs is when the room ends if nobody has come. One that stays may end later.
	AwaitedUntilMs int64
	// RelayOnly: the room's iceTransportPolicy is relay.
	RelayOnly bool
	// KeepMs is how long the room is to stay when it is empty, 0 if it is not to stay.
	KeepMs int64
	// Door is what changes of the door of a new room. Its passcode is the event's Hash.
	Door protocol.DoorChange
}

// Creation is what has been made of an Arrangement.
type Creation struct {
	CreatedAtMs int64
	// EndsAtMs is when the room ends if nobody comes.
	EndsAtMs int64
	// KeepMs is how long the room stays when it is empty, 0 if it ends then. OwnerToken is that of
	// a room that stays.
	KeepMs     int64
	OwnerToken string
}

// arranged creates the room, without anybody in it, and reports by Acted whether that was possible.
func (s *step) arranged() {
	creation, refusal := s.arrange(s.event.Arrangement)
	s.effects = append(s.effects, Effect{Kind: Acted, Creation: creation, Refusal: refusal})
}

func (s *step) arrange(a *Arrangement) (*Creation, protocol.Code) {
	switch {
	case s.Exists():
		return nil, protocol.CodeRoomExists
	case s.event.Refuse != "":
		return nil, s.event.Refuse
	case a.Door.MaxPeople > s.config.MaxPeople:
		return nil, protocol.CodeInvalidMessage
	}
	s.name, s.mode, s.relayOnly = a.Name, a.Mode, a.RelayOnly
	if s.name == "" {
		s.name = s.defaultName()
	}
	s.createdAtMs, s.creator = s.nowMs, s.event.Address
	s.hash = s.event.Hash
	s.changeDoor(&a.Door)
	ownerToken := s.keeps(a.KeepMs, &s.event.OwnerSecret)
	s.lastActivityMs, s.emptySinceMs, s.awaitedUntilMs = s.nowMs, s.nowMs, a.AwaitedUntilMs
	s.due = true
	s.effects = append(s.effects, Effect{Kind: Created, Address: s.creator})
	s.save()
	s.report(Occurrence{Kind: RoomCreated, Name: s.name, Mode: s.mode, ByOperator: true})
	return &Creation{CreatedAtMs: s.createdAtMs, EndsAtMs: s.deadlineMs(), KeepMs: s.kept(), OwnerToken: ownerToken}, ""
}

func (r *Room) defaultName() string {
	return "Room " + protocol.CutName(r.id, protocol.MaxRoomNameUnits-len("Room "))
}

// emptyUntilMs is how long the room lasts while it has no seats.
func (r *Room) emptyUntilMs() int64 {
	return max(r.emptySinceMs+r.emptyMs(), r.awaitedUntilMs, r.ticketsUntilMs())
}

// hasPromises reports whether a snapshot has a section for what the operator's tokens, tickets and
// invites have said.
func (r *Room) hasPromises() bool {
	for _, s := range r.seats {
		if s.granted != ungranted {
			return true
		}
	}
	return len(r.passes) > 0 || r.awaitedUntilMs != 0
}

// appendPromises appends until when the room waits for somebody, the used tickets and invites, and
// what was granted to each seat, in the order of the seats.
func (r *Room) appendPromises(dst []byte) []byte {
	dst = appendVarint(dst, r.awaitedUntilMs)
	dst = appendUvarint(dst, uint64(len(r.passes)))
	for _, p := range r.passes {
		dst = append(dst, p.id[:]...)
		dst = appendVarint(dst, p.untilMs-r.createdAtMs)
	}
	for _, s := range r.seats {
		dst = append(dst, byte(s.granted))
	}
	return dst
}

func (in *reader) promises(r *Room) {
	r.awaitedUntilMs = in.varint()
	for range in.uvarint() {
		var p pass
		copy(p.id[:], in.take(uint64(len(p.id))))
		p.untilMs = r.createdAtMs + in.varint()
		if in.bad {
			return
		}
		r.passes = append(r.passes, p)
	}
	for _, s := range r.seats {
		s.granted = grant(in.byte())
		in.bad = in.bad || s.granted > grant(protocol.Host)+1
	}
	in.bad = in.bad || !r.hasPromises()
}
