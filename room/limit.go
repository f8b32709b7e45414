package room

// meter is a token bucket in one number (the generic cell rate algorithm,
// ITU-T I.371): the time in ns at which the bucket would be full again.
type meter int64

// rate is how a bucket fills: a token in each ns, and all of it in whole ns.
type rate struct{ each, whole int64 }

func rateOf(perSecond, burst int) rate {
	each := max(1e9/int64(perSecond), 1)
	return rate{each, int64(burst) * each}
}

func (c *Config) messageRate() rate { return rateOf(c.MessagesPerSecond, c.MessageBurst) }
func (c *Config) byteRate() rate    { return rateOf(c.BytesPerSecond, c.ByteBurst) }

// take takes n tokens of a bucket, or reports false where there are too few.
func (m *meter) take(nowMs int64, n int, r rate) bool {
	now := nowMs * 1e6
	full := int64(*m)
	if full < now || full-now > r.whole { // full, or a clock that was set back
		full = now
	}
	full += int64(n) * r.each
	if full-now > r.whole {
		return false
	}
	*m = meter(full)
	return true
}

// requestCost is how many relays a request that changes the room counts for:
// it is stored, and told to everybody with the whole room state.
const requestCost = 20

// within counts the received frame against the connection's limits.
func (s *step) within(c *conn, messages, bytes rate) bool {
	cost := 1
	if s.event.Err == nil && s.event.Message != nil && s.event.Message.Type.Request() {
		cost = min(requestCost, s.config.MessageBurst)
	}
	return c.messages.take(s.nowMs, cost, messages) && c.bytes.take(s.nowMs, len(s.event.Frame), bytes)
}
