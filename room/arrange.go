package room

import "usher/protocol"

// Arrangement is a room that the operator creates ahead of its people.
type Arrangement struct {
	// Name is a valid name, "" for one that is made from the room id.
	Name string
	Mode protocol.ControlMode
	// AwaitedUntilMs is when the room ends if nobody has come.
	AwaitedUntilMs int64
}

// arranged creates the room, without anybody in it. A room that exists stays as it is.
func (s *step) arranged() {
	a := s.event.Arrangement
	if s.Exists() {
		return
	}
	s.name, s.mode = a.Name, a.Mode
	if s.name == "" {
		s.name = s.defaultName()
	}
	s.createdAtMs, s.creator = s.nowMs, s.event.Address
	s.lastActivityMs, s.emptySinceMs, s.awaitedUntilMs = s.nowMs, s.nowMs, a.AwaitedUntilMs
	s.due = true
	s.effects = append(s.effects, Effect{Kind: Created, Address: s.creator})
	s.save()
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
