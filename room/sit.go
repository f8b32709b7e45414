package room

import "usher/protocol"

// sit binds a connection to a seat.
func (s *step) sit(c *conn, seat *seat, admitted bool) {
	e := Effect{Kind: SeatTaken, Conn: c.id, Admitted: admitted}
	if seat.heldUntilMs != 0 {
		e.AtMs = seat.heldUntilMs - s.config.SeatGraceMs
	}
	s.effects = append(s.effects, e)
	c.seat, seat.conn, seat.heldUntilMs, c.closeAtMs = seat, c, 0, 0
	s.armRenewal(c)
	s.due = true
	s.changed(c)
}

// meet announces a seating to the others, who offer to the newcomer.
func (s *step) meet(seat *seat) {
	state := s.State()
	full := protocol.UserJoinedMessage{RoomID: s.id, JoinedUser: s.user(seat), RoomState: &state, Timestamp: s.nowMs}
	brief := full
	brief.RoomState = nil
	if s.tell(seat, notice{full: full, brief: brief}) {
		s.beginRound()
	}
}

// seated sends the join reply, of which seating has what differs. Only that to a new seat carries
// its token: the room does not keep it.
func (s *step) seated(c *conn, j *join, seating protocol.Seating) {
	seating.RoomID, seating.UserID, seating.RoomState, seating.Ref = s.id, c.seat.id, s.State(), j.ref
	seating.PingIntervalMs, seating.ServerTime, seating.Timestamp = s.config.PingIntervalMs, s.nowMs, s.nowMs
	seating.KeepMs = s.kept()
	var reply protocol.StateMessage = protocol.RoomJoinedMessage{Seating: seating}
	if j.create {
		reply = protocol.RoomCreatedMessage{Seating: seating}
	}
	if !c.seat.modern {
		s.sendState(c, reply.Legacy())
		return
	}
	s.sendState(c, reply)
	s.showKnocks(c.seat)
}
