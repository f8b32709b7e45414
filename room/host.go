package room

import "usher/protocol"

// transferHost handles TRANSFER_HOST by sending HOST_CHANGED to everybody. The former host becomes
// a guest. A legacy client has no listener for HOST_CHANGED, so its seat cannot be made host this
// way.
func (s *step) transferHost(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	var refusal protocol.Code
	switch {
	case c.seat != s.host:
		refusal = protocol.CodeNotHost
	case target == nil || target == c.seat:
		refusal = protocol.CodeTargetNotFound
	default:
		refusal = s.cannotHost(target)
	}
	if refusal != "" {
		s.refuse(c, refusal, "")
		return
	}
	if s.affordable(c) && s.storable(c) {
		s.giveHost(c, target)
	}
}

// cannotHost returns why the role cannot be given to a seat, or "".
func (s *step) cannotHost(target *seat) protocol.Code {
	switch {
	case target.conn == nil:
		return protocol.CodeTargetAway
	case !target.modern:
		return protocol.CodeTargetCannotHost
	}
	return ""
}

// giveHost makes a seat host instead of the present one. An operator may take the role from a
// legacy client, which does not notice HOST_CHANGED: it has to join again.
func (s *step) giveHost(asked *conn, target *seat) {
	former := s.host
	s.reportBy(asked, Occurrence{Kind: HostChanged, UserID: target.id, PreviousID: former.id, Reason: ReasonTransferred})
	s.makeHost(target)
	s.save()
	changed := protocol.HostChangedMessage{
		RoomID: s.id, NewHostID: target.id, PreviousHostID: former.id,
		RoomState: s.State(), Timestamp: s.nowMs,
	}
	s.announce(asked, 0, func(ref string) protocol.ResponseMessage {
		changed.Ref = ref
		return changed
	})
	s.showKnocks(target)
	if asked == nil && !former.modern && former.conn != nil {
		s.drop(former.conn, protocol.CloseRestart)
	}
}

// makeHost gives the role to a seat, which loses the one it had.
func (s *step) makeHost(seat *seat) { s.host, seat.role = seat, protocol.Guest }

// succeed gives the role of a departed host to a cohost, else to a guest, else to a viewer; of
// several to one who is connected, and then to the one who joined first. It returns the new host's
// id, "" if the role stays.
func (s *step) succeed(departed *seat) string {
	if s.host != departed {
		return ""
	}
	s.host = nil
	var next *seat
	for _, seat := range s.seats {
		if next == nil || precedes(seat, next) {
			next = seat
		}
	}
	if next == nil {
		return ""
	}
	s.makeHost(next)
	s.report(Occurrence{Kind: HostChanged, UserID: next.id, PreviousID: departed.id, Reason: ReasonSucceeded})
	return next.id
}

// precedes reports whether a seat is host before one that joined earlier. Whoever the operator has
// made host is first.
func precedes(seat, earlier *seat) bool {
	if a, b := seat.granted.hosts(), earlier.granted.hosts(); a != b {
		return a
	}
	if a, b := succession[seat.role], succession[earlier.role]; a != b {
		return a < b
	}
	return seat.conn != nil && earlier.conn == nil
}

// succession is the order in which the roles follow the host.
var succession = [...]int{protocol.Cohost: 0, protocol.Guest: 1, protocol.Viewer: 2}
