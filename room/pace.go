package room

import (
	"cmp"
	"slices"

	"usher/protocol"
)

// Seatings that a legacy client takes part in are paced. On every USER_JOINED a legacy client
// makes new peer connections to everybody it offers to, so two clients that join at once cross
// each other's offers: three of four such meetings end without a data channel, and none at 250 ms
// (measured with the extension in Chromium). On slow machines and networks a round takes longer,
// so while offers are unanswered the next seating waits for up to maxPaceMs: see round.
const (
	paceMs    = 250
	maxPaceMs = 2_000
	// maxWaitMs bounds the wait: a legacy client gives up after 10 s. In a long queue the pace is
	// faster.
	maxWaitMs = 5_000
)

// wait is a join in the queue, which is ordered by sinceMs and then by connection.
type wait struct {
	join
	sinceMs int64
	// notBeforeMs gives the others time to close their old peer connections.
	notBeforeMs int64
	// owned: the connection had the seat when it asked, so it need not prove again that it may
	// have it.
	owned bool
}

// mustWait reports whether the join has to queue.
func (s *step) mustWait(c *conn, j *join) bool {
	if s.waiting() != nil {
		return true
	}
	return s.disturbs(c, j) && (s.nowMs-s.metMs < s.pace() && s.nowMs >= s.metMs ||
		s.nowMs-s.partedMs < paceMs && s.nowMs >= s.partedMs)
}

// part notes a USER_LEFT. A moment later a legacy client closes whichever peer connection it then
// has with that user, so the next seating is not before that.
func (s *step) part() {
	for _, seat := range s.seats {
		if seat.conn != nil && !seat.modern {
			s.partedMs = s.nowMs
			return
		}
	}
}

// disturbs reports whether legacy clients need time for the seating.
func (r *Room) disturbs(c *conn, j *join) bool {
	met, legacy := false, j.legacy
	for _, seat := range r.seats {
		if seat.conn != nil && seat.conn != c && seat.id != j.userID {
			met = true
			legacy = legacy || !seat.modern
		}
	}
	return met && legacy
}

// queue lets a join wait until it is due, and at least until notBeforeMs.
func (s *step) queue(c *conn, j *join, notBeforeMs int64, owned bool) {
	c.wait = &wait{join: *j, sinceMs: s.nowMs, notBeforeMs: notBeforeMs, owned: owned}
	c.wait.hasToken, c.wait.roomName = false, "" // it has no token, and the room exists
	c.wait.passcode, c.wait.knockToken, c.wait.door = nil, nil, nil
	c.closeAtMs = 0
	s.due = true
	s.changed(c)
	s.active()
}

// waiting returns the connection whose join is next, nil if none waits.
func (r *Room) waiting() *conn {
	var next *conn
	for _, c := range r.conns {
		if c.wait != nil && (next == nil || c.wait.sinceMs < next.wait.sinceMs) {
			next = c
		}
	}
	return next
}

// queued returns the joins that wait, the next one first.
func (r *Room) queued() (queue []*wait) {
	for _, c := range r.conns { // in the order of their ids, which a stable sort keeps
		if c.wait != nil {
			queue = append(queue, c.wait)
		}
	}
	slices.SortStableFunc(queue, func(a, b *wait) int { return cmp.Compare(a.sinceMs, b.sinceMs) })
	return queue
}

// nextSeatingMs returns when the next waiting join is due, 0 if none waits.
func (r *Room) nextSeatingMs() int64 {
	next := r.waiting()
	if next == nil {
		return 0
	}
	if !r.disturbs(next, &next.wait.join) {
		return next.wait.sinceMs
	}
	// Nobody waits too long: each join divides what is left of its time among itself and those
	// before it.
	gap := r.pace()
	for i, wait := range r.queued() {
		gap = min(gap, (wait.sinceMs+maxWaitMs-r.metMs)/int64(i+1))
	}
	return max(r.metMs+gap, min(r.partedMs+paceMs, next.wait.sinceMs+maxWaitMs), next.wait.notBeforeMs)
}

// seatWaiting carries out the joins that are due.
func (s *step) seatWaiting() {
	for {
		dueMs := s.nextSeatingMs()
		if dueMs == 0 || s.nowMs < dueMs {
			return
		}
		c := s.waiting()
		w := c.wait
		c.wait = nil
		s.changed(c)
		messageType := protocol.JoinRoom
		if w.create {
			messageType = protocol.CreateRoom
		}
		s.replying(c, messageType, w.ref, func() { s.admit(c, &w.join, w) })
		if seat := s.seatOf([]byte(w.userID)); seat != nil && s.expiring(seat) {
			s.closeParked(seat) // it was refused
		}
	}
}

// claimed reports whether the owner of a seat that is away is back and waiting for it.
func (r *Room) claimed(seat *seat) bool {
	for _, c := range r.conns {
		if c.wait != nil && c.wait.userID == seat.id {
			return true
		}
	}
	return false
}

// unqueue takes a join out of the queue. Connections that were parked for it are closed.
func (s *step) unqueue(c *conn) {
	w := c.wait
	if w == nil {
		return
	}
	c.wait = nil
	s.due = true
	s.changed(c)
	if seat := s.seatOf([]byte(w.userID)); seat != nil && s.expiring(seat) {
		s.closeParked(seat)
	}
}
