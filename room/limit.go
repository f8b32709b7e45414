package room

import "usher/protocol"

// meter is a token bucket in one number (the generic cell rate algorithm, ITU-T I.371): the time in
// ns at which the bucket would be full again.
type meter int64

// rate is how a bucket fills: the time for one token, and for all of it, in whole ns.
type rate struct{ each, whole int64 }

func rateOf(perSecond, burst int) rate {
	each := max(1e9/int64(perSecond), 1)
	return rate{each, int64(burst) * each}
}

// limits are the rates of a connection's meters.
type limits struct{ messages, bytes, output rate }

func (c *Config) limits() limits {
	return limits{
		rateOf(c.MessagesPerSecond, c.MessageBurst), rateOf(c.BytesPerSecond, c.ByteBurst),
		rateOf(c.OutputPerSecond, c.OutputBurst),
	}
}

func (c *Config) roomOutput() rate { return rateOf(c.RoomOutputPerSecond, c.RoomOutputBurst) }

func (c *Config) roomRequests() rate { return rateOf(c.RoomRequestsPerSecond, c.RoomRequestBurst) }

// taken returns how much of a bucket is taken, in ns. More than twice the bucket can only come
// from a clock that was set back.
func (m meter) taken(nowMs int64, r rate) int64 {
	taken := int64(m) - nowMs*1e6
	if taken < 0 || taken > 2*r.whole {
		return 0
	}
	return taken
}

// pause keeps a bucket as it is during a time in which it must not fill.
func (m *meter) pause(ms int64) { *m += meter(ms * 1e6) }

// take takes n tokens from a bucket, or reports false if there are too few.
func (m *meter) take(nowMs int64, n int, r rate) bool {
	taken := m.taken(nowMs, r) + int64(n)*r.each
	if taken > r.whole {
		return false
	}
	*m = meter(nowMs*1e6 + taken)
	return true
}

// charge takes n tokens even if there are too few, down to a whole bucket of debt. It is for what
// cannot be refused, or whose cost is known only when it is done.
func (m *meter) charge(nowMs int64, n int, r rate) {
	*m = meter(nowMs*1e6 + min(m.taken(nowMs, r)+int64(n)*r.each, 2*r.whole))
}

// spent reports whether no token is left.
func (m meter) spent(nowMs int64, r rate) bool { return m.taken(nowMs, r) >= r.whole }

// requestCost is how many relays a request that changes the room counts as: it is stored, and
// sent to everybody with the whole room state.
const requestCost = 20

// within counts the received frame against the connection's limits.
func (s *step) within(c *conn, l *limits) bool {
	cost := 1
	if s.event.Err == nil && s.event.Message != nil && s.event.Message.Type.Request() {
		cost = min(requestCost, s.config.MessageBurst)
	}
	return c.take(s.nowMs, cost, len(s.event.Frame), l)
}

// take counts a frame, or reports false if there is too little left for it.
func (m *meters) take(nowMs int64, messages, bytes int, l *limits) bool {
	return m.messages.take(nowMs, messages, l.messages) && m.bytes.take(nowMs, bytes, l.bytes)
}

// chargeOutput counts bytes that go to several receivers against the room and against the
// connection that caused them.
func (s *step) chargeOutput(bytes int) {
	if bytes == 0 {
		return
	}
	s.output.charge(s.nowMs, bytes, s.config.roomOutput())
	if s.by != nil {
		limits := s.config.limits()
		s.by.output.charge(s.nowMs, bytes, limits.output)
		if s.outdated(s.by, attached{s.by.lastSeenMs, s.by.meters}, s.nowMs, &limits) {
			s.changed(s.by)
		}
	}
	s.saveLater() // the room's meters are part of the snapshot
}

// overspent reports whether the connection has used up what its requests may make the room send.
func (s *step) overspent(c *conn) bool { return c.output.spent(s.nowMs, s.config.limits().output) }

// busy reports whether the room has used up what it may send to several receivers.
func (s *step) busy() bool { return s.output.spent(s.nowMs, s.config.roomOutput()) }

// frugal reports whether the room has used half of it; then those that can do without the room
// state get none.
func (s *step) frugal() bool {
	r := s.config.roomOutput()
	return s.output.taken(s.nowMs, r) > r.whole/2
}

// affordable takes the cost of a request from the room's budget, or refuses a request that would
// exceed it.
func (s *step) affordable(c *conn) bool {
	if s.busy() || !s.requests.take(s.nowMs, 1, s.config.roomRequests()) {
		s.refuse(c, protocol.CodeRoomBusy, "")
		return false
	}
	return true
}

// spent is what a closed connection had used of its limits. A new connection from the same
// address continues from there, so that a reconnect renews no burst.
type spent struct {
	address uint64
	meters
}

// bequeath keeps the meters of a closed connection, as its attachment has them if there is one, if
// more is used than an attachment may lack.
func (s *step) bequeath(c *conn) {
	limits, used := s.config.limits(), c.meters
	if c.attached != nil {
		used = c.attached.meters
	}
	if !s.Exists() || used.full(s.nowMs, &limits) {
		return
	}
	left := s.spent[:0]
	for i := range s.spent {
		if !s.spent[i].full(s.nowMs, &limits) {
			left = append(left, s.spent[i])
		}
	}
	if len(left) == maxConns(s.config) {
		left = append(left[:0], left[1:]...)
	}
	s.spent = append(left, spent{c.address, used})
	s.saveLater()
}

// full reports whether the buckets are full, except for what an attachment may lack.
func (m *meters) full(nowMs int64, l *limits) bool {
	return m.messages.taken(nowMs, l.messages) <= l.messages.whole/attachPerBurst &&
		m.bytes.taken(nowMs, l.bytes) <= l.bytes.whole/attachPerBurst &&
		m.output.taken(nowMs, l.output) <= l.output.whole/attachPerBurst
}

func (m *meters) pause(ms int64) {
	m.messages.pause(ms)
	m.bytes.pause(ms)
	m.output.pause(ms)
}

// inherit gives a new connection the meters of the closed one from its address that had used the
// most.
func (s *step) inherit(c *conn) {
	most := -1
	for i := range s.spent {
		if s.spent[i].address == c.address && (most < 0 || s.spent[i].messages > s.spent[most].messages) {
			most = i
		}
	}
	if most < 0 {
		return
	}
	c.meters = s.spent[most].meters
	s.spent = append(s.spent[:most], s.spent[most+1:]...)
	s.saveLater()
}
