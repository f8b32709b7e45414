package room

import "usher/protocol"

// silentMs is the silence after which an offer to a legacy client waits. Chromium takes 5 s or
// more to see that a peer is gone, and then the other client restarts ICE.
const silentMs = 3_000

// relay forwards an offer, answer or candidate to its target.
func (s *step) relay(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	switch {
	case target == nil || target == c.seat:
		s.bounce(c, m, protocol.CodeTargetNotFound)
	case target.conn == nil || s.awaitsLife(c, target, m.Type):
		if !s.keep(target) {
			s.bounce(c, m, protocol.CodeTargetAway)
		}
	default:
		s.effects = append(s.effects, Effect{Kind: Forward, Conn: target.conn.id})
		s.negotiated(c, target, m.Type)
	}
}

// awaitsLife reports whether the frame has to wait until its target shows life. A legacy client whose
// peer has gone silent restarts ICE with an offer. If the peer is asleep, it answers when it wakes, by a
// connection that replaces the one of its own return and damages it. So an offer to a silent legacy
// client waits, and whatever follows it; if the seat is dropped instead, its return discards them.
func (s *step) awaitsLife(c *conn, target *seat, t protocol.Type) bool {
	switch {
	case target.hold != nil:
		return true
	case t != protocol.WebRTCOffer || s.negotiates(s.nowMs, c, target) || !s.silent(s.nowMs, c, target):
		return false
	}
	s.doubt(target.conn)
	return true
}

// silent reports whether both are legacy clients, and nothing has come from the target lately.
func (r *Room) silent(nowMs int64, c *conn, target *seat) bool {
	return !c.seat.modern && !target.modern && nowMs-target.conn.lastSeenMs >= silentMs
}

// Relay is the short way of an offer, answer or candidate whose target is connected, if Step would
// do nothing but Forward: it returns the connection to forward the frame of that size to. If anything
// else is due it returns 0, and nothing has happened: then the room must be stepped.
func (r *Room) Relay(nowMs int64, id ConnID, m *protocol.Relay, frameBytes int) ConnID {
	if r.alarmMs != 0 && nowMs >= r.alarmMs || nowMs-r.savedActivityMs > r.config.RoomIdleMs/16 || string(m.RoomID) != r.id {
		return 0
	}
	c, target := r.connOf(id), r.seatOf(m.TargetUserID)
	if c == nil || c.parked || c.seat == nil || c.seat.id != string(m.UserID) || target == nil || target.conn == nil || target == c.seat ||
		target.hold != nil || r.negotiates(nowMs, c, target) || r.silent(nowMs, c, target) {
		return 0
	}
	limits, now := r.config.limits(), attached{nowMs, c.meters}
	if c.pingDueMs != 0 || c.output.spent(nowMs, limits.output) || !now.messages.take(nowMs, 1, limits.messages) ||
		!now.bytes.take(nowMs, frameBytes, limits.bytes) || c.attached.outdated(now, nowMs, &limits) {
		return 0
	}
	c.lastSeenMs, c.meters = now.lastSeenMs, now.meters
	r.lastActivityMs = nowMs
	return target.conn.id
}
