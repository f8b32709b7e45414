package room

// meter is a token bucket in one number (the generic cell rate algorithm,
// ITU-T I.371): the time in ns at which the bucket would be full again.
type meter int64

// take takes n tokens of a bucket that fills with perSecond and holds
// burst, or reports false where there are too few.
func (m *meter) take(nowMs int64, n, perSecond, burst int) bool {
	now := nowMs * 1e6
	each := max(1e9/int64(perSecond), 1)
	full := max(int64(*m), now) + int64(n)*each
	if full-now > int64(burst)*each {
		return false
	}
	*m = meter(full)
	return true
}

// within counts the received frame against the connection's limits.
func (s *step) within(c *conn) bool {
	config := s.config
	return c.messages.take(s.nowMs, 1, config.MessagesPerSecond, config.MessageBurst) &&
		c.bytes.take(s.nowMs, len(s.event.Frame), config.BytesPerSecond, config.ByteBurst)
}
