package room

import "usher/protocol"

// The bounds of what is kept for held seats. Trickled candidates are a dozen of 0.4 kB
// a peer, and peers stop offering to a seat that they see is away.
const (
	maxHeldFrames    = 128
	maxHeldBytes     = 64 << 10
	maxRoomHeldBytes = 512 << 10
)

// hold is what is kept for a seat that is away.
type hold struct {
	frames [][]byte
	bytes  int
	// lost: something that was sent may be missing, so a return is not recovered.
	lost bool
	// full: there was no place for a frame. Nothing is kept any more.
	full bool
}

func (h *hold) spoilt() bool { return h != nil && h.lost }

// relay forwards an offer, answer or candidate to its target.
func (s *step) relay(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	switch {
	case target == nil || target == c.seat:
		s.bounce(c, m, protocol.CodeTargetNotFound)
	case target.conn != nil:
		s.effects = append(s.effects, Effect{Kind: Forward, Conn: target.conn.id})
		s.negotiated(c, target, m.Type)
	case !s.keep(target):
		s.bounce(c, m, protocol.CodeTargetAway)
	}
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
		r.negotiates(nowMs, c, target) {
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

// keep holds the received frame for a seat that is away. If there is no
// room for it, what was held is dropped too, and nothing is kept until the return.
func (s *step) keep(seat *seat) bool {
	if seat.hold == nil {
		seat.hold = new(hold)
	}
	h, size := seat.hold, len(s.event.Frame)
	s.saveLater()
	if h.full || len(h.frames) == maxHeldFrames || h.bytes+size > maxHeldBytes || s.heldBytes+size > maxRoomHeldBytes {
		s.release(seat)
		seat.hold = &hold{lost: true, full: true}
		return false
	}
	h.frames = append(h.frames, append([]byte(nil), s.event.Frame...))
	h.bytes += size
	s.heldBytes += size
	return true
}

// release takes what is held for a seat.
func (r *Room) release(seat *seat) [][]byte {
	h := seat.hold
	seat.hold = nil
	if h == nil {
		return nil
	}
	r.heldBytes -= h.bytes
	return h.frames
}
