package room

// doubt asks a connection for a sign of life. If the shell cannot ping, the next PING has to
// arrive in time.
func (s *step) doubt(c *conn) {
	if c.pingDueMs != 0 {
		return
	}
	c.pingDueMs = s.nowMs + s.config.lifeMs()
	s.due = true
	s.changed(c)
	if s.config.PingTimeoutMs > 0 {
		s.effects = append(s.effects, Effect{Kind: Ping, Conn: c.id})
	}
}

// lifeMs is how long a connection in doubt has to show life.
func (c *Config) lifeMs() int64 {
	if c.PingTimeoutMs > 0 {
		return c.PingTimeoutMs
	}
	return legacySilenceMs
}

// alive ends the doubt: the connection has shown life and gets what waited for that.
func (s *step) alive(c *conn) {
	if c.pingDueMs == 0 {
		return
	}
	c.pingDueMs = 0
	s.changed(c)
	if c.seat == nil || c.parked || c.seat.hold == nil {
		return
	}
	s.saveLater()
	for _, frame := range s.release(c.seat) {
		s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: frame})
	}
}

// answered notes the life that a connection has shown while the room was not stepped.
func (s *step) answered() {
	if c := s.connOf(s.event.Conn); c != nil {
		c.lastSeenMs = max(c.lastSeenMs, min(s.event.AtMs, s.nowMs))
		if s.event.AtMs > c.pingDueMs-s.config.lifeMs() {
			s.alive(c)
		}
	}
}
