package room

import "usher/protocol"

// silentMs is the silence after which an offer to a legacy client waits. Chromium takes 5 s or
// more to notice that a peer is gone, and then the other client restarts ICE.
const silentMs = 3_000

// passage is what happens to an offer, answer or candidate.
type passage uint8

const (
	// nowhere: the target has no seat, or is the sender.
	nowhere passage = iota
	// held: the target is away, or has to show life.
	held
	// doubtful: it is held, and the target has to show life. A legacy client whose peer has gone
	// silent restarts ICE with an offer. If the peer is asleep, it answers when it wakes, on a
	// peer connection that replaces and damages the one of its own return. So an offer to a
	// silent legacy client waits, and so does whatever follows it; if the seat is dropped
	// instead, its return discards them.
	doubtful
	// negotiating: it is forwarded, and may be part of a round.
	negotiating
	// plain: it is forwarded, and nothing else happens.
	plain
)

// passage is the one rule of relays: it returns what happens to a frame of that type from c to
// the target.
func (r *Room) passage(nowMs int64, c *conn, target *seat, t protocol.Type) passage {
	switch {
	case target == nil || target == c.seat:
		return nowhere
	case target.conn == nil || target.hold != nil:
		return held
	case r.negotiates(nowMs, c, target):
		return negotiating
	case t == protocol.WebRTCOffer && silent(nowMs, c, target):
		return doubtful
	}
	return plain
}

// silent reports whether both are legacy clients and nothing has arrived from the target
// recently.
func silent(nowMs int64, c *conn, target *seat) bool {
	return !c.seat.modern && !target.modern && nowMs-target.conn.lastSeenMs >= silentMs
}

// relay forwards an offer, answer or candidate to its target.
func (s *step) relay(c *conn, m *protocol.Message) {
	if s.relayOnly && !protocol.RelayOnly(m.Payload) {
		s.bounce(c, m, protocol.CodeNotRelayed)
		return
	}
	target := s.seatOf(m.TargetUserID)
	switch s.passage(s.nowMs, c, target, m.Type) {
	case nowhere:
		s.bounce(c, m, protocol.CodeTargetNotFound)
	case doubtful:
		s.doubt(target.conn)
		fallthrough
	case held:
		if !s.keep(target) {
			s.bounce(c, m, protocol.CodeTargetAway)
		}
	case negotiating:
		s.forward(target)
		s.negotiated(c, target, m.Type)
	case plain:
		s.forward(target)
	}
}

// Relay is the fast path of an offer, answer or candidate. It returns the connection to forward
// the frame of that size to if Step would do nothing but Forward. Otherwise it returns 0, and
// nothing has happened: the room must then be stepped. It applies the same rules as Step and costs
// less (docs/performance.md).
func (r *Room) Relay(nowMs int64, id ConnID, m *protocol.Relay, frameBytes int) ConnID {
	if r.relayOnly || r.alarmIsDue(nowMs) || r.activityIsUnsaved(nowMs) {
		return 0
	}
	c := r.connOf(id)
	if c == nil || c.seat == nil || c.parked || c.pingDueMs != 0 || r.claim(c, m.RoomID, m.UserID) != "" {
		return 0
	}
	target := r.seatOf(m.TargetUserID)
	if r.passage(nowMs, c, target, m.Type) != plain {
		return 0
	}
	limits, now := r.config.limits(), attached{nowMs, c.meters}
	if now.output.spent(nowMs, limits.output) || !now.take(nowMs, 1, frameBytes, &limits) ||
		r.outdated(c, now, nowMs, &limits) {
		return 0
	}
	c.lastSeenMs, c.meters = now.lastSeenMs, now.meters
	r.lastActivityMs = nowMs
	return target.conn.id
}
