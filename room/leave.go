package room

import "usher/protocol"

// disconnected ends the seat if the client closed with 1000, and holds it otherwise.
func (s *step) disconnected() {
	c := s.connOf(s.event.Conn)
	if c == nil {
		return
	}
	seat := c.seat
	switch {
	case seat == nil || c.parked:
		if s.event.CloseCode == protocol.CloseNormal {
			s.withdraw(c)
		}
		s.forget(c)
	case s.event.CloseCode == protocol.CloseNormal:
		s.forget(c)
		seat.conn = nil
		s.endSeat(seat, ReasonLeft)
	default:
		s.forget(c)
		s.holdSeat(seat, ReasonLost, s.event.CloseCode)
	}
}

// holdSeat keeps a seat for the return of its owner.
func (s *step) holdSeat(seat *seat, reason Reason, code protocol.CloseCode) {
	s.vacate(seat, reason, code)
	if !s.claimed(seat) {
		s.closeParked(seat)
	}
}

// vacate takes its connection off a seat and announces that. It need not be stored: after a
// restart every seat counts as dropped anyway. A legacy client closes its peer connection only on
// USER_LEFT, and it must do so before the owner of a legacy seat, which has closed its own, is
// back.
func (s *step) vacate(seat *seat, reason Reason, code protocol.CloseCode) {
	s.report(Occurrence{Kind: UserDisconnected, UserID: seat.id, Reason: reason, Code: code})
	seat.conn = nil
	seat.heldUntilMs = s.nowMs + s.config.SeatGraceMs
	s.due = true
	s.saveLater()
	departure, state := s.departure(seat, ""), s.State()
	n := notice{full: protocol.UserDisconnectedMessage{Departure: departure, RoomState: state}}
	if !seat.modern {
		n.legacy = protocol.UserLeftMessage{Departure: departure, RoomState: &state}
		s.part()
	}
	s.tell(seat, n)
}

// endSeat handles LEAVE_ROOM, a close with 1000 and the end of a grace. While the store fails it
// only holds the seat and lets the alarm try again.
func (s *step) endSeat(seat *seat, reason Reason) {
	c := seat.conn
	if s.event.Refuse != "" {
		if c != nil {
			s.close(c, protocol.CloseNormal)
		}
		s.holdSeat(seat, reason, protocol.CloseNormal)
		s.postpone(seat)
		return
	}
	newHostID := s.removeSeat(seat, reason)
	if c != nil {
		s.close(c, protocol.CloseNormal)
	}
	s.closeParked(seat)
	s.left(seat, newHostID, nil)
}

// removeSeat removes a seat, hands over the role if it was the host's, and ends the room with its
// last seat. It returns the id of the new host, "" if the role stays.
func (s *step) removeSeat(seat *seat, reason Reason) (newHostID string) {
	role := s.role(seat)
	s.release(seat)
	s.unseated(seat)
	s.rememberEntered(seat.address)
	for i := range s.seats {
		if s.seats[i] == seat {
			s.seats = append(s.seats[:i], s.seats[i+1:]...)
			break
		}
	}
	s.report(Occurrence{Kind: UserLeft, UserID: seat.id, Name: seat.name, Role: role, Reason: reason})
	newHostID = s.succeed(seat)
	s.due = true
	if len(s.seats) == 0 {
		s.emptied()
	}
	if len(s.seats) == 0 && s.emptyUntilMs() <= s.nowMs && s.waiting() == nil {
		s.end(ReasonEmpty)
		return newHostID
	}
	s.save()
	if len(s.seats) == 0 {
		s.report(Occurrence{Kind: RoomEmptied, UntilMs: s.emptyUntilMs()})
	}
	return newHostID
}

// left announces that a seat has ended. If somebody requested that, the requester's copy has the
// request's ref.
func (s *step) left(seat *seat, newHostID string, asked *conn) {
	s.part()
	departure, state := s.departure(seat, newHostID), s.State()
	n := notice{
		full:  protocol.UserLeftMessage{Departure: departure, RoomState: &state},
		brief: protocol.UserLeftMessage{Departure: departure},
	}
	if asked != nil && s.ref != "" {
		n.asked = asked.seat
		n.reply = protocol.UserLeftMessage{Departure: departure, RoomState: &state, Ref: s.ref}
	}
	s.tell(nil, n)
	if newHostID != "" {
		s.showKnocks(s.host)
	}
}

func (s *step) departure(seat *seat, newHostID string) protocol.Departure {
	return protocol.Departure{RoomID: s.id, LeftUserID: seat.id, NewHostID: newHostID, Timestamp: s.nowMs}
}

// end makes the room one that does not exist. Connections without a seat stay: they may create it
// again. Nothing is left that a Save or a SaveLater of the same Step could store: the Save
// becomes the Delete, which later effects wait for, and the SaveLater is removed.
func (s *step) end(reason Reason) {
	deleted, kept := false, s.effects[:s.before]
	for _, e := range s.effects[s.before:] {
		switch e.Kind {
		case SaveLater:
			continue
		case Save:
			e.Kind, deleted = Delete, true
		}
		kept = append(kept, e)
	}
	s.effects = kept
	if !deleted {
		s.effects = append(s.effects, Effect{Kind: Delete})
	}
	s.effects = append(s.effects, Effect{Kind: Ended, Address: s.creator})
	for len(s.seats) > 0 {
		seat := s.seats[0]
		s.seats = s.seats[1:]
		s.unseated(seat)
		s.reportSeat(UserLeft, seat, ReasonRoomEnded)
	}
	s.report(Occurrence{Kind: RoomEnded, Reason: reason})
	s.saved, s.later, s.due = false, false, true
	*s.Room = Room{config: s.config, id: s.id, conns: s.conns, alarmMs: s.alarmMs, lastSerial: s.lastSerial}
	s.answerKnockers()
}
