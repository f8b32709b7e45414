package room

import "usher/protocol"

// A round is the offers that legacy clients make after a seating, and the answers to them. The
// next seating waits for its end, because an answer that arrives after the next USER_JOINED is
// taken for the answer to a newer offer.
type round struct {
	// owed is how many more offers the connection is expected to make.
	owed uint32
	// open is how many of its offers are not answered yet.
	open uint32
}

// pace returns the minimum time between the last seating and the next one, in ms.
func (r *Room) pace() int64 {
	for _, c := range r.conns {
		if c.round != (round{}) {
			return maxPaceMs
		}
	}
	return paceMs
}

// beginRound follows a seating. Offers are expected only of clients that have made some before;
// one that made none during the whole last round does not behave like a legacy client.
func (s *step) beginRound() {
	isOver := s.nowMs-s.metMs >= maxPaceMs
	s.metMs = s.nowMs
	for _, c := range s.conns {
		last := c.round
		c.round = round{}
		if c.seat != nil && !c.parked {
			if isOver && last.owed > 0 {
				c.seat.offers = false
				s.saveLater()
			}
			if c.seat.offers && !c.seat.modern {
				c.round.owed = s.responsibility(c.seat)
			}
		}
		if c.round != last {
			s.changed(c)
		}
	}
}

// responsibility is how many participants a legacy client offers to: as host to everybody,
// otherwise to those whose ids sort after its own and who are not the host.
func (r *Room) responsibility(seat *seat) (n uint32) {
	for _, other := range r.seats {
		if other != seat && other.conn != nil && (seat == r.host || other != r.host && seat.id < other.id) {
			n++
		}
	}
	return n
}

// negotiates reports whether a frame between the two may be part of a round.
func (r *Room) negotiates(nowMs int64, c *conn, target *seat) bool {
	return nowMs-r.metMs < maxPaceMs && nowMs >= r.metMs && !(c.seat.modern && target.modern)
}

// negotiated notes a frame of a round between the two. The last answer of a round may make the
// next seating due.
func (s *step) negotiated(c *conn, target *seat, t protocol.Type) {
	switch {
	case t == protocol.WebRTCOffer && !c.seat.modern:
		if !c.seat.offers {
			c.seat.offers = true
			s.saveLater()
		}
		next := round{owed: c.round.owed - min(1, c.round.owed), open: min(c.round.open+1, uint32(len(s.seats)))}
		if next != c.round {
			c.round = next
			s.changed(c)
		}
	case t == protocol.WebRTCAnswer && target.conn.round.open > 0:
		target.conn.round.open--
		s.changed(target.conn)
		s.seatWaiting()
		s.due = true
	}
}
