package room

import (
	"strconv"

	"usher/protocol"
)

// door is what a newcomer meets. The zero value is that of a new room. Whoever has a seat, or comes
// back to one that is held, does not come by it.
type door struct {
	entry protocol.Entry
	// passcode is nil if newcomers need none.
	passcode *passcode
	// maxPeople is how many seats the host wants, 0 for as many as there may be.
	maxPeople int
	listed    bool
}

// seatsMax is how many seats the room has.
func (r *Room) seatsMax() int {
	if n := r.door.maxPeople; n != 0 {
		return min(n, r.config.MaxPeople)
	}
	return r.config.MaxPeople
}

func (r *Room) isFull() bool { return r.Exists() && len(r.seats) >= r.seatsMax() }

// shownDoor is the door as participants see it.
func (r *Room) shownDoor() protocol.Door {
	return protocol.Door{
		Entry: r.door.entry, HasPasscode: r.door.passcode != nil, MaxPeople: r.seatsMax(), Listed: r.door.listed,
	}
}

// setDoor handles SET_DOOR by sending DOOR_CHANGED to everybody. A new passcode is hashed first.
func (s *step) setDoor(c *conn, m *protocol.Message) {
	change := m.Door
	if change == nil {
		change = new(protocol.DoorChange)
	}
	switch {
	case c.seat != s.host:
		s.refuse(c, protocol.CodeNotHost, "")
		return
	case s.refusesDoor(c, change), s.isChecking(c), s.hash == nil && !s.affordable(c), !s.storable(c):
		return
	case change.Passcode != nil && s.hash == nil:
		s.askHash(c, change.Passcode, nil)
		return
	}
	s.applyDoor(c, change)
}

// applyDoor changes the door because asked wants that, or the operator if it is nil.
func (s *step) applyDoor(asked *conn, change *protocol.DoorChange) {
	before := s.door
	s.changeDoor(change)
	if s.door != before {
		s.save()
		s.reportBy(asked, Occurrence{Kind: DoorChanged, Door: s.shownDoor()})
	}
	changed := protocol.DoorChangedMessage{RoomID: s.id, Door: s.shownDoor(), Timestamp: s.nowMs}
	s.announce(asked, 0, func(ref string) protocol.ResponseMessage {
		changed.Ref = ref
		return changed
	})
	if s.door.entry != protocol.EntryKnock {
		s.endKnocks(asked)
	}
}

// refusesDoor refuses more seats than there may be.
func (s *step) refusesDoor(c *conn, change *protocol.DoorChange) bool {
	if change.MaxPeople <= s.config.MaxPeople {
		return false
	}
	s.refuse(c, protocol.CodeInvalidMessage, "maxPeople is more than "+strconv.Itoa(s.config.MaxPeople))
	return true
}

// changeDoor changes what a request names. The hash of a passcode is the event's.
func (s *step) changeDoor(change *protocol.DoorChange) {
	d := &s.door
	if change.HasEntry {
		d.entry = change.Entry
	}
	if change.NoPasscode {
		d.passcode, s.guesses = nil, nil
	}
	if change.Passcode != nil {
		d.passcode = &passcode{salt: s.hash.Salt, iterations: PasscodeIterations, digest: s.hash.Digest}
	}
	if change.MaxPeople != 0 {
		d.maxPeople = change.MaxPeople
	}
	if change.HasListed {
		d.listed = change.Listed
	}
}

// mayMake reports whether a room may be made with the door that CREATE_ROOM asks for.
func (s *step) mayMake(c *conn, j *join) bool {
	switch change := j.door; {
	case change == nil, s.event.RefuseCreate != "": // create refuses
		return true
	case s.refusesDoor(c, change):
		return false
	case change.Passcode == nil:
		return true
	case s.hash == nil:
		s.askHash(c, change.Passcode, nil)
		return false
	case !s.making: // the room has ended since the hash was asked for
		s.refuse(c, protocol.CodeRoomBusy, "")
		return false
	}
	return true
}

// passesDoor reports whether a newcomer may have a seat now. If not, it has been answered, or is
// answered when its passcode is hashed.
func (s *step) passesDoor(c *conn, j *join) bool {
	if !s.Exists() {
		return s.mayMake(c, j)
	}
	k := s.knockOf(j.userID)
	switch {
	case j.admitted, j.owner:
		return true
	case k != nil && k.state == knockDenied:
		s.refuse(c, protocol.CodeAdmissionDenied, "")
	case k != nil && !k.is(c, j):
		s.refuse(c, protocol.CodeUserIDTaken, "")
	case k != nil && k.state == knockAdmitted:
		j.admitted = true
		return true
	case k == nil && (grantOf(c.identity).leads() || c.identity.isInvited()):
		return true // isFull is asked for in any case
	case k == nil && j.knockToken != nil && s.door.entry == protocol.EntryKnock:
		s.refuse(c, protocol.CodeKnockExpired, "")
	case s.door.entry == protocol.EntryLocked:
		s.turnAway(c, j, protocol.CodeRoomLocked)
	case k == nil && s.isFull():
		s.refuse(c, protocol.CodeRoomFull, "")
	case k == nil && !s.knowsPasscode(c, j):
	case s.door.entry == protocol.EntryKnock:
		s.knock(c, j, k)
	default:
		return true
	}
	return false
}

// turnAway refuses a newcomer at the door. A legacy client would come again and again unless its
// connection is closed with a code that is final for it.
func (s *step) turnAway(c *conn, j *join, code protocol.Code) {
	if j.legacy {
		s.refuseAndClose(c, code, "", protocol.CloseNormal)
		return
	}
	s.refuse(c, code, "")
}

const (
	doorEntries  = 3 // the bits of the entry
	flagPasscode = 4
	flagListed   = 8
)

// hasDoor reports whether the door is not that of a new room. Only then a snapshot has it, so that
// a program that does not know doors restores every other room.
func (r *Room) hasDoor() bool { return r.door != door{} }

func (r *Room) appendDoor(dst []byte) []byte {
	d := &r.door
	dst = appendUvarint(dst, uint64(d.entry)|flagIf(d.passcode != nil, flagPasscode)|flagIf(d.listed, flagListed))
	dst = appendUvarint(dst, uint64(d.maxPeople))
	if d.passcode != nil {
		dst = d.passcode.append(dst)
		dst = r.guesses.append(dst)
	}
	return dst
}

func (in *reader) door(r *Room) {
	flags := in.uvarint()
	r.door = door{entry: protocol.Entry(flags & doorEntries), listed: flags&flagListed != 0}
	maxPeople := in.uvarint()
	r.door.maxPeople = int(min(maxPeople, protocol.MaxRoomPeople+1))
	if flags&flagPasscode != 0 {
		r.door.passcode = in.passcode()
		r.guesses = in.guesses()
	}
	in.bad = in.bad || flags&doorEntries > uint64(protocol.EntryLocked) || flags >= flagListed<<1 ||
		maxPeople > protocol.MaxRoomPeople || !r.hasDoor()
}
