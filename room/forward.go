package room

import "usher/protocol"

// forwardTo forwards to one participant. The frame is not kept for a seat that is away: a late
// play or seek would do harm, and the room state reports the position.
func (s *step) forwardTo(c *conn, m *protocol.Message, target *seat) {
	switch {
	case target == nil || target == c.seat:
		s.bounce(c, m, protocol.CodeTargetNotFound)
	case target.conn == nil:
		s.bounce(c, m, protocol.CodeTargetAway)
	default:
		s.forward(target)
	}
}

func (s *step) forward(target *seat) {
	s.effects = append(s.effects, Effect{Kind: Forward, Conn: target.conn.id})
}

func (s *step) forwardToOthers(sender *seat) {
	bytes := 0
	for _, seat := range s.seats {
		if seat != sender && seat.conn != nil {
			s.forward(seat)
			bytes += len(s.event.Frame)
		}
	}
	s.chargeOutput(bytes)
}
