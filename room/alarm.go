package room

import (
	"math"

	"usher/protocol"
)

const (
	// retryMs is how long to wait before trying again what could not be stored.
	retryMs = 5_000
	// legacySilenceMs is how long a seated legacy connection may be silent: a legacy client sends
	// a PING every 30 s, and its user may already be on another network.
	legacySilenceMs = 45_000
)

// sweep carries out every deadline that has passed.
func (s *step) sweep() {
	s.due = true
	if s.event.Kind == AlarmFired {
		s.alarmMs = 0
	}
	s.sweepTokens()
	s.sweepConns()
	s.sweepRenewals()
	s.sweepChecks()
	s.sweepKnocks()
	s.seatWaiting()
	for i := 0; i < len(s.seats); {
		seat := s.seats[i]
		switch {
		case !s.expiring(seat) || s.nowMs < seat.heldUntilMs:
			i++
		case s.event.Refuse != "":
			s.postpone(seat)
			i++
		default:
			s.effects = append(s.effects, Effect{Kind: SeatExpired})
			s.endSeat(seat, ReasonExpired)
		}
	}
	s.forgetPasses()
	if s.Exists() && s.nowMs >= s.deadlineMs() {
		s.expire()
	}
}

// expiring reports whether the seat ends with its grace: it is away, and its owner is not waiting
// to return.
func (r *Room) expiring(seat *seat) bool { return seat.conn == nil && !r.claimed(seat) }

// dueMs is when a connection is closed if it sends nothing. Parked connections have no deadline:
// a legacy client sends no PING on them, and they are closed with the newer one.
func (r *Room) dueMs(c *conn) int64 {
	if c.parked {
		return math.MaxInt64
	}
	limitMs := r.config.IdleMs
	if c.seat != nil && !c.seat.modern {
		limitMs = min(limitMs, legacySilenceMs)
	}
	return nearer(c.closeAtMs, nearer(c.pingDueMs, c.lastSeenMs+limitMs))
}

// sweepConns closes connections that have sent nothing for too long, or that were refused a seat.
func (s *step) sweepConns() {
	for i := 0; i < len(s.conns); {
		c := s.conns[i]
		switch {
		case s.nowMs < s.dueMs(c):
			i++
			continue
		case c.closeAtMs != 0 && s.nowMs >= c.closeAtMs:
			s.close(c, protocol.CloseTryLater)
		default:
			s.drop(c, protocol.CloseIdle)
		}
		i = 0 // dropping a seat's connection closes its parked ones too
	}
}

// expire ends a room in which nothing has happened for too long, or its seats if it is one that
// stays.
func (s *step) expire() {
	if s.event.Refuse != "" {
		s.lastActivityMs = s.nowMs - s.config.RoomIdleMs + retryMs
		s.emptySinceMs = s.nowMs - s.emptyMs() + retryMs
		if s.awaitedUntilMs != 0 {
			s.awaitedUntilMs = s.nowMs + retryMs
		}
		s.saveLater()
		return
	}
	if s.kept() > 0 && len(s.seats) > 0 {
		s.clear()
		return
	}
	conns := append([]*conn(nil), s.conns...)
	seated := conns[:0]
	for _, c := range conns {
		if c.seat != nil {
			seated = append(seated, c)
		}
	}
	if len(s.seats) == 0 {
		s.end(ReasonEmpty)
		return
	}
	s.end(ReasonIdle)
	for _, c := range seated {
		s.close(c, protocol.CloseRoomEnded)
	}
}

func (s *step) postpone(seat *seat) {
	seat.heldUntilMs = s.nowMs + retryMs
	s.due = true
	s.saveLater()
}

func (r *Room) alarmIsDue(nowMs int64) bool { return r.alarmMs != 0 && nowMs >= r.alarmMs }

// setAlarm sets the alarm if a deadline is earlier than it. An alarm that fires too early does no
// harm, so it is not moved back: on some shells each move is a write.
func (s *step) setAlarm() {
	next := s.nextMs()
	if next == s.alarmMs || s.alarmMs != 0 && next > s.alarmMs {
		return
	}
	s.alarmMs = next
	s.effects = append(s.effects, Effect{Kind: SetAlarm, AtMs: next})
}

// nextMs returns the nearest deadline, 0 if there is none.
func (r *Room) nextMs() int64 {
	next := nearer(r.nextSeatingMs(), r.deadlineMs())
	for _, c := range r.conns {
		if !c.parked {
			next = nearer(nearer(next, r.dueMs(c)), nearer(c.nextNoticeMs(), c.renewDueMs()))
		}
		if c.checking != nil {
			next = nearer(next, c.checking.untilMs)
		}
	}
	for _, k := range r.knocks {
		next = nearer(next, k.untilMs)
	}
	for _, seat := range r.seats {
		if r.expiring(seat) {
			next = nearer(next, seat.heldUntilMs)
		}
	}
	return next
}

// HasDeadline reports whether a deadline passes by then unless somebody sends something first. If
// not, an alarm is an early one, and what has arrived need not be read before it fires.
func (r *Room) HasDeadline(byMs int64) bool {
	next := r.nextMs()
	return next != 0 && next <= byMs
}

// nearer returns the earlier of two times; 0 means no time.
func nearer(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
