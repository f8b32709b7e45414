package room

import "usher/protocol"

// ActKind is what an operator does to a room.
type ActKind uint8

// The kinds. Each names the fields of Act that it reads.
const (
	// ActClose ends the room for everybody, even one that stays. Text is the reason that they are
	// shown, "" for none.
	ActClose ActKind = iota + 1
	// ActDoor changes the door, but sets no passcode. Door.
	ActDoor
	// ActKick ends the seat of UserID, and ActBan keeps its owner out as well. Text is the reason
	// that the owner is shown, "" for none.
	ActKick
	ActBan
	// ActUnban lifts the ban of UserID.
	ActUnban
	// ActRole gives UserID a Role. Host takes it from the present host.
	ActRole
	// ActMode changes the control mode. Mode.
	ActMode
	// ActAnnounce shows Text to everybody whose client can show it.
	ActAnnounce

	actKinds
)

// Act is what an operator does to a room. It is not metered: operators are trusted.
type Act struct {
	Kind   ActKind
	Role   protocol.Role
	Mode   protocol.ControlMode
	Door   protocol.DoorChange
	UserID string
	Text   string
	// Actor is what the shell calls whoever acts. Participants are not told.
	Actor string
}

// Valid reports whether the kind exists: another node may have a newer one.
func (k ActKind) Valid() bool { return k > 0 && k < actKinds }

// operated carries out an act, and reports by Acted whether that was possible.
func (s *step) operated() {
	s.act = s.event.Act
	refusal := s.event.Refuse
	if refusal == "" {
		refusal = s.carryOut(s.act)
	}
	s.effects = append(s.effects, Effect{Kind: Acted, Refusal: refusal})
}

func (s *step) carryOut(a *Act) (refusal protocol.Code) {
	if !s.Exists() {
		return protocol.CodeRoomNotFound
	}
	words, isText := protocol.TrimName(a.Text, protocol.MaxReasonUnits)
	if a.Text != "" && !isText {
		return protocol.CodeInvalidMessage
	}
	switch a.Kind {
	case ActClose:
		s.closeRoom(words)
	case ActDoor:
		return s.operateDoor(&a.Door)
	case ActMode:
		s.operateMode(a.Mode)
	case ActUnban:
		if !s.lift(a.UserID) {
			return protocol.CodeTargetNotFound
		}
		s.save()
		s.report(Occurrence{Kind: UserUnbanned, UserID: a.UserID})
	case ActAnnounce:
		if words == "" {
			return protocol.CodeInvalidMessage
		}
		s.announceText(words)
	case ActKick, ActBan, ActRole:
		target := s.seatOf([]byte(a.UserID))
		switch {
		case target == nil:
			return protocol.CodeTargetNotFound
		case a.Kind == ActRole:
			return s.operateRole(target, a.Role)
		}
		s.expel(nil, target, a.Kind == ActBan, words)
	default:
		return protocol.CodeInvalidMessage
	}
	return ""
}

// closeRoom ends the room. 4004 is final for legacy clients, too. Whoever is on the way in is
// turned away as well, but may make the room again later.
func (s *step) closeRoom(reason string) {
	s.save() // nobody sees that the room has ended before that is stored
	for len(s.conns) > 0 {
		c := s.conns[0]
		if c.parked {
			s.close(c, protocol.CloseNormal)
			continue
		}
		row := protocol.CodeRoomClosed.Lookup()
		s.note(Refused, c, row.Code)
		s.send(c, protocol.ErrorMessage{Code: row.Code, Error: row.Error, Details: reason, Retryable: row.Retryable, Timestamp: s.nowMs})
		s.close(c, protocol.CloseRoomEnded)
	}
	s.end(ReasonClosed)
}

func (s *step) operateDoor(change *protocol.DoorChange) protocol.Code {
	if change.Passcode != nil || change.MaxPeople > s.config.MaxPeople {
		return protocol.CodeInvalidMessage
	}
	s.applyDoor(nil, change)
	return ""
}

// operateMode tells everybody, because no participant has sent the change to the others.
func (s *step) operateMode(mode protocol.ControlMode) {
	if mode == s.mode {
		return
	}
	s.mode = mode
	s.save()
	s.report(Occurrence{Kind: ModeChanged, Mode: mode})
	frame := protocol.ControlModeChangeMessage{
		BaseSyncMessage: protocol.BaseSyncMessage{UserID: protocol.SystemUserID, Timestamp: s.nowMs}, Mode: mode.String(),
	}.Append(nil)
	for _, seat := range s.seats {
		if seat.conn != nil {
			s.effects = append(s.effects, Effect{Kind: Send, Conn: seat.conn.id, Frame: frame})
		}
	}
}

// operateRole is SET_ROLE or TRANSFER_HOST. A room is never without a host, so the host's role goes
// only to somebody else.
func (s *step) operateRole(target *seat, role protocol.Role) protocol.Code {
	switch {
	case role != protocol.Host && target == s.host:
		return protocol.CodeNotAllowed
	case role != protocol.Host:
		s.giveRole(nil, target, role)
		return ""
	case target == s.host:
		return ""
	}
	if refusal := s.cannotHost(target); refusal != "" {
		return refusal
	}
	s.giveHost(nil, target)
	return ""
}

// announceText leaves legacy clients out: they have nothing to show it with.
func (s *step) announceText(words string) {
	m := protocol.AnnouncementMessage{RoomID: s.id, Text: words, Timestamp: s.nowMs}.Append(nil)
	for _, seat := range s.seats {
		if seat.conn != nil && seat.modern {
			s.effects = append(s.effects, Effect{Kind: Send, Conn: seat.conn.id, Frame: m})
		}
	}
}
