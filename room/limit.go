package room

// meter is a token bucket in one number (the generic cell rate algorithm,
// ITU-T I.371): the time in ns at which the bucket would be full again.
type meter int64

// take takes n tokens of a bucket that fills with perSecond and holds
// burst, or reports false where there are too few.
func (m *meter) take(nowMs int64, n, perSecond, burst int) bool {
	now, whole := nowMs*1e6, burstNs(perSecond, burst)
	full := int64(*m)
	if full < now || full-now > whole { // full, or a clock that was set back
		full = now
	}
	full += int64(n) * tokenNs(perSecond)
	if full-now > whole {
		return false
	}
	*m = meter(full)
	return true
}

// tokenNs is how long a token takes to come back, and burstNs a whole bucket.
func tokenNs(perSecond int) int64        { return max(1e9/int64(perSecond), 1) }
func burstNs(perSecond, burst int) int64 { return int64(burst) * tokenNs(perSecond) }

// requestCost is how many relays a request that changes the room counts for:
// it is stored, and told to everybody with the whole room state.
const requestCost = 20

// within counts the received frame against the connection's limits.
func (s *step) within(c *conn) bool {
	config, cost := s.config, 1
	if s.event.Err == nil && s.event.Message != nil && s.event.Message.Type.Request() {
		cost = min(requestCost, config.MessageBurst)
	}
	return c.messages.take(s.nowMs, cost, config.MessagesPerSecond, config.MessageBurst) &&
		c.bytes.take(s.nowMs, len(s.event.Frame), config.BytesPerSecond, config.ByteBurst)
}
