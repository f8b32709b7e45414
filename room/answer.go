package room

import "usher/protocol"

// send encodes a message for one connection.
func (s *step) send(c *conn, m protocol.ResponseMessage) {
	s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: m.Append(nil)})
}

// notice is a message to several participants.
type notice struct {
	full protocol.ResponseMessage
	// legacy is what legacy clients get instead, nil for the same.
	legacy protocol.ResponseMessage
	// brief is full without the room state, for "protocol":1 clients; nil if there is no such thing.
	brief protocol.ResponseMessage
	// replaces is Effect.Replaces, but for the copy of the seat that asked: that one answers its request.
	replaces uint64
	asked    *seat
	// reply is the copy of the seat that asked, if it differs.
	reply protocol.ResponseMessage
}

// The versions of a notice.
const (
	fullVersion = iota
	legacyVersion
	briefVersion
	replyVersion
	versions
)

// version says which version of the notice a seat gets.
func (n *notice) version(seat *seat, frugal bool) int {
	switch {
	case seat == n.asked && n.reply != nil:
		return replyVersion
	case !seat.modern && n.legacy != nil:
		return legacyVersion
	case seat.modern && n.brief != nil && frugal:
		return briefVersion
	}
	return fullVersion
}

// broadcast encodes a message once for every seat with a connection but one (nil for all).
func (s *step) broadcast(but *seat, m protocol.ResponseMessage) { s.tell(but, notice{full: m}) }

// tell is broadcast for what is not the same for all. It reports whether anybody was told. Equal
// frames follow each other, so that a shell may share them.
func (s *step) tell(but *seat, n notice) (told bool) {
	frugal, bytes := n.brief != nil && s.frugal(), 0
	var brief []byte
	for version, m := range [versions]protocol.ResponseMessage{n.full, n.legacy, n.brief, n.reply} {
		var frame []byte
		for _, seat := range s.seats {
			if seat == but || seat.conn == nil || n.version(seat, frugal) != version {
				continue
			}
			if frame == nil {
				frame = m.Append(make([]byte, 0, 512+128*len(s.seats)))
			}
			e := Effect{Kind: Send, Conn: seat.conn.id, Frame: frame}
			if seat != n.asked {
				e.Replaces = n.replaces
			}
			if version == fullVersion && seat.modern && n.brief != nil {
				if brief == nil {
					brief = n.brief.Append(nil)
				}
				e.Brief = brief
			}
			bytes += len(frame)
			told = true
			s.effects = append(s.effects, e)
		}
	}
	s.chargeOutput(bytes)
	return told
}

// refuse answers a request by ERROR and closes if the code's row says so.
func (s *step) refuse(c *conn, code protocol.Code, details string) {
	row := code.Lookup()
	s.note(Refused, c, code)
	s.send(c, protocol.ErrorMessage{Code: code, Error: row.Error, Details: details, Retryable: row.Retryable, Ref: s.ref, Timestamp: s.nowMs})
	if row.Close != 0 {
		s.drop(c, row.Close)
	}
}

// bounce answers what cannot be relayed by UNDELIVERED, which the existing extension ignores:
// while it waits for its join answer, any ERROR would fail the attempt.
func (s *step) bounce(c *conn, m *protocol.Message, code protocol.Code) {
	s.note(Bounced, c, code)
	s.send(c, protocol.UndeliveredMessage{
		Code: code, MessageType: m.Type, TargetUserID: string(m.TargetUserID), Retryable: code.Lookup().Retryable, Ref: s.ref, Timestamp: s.nowMs,
	})
}

func (s *step) note(kind EffectKind, c *conn, code protocol.Code) {
	s.effects = append(s.effects, Effect{Kind: kind, Conn: c.id, Type: s.messageType, Refusal: code})
}

// save makes later effects wait for the store. One Save a Step is enough,
// because the snapshot is taken when the Step is over.
func (s *step) save() {
	if !s.saved {
		s.saved = true
		s.effects = append(s.effects, Effect{Kind: Save})
	}
}

func (s *step) saveLater() {
	if !s.saved && !s.later {
		s.later = true
		s.effects = append(s.effects, Effect{Kind: SaveLater})
	}
}

// affordable takes one of the room's requests, or refuses what would go past its limits.
func (s *step) affordable(c *conn) bool {
	if s.busy() || !s.requests.take(s.nowMs, 1, s.config.roomRequests()) {
		s.refuse(c, protocol.CodeRoomBusy, "")
		return false
	}
	return true
}

// storable reports whether what has to be stored may change now; if not, it refuses.
func (s *step) storable(c *conn) bool {
	if s.event.Refuse != "" {
		s.refuse(c, s.event.Refuse, "")
		return false
	}
	return true
}

// close closes a connection that has no seat any more and forgets it.
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
	c.seat = nil
	s.unqueue(c)
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

// closeParked closes the seat's older connections. 1000 is the only code
// after which the existing extension does not come back with yet another socket.
func (s *step) closeParked(seat *seat) {
	for i := 0; i < len(s.conns); {
		if c := s.conns[i]; c.seat == seat && c.parked {
			s.close(c, protocol.CloseNormal)
		} else {
			i++
		}
	}
}
