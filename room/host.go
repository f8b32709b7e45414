package room

import "usher/protocol"

// transferHost handles TRANSFER_HOST by sending HOST_CHANGED to everybody. A legacy client has no
// listener for that, so its seat cannot be made host this way.
func (s *step) transferHost(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	var refusal protocol.Code
	switch {
	case c.seat != s.host:
		refusal = protocol.CodeNotHost
	case target == nil || target == c.seat:
		refusal = protocol.CodeTargetNotFound
	case target.conn == nil:
		refusal = protocol.CodeTargetAway
	case !target.modern:
		refusal = protocol.CodeTargetCannotHost
	}
	if refusal != "" {
		s.refuse(c, refusal, "")
		return
	}
	if !s.affordable(c) || !s.storable(c) {
		return
	}
	s.host = target
	s.save()
	changed := protocol.HostChangedMessage{RoomID: s.id, NewHostID: target.id, PreviousHostID: c.seat.id, RoomState: s.State(), Timestamp: s.nowMs}
	s.announce(c, 0, func(ref string) protocol.ResponseMessage {
		changed.Ref = ref
		return changed
	})
}

// succeed gives the role of a departed host to the connected participant who joined first, or, if
// nobody is connected, to the seat that joined first. It returns the new host's id, "" if the
// role stays.
func (s *step) succeed(departed *seat) string {
	if s.host != departed {
		return ""
	}
	s.host = nil
	for _, seat := range s.seats {
		if seat.conn != nil {
			s.host = seat
			break
		}
	}
	if s.host == nil && len(s.seats) > 0 {
		s.host = s.seats[0]
	}
	if s.host == nil {
		return ""
	}
	return s.host.id
}
