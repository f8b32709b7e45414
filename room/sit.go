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

// seated sends the join reply, of which answer has what differs. Only that to a new seat carries
// its token: the room does not keep it.
func (s *step) seated(c *conn, j *join, answer protocol.Seating) {
	answer.RoomID, answer.UserID, answer.RoomState, answer.Ref = s.id, c.seat.id, s.State(), j.ref
	answer.PingIntervalMs, answer.ServerTime, answer.Timestamp = s.config.PingIntervalMs, s.nowMs, s.nowMs
	answer.KeepMs = s.kept()
	var reply protocol.StateMessage = protocol.RoomJoinedMessage{Seating: answer}
	if j.create {
		reply = protocol.RoomCreatedMessage{Seating: answer}
	}
	if !c.seat.modern {
		s.sendState(c, reply.Legacy())
		return
	}
	s.sendState(c, reply)
	s.showKnocks(c.seat)
}
