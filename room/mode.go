package room

import "usher/protocol"

// changeMode handles CONTROL_MODE_CHANGE: the mode is stored, and the message is sent to all
// others.
func (s *step) changeMode(c *conn, m *protocol.Message) {
	if c.seat != s.host {
		s.refuse(c, protocol.CodeNotHost, "")
		return
	}
	if !s.affordable(c) {
		return
	}
	if m.Mode != s.mode {
		if !s.storable(c) {
			return
		}
		s.mode = m.Mode
		s.save()
		s.reportBy(c, Occurrence{Kind: ModeChanged, Mode: s.mode})
	}
	s.forwardToOthers(c.seat)
}
