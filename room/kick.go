package room

import "usher/protocol"

// kick handles KICK_USER: the target's seat ends, even if it is held, and so do its connections.
// The host may remove everybody else, a cohost guests and viewers. The kicked client gets KICKED,
// the others USER_LEFT. Without a ban it may join again.
func (s *step) kick(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	words, reasonOK := protocol.TrimName(m.Reason, protocol.MaxReasonUnits)
	switch {
	case !s.leads(c.seat):
		s.refuse(c, protocol.CodeNotAllowed, "")
		return
	case target == nil:
		s.refuse(c, protocol.CodeTargetNotFound, "")
		return
	case s.role(target) >= s.role(c.seat):
		s.refuse(c, protocol.CodeNotAllowed, "")
		return
	case m.Reason != "" && !reasonOK:
		s.refuse(c, protocol.CodeInvalidMessage, "reason is malformed")
		return
	case !s.affordable(c), !s.storable(c):
		return
	}
	s.expel(c, target, m.Ban, words)
}

// expel ends a seat because asked wants that, or the operator if it is nil.
func (s *step) expel(asked *conn, target *seat, ban bool, words string) {
	reason := ReasonKicked
	s.reportBy(asked, Occurrence{Kind: UserKicked, UserID: target.id, Name: target.name})
	if ban {
		s.ban(target)
		reason = ReasonBanned
		s.reportBy(asked, Occurrence{Kind: UserBanned, UserID: target.id, Name: target.name})
	}
	newHostID := s.removeSeat(target, reason)
	for _, conn := range s.connsOf(target) {
		s.dismiss(conn, target, ban, words)
	}
	s.left(target, newHostID, asked)
}

// connsOf returns the connections that have the seat, or wait to have it again.
func (r *Room) connsOf(seat *seat) (conns []*conn) {
	for _, c := range r.conns {
		if c.seat == seat || c.wait != nil && c.wait.userID == seat.id {
			conns = append(conns, c)
		}
	}
	return conns
}

// dismiss closes a connection of a seat that was removed. A legacy client does not know KICKED and
// would connect again after 4005: it gets an ERROR and 1000. On a parked connection nobody would
// read either.
func (s *step) dismiss(c *conn, seat *seat, banned bool, reason string) {
	switch {
	case c.parked:
		s.close(c, protocol.CloseNormal)
	case seat.modern:
		s.send(c, protocol.KickedMessage{RoomID: s.id, Reason: reason, Banned: banned, Timestamp: s.nowMs})
		s.close(c, protocol.CloseKicked)
	default:
		row := protocol.CodeKicked.Lookup()
		if banned {
			row = protocol.CodeBanned.Lookup()
		}
		sentence := row.Error
		if reason != "" {
			sentence += ": " + reason
		}
		s.send(c, protocol.ErrorMessage{Code: row.Code, Error: sentence, Details: reason, Retryable: row.Retryable, Timestamp: s.nowMs})
		s.close(c, protocol.CloseNormal)
	}
}
