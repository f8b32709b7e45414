package room

import "usher/protocol"

// conn is one socket, seated or not.
type conn struct {
	id      ConnID
	address uint64
	// identity is what the shell has verified, nil for nothing, and once it has a seat.
	identity *Identity
	seat     *seat
	// parked: a newer connection of the same seat took over; only PING gets a reply.
	parked bool
	// attachDue is set during a step that has changed it.
	attachDue bool
	// hasAccount: a token said who it is. isNamed: and what the others call it.
	hasAccount, isNamed bool
	// stands is the standing that was last reported.
	stands Standing
	// wait is the join that is waiting, nil if none is.
	wait *wait
	// knocking is set while it waits to be let in, and checking while the shell hashes a passcode
	// or reads an invite; checks counts those.
	knocking   *knocking
	checking   *checking
	checks     uint32
	lastSeenMs int64
	// pingDueMs is when it must have shown life after a Ping, 0 if none is outstanding.
	pingDueMs int64
	round     round
	// renewAtMs is when the client needs new ICE servers, 0 for never.
	renewAtMs int64
	// closeAtMs is when it is closed unless it has a seat by then, 0 for never.
	closeAtMs int64
	// expiry is that of its token, nil for never.
	expiry *expiry
	// paths are what its client has reported, nil for nothing.
	paths *pathNotes
	meters
	// attached is nil before the first Attach, and always for a shell that keeps none.
	attached *attached
}

// meters are what a connection has used of its limits.
type meters struct {
	messages, bytes meter
	// output is what its requests made the room send.
	output meter
}

func (r *Room) connOf(id ConnID) *conn {
	for _, c := range r.conns {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (c *conn) standing() Standing {
	switch {
	case c.parked:
		return Parked
	case c.seat != nil || c.wait != nil || c.knocking != nil:
		return Seated
	}
	return Unseated
}

func (s *step) connected() {
	if s.connOf(s.event.Conn) != nil {
		return
	}
	if len(s.conns) >= maxConns(s.config) && !s.makeRoom() {
		s.effects = append(s.effects, Effect{Kind: Close, Conn: s.event.Conn, Code: protocol.CloseTryLater})
		return
	}
	c := &conn{id: s.event.Conn, address: s.event.Address, lastSeenMs: s.nowMs}
	s.identify(c, s.event.Identity)
	s.inherit(c)
	s.conns = append(s.conns, c)
	s.due = true
	s.changed(c)
}

// maxConns leaves room for the connection of every seat, for one parked beside it, and for those
// that are about to join.
func maxConns(c *Config) int { return 2*c.MaxPeople + 32 }

// makeRoom closes the connection that is least likely to be missed. Clients join within
// milliseconds of connecting, so the oldest one without a seat is the least likely to join.
func (s *step) makeRoom() bool {
	for _, dispensable := range []struct {
		is   func(*conn) bool
		code protocol.CloseCode
	}{
		{func(c *conn) bool { return c.standing() == Unseated && c.checking == nil }, protocol.CloseTryLater},
		{func(c *conn) bool { return c.parked }, protocol.CloseNormal},
		{func(c *conn) bool { return c.seat == nil }, protocol.CloseTryLater},
	} {
		for _, c := range s.conns {
			if dispensable.is(c) {
				s.close(c, dispensable.code)
				return true
			}
		}
	}
	return false
}

// close closes a connection that no longer has a seat and forgets it.
func (s *step) close(c *conn, code protocol.CloseCode) {
	s.effects = append(s.effects, Effect{Kind: Close, Conn: c.id, Code: code})
	s.forget(c)
}

func (s *step) forget(c *conn) {
	s.bequeath(c)
	for i := range s.conns {
		if s.conns[i] == c {
			s.conns = append(s.conns[:i], s.conns[i+1:]...)
			break
		}
	}
	if len(s.conns) == 0 {
		s.conns, s.due = nil, true // perhaps nothing is left to wait for
	}
	if c.round != (round{}) {
		s.due = true // the next seating no longer waits for its offers
	}
	c.seat, c.knocking, c.checking = nil, nil, nil
	s.unqueue(c)
}

// closeParked closes the older connections of the seat. 1000 is the only code after which a
// legacy client does not open yet another socket.
func (s *step) closeParked(seat *seat) {
	for i := 0; i < len(s.conns); {
		if c := s.conns[i]; c.seat == seat && c.parked {
			s.close(c, protocol.CloseNormal)
		} else {
			i++
		}
	}
}

// drop closes a connection because of something it did; its seat, if any, is held.
func (s *step) drop(c *conn, code protocol.CloseCode) {
	seat, parked := c.seat, c.parked
	s.close(c, code)
	if seat != nil && !parked {
		s.holdSeat(seat, reasonOf(code), code)
	}
}
