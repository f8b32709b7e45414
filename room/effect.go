package room

import "usher/protocol"

// EffectKind says what the shell has to do.
type EffectKind uint8

// The effects. Each names the fields of Effect that it sets.
const (
	// Send: send Frame to Conn. Frame is never changed again; the shell may keep it.
	Send EffectKind = iota + 1
	// Forward: send the received frame of this event to Conn, unchanged.
	Forward
	// Close: close Conn with Code, after what was sent to it before. The room
	// has forgotten the connection already and ignores what still comes from it.
	Close
	// Save: store Snapshot, as it is when Step returns. No later effect of the
	// room, in this Step or a later one, may be seen by anybody before that is safe.
	// The room exists when Step returns: if it ends, Delete takes the place of a Save before it.
	Save
	// SaveLater: store Snapshot at the shell's leisure. What a crash loses of
	// it does no harm. The room exists when Step returns.
	SaveLater
	// Delete: the room has ended; remove what is stored of it. Later effects wait as for Save.
	Delete
	// SetAlarm: send AlarmFired at AtMs, and forget the alarm set before. 0 for none.
	SetAlarm
	// Attach: keep Conn's attachment (AppendAttachment), as it is when Step returns, with its socket,
	// in place of the one before. For a shell that drops rooms from memory
	// while their sockets stay open; others ignore it.
	Attach
	// Ping: send a WebSocket ping to Conn. Any sign of life is reported as Seen or Received; none for
	// Config.PingTimeoutMs drops the connection. A shell that cannot ping sets that to 0 and gets none.
	Ping
	// Created and Ended: the room begins or ceases to exist. Address is that of the connection that
	// created it. The two alternate; a room that Restore or Wake returns exists already. For a shell
	// that counts rooms by address.
	Created
	Ended
	// Stands: Standing is what Conn has now, when that has changed. A connection begins Unseated, and
	// its standing goes with Close and Disconnected. It comes after everything else of its Step.
	Stands
	// Refused and Bounced: Conn was answered by ERROR or UNDELIVERED with
	// Refusal, for a message of Type. For the log and the metrics.
	Refused
	Bounced
)

// Standing is how a connection stands to the room: what a shell must know to choose which
// connection of an address to close for another.
type Standing uint8

// The standings.
const (
	// Unseated: it has yet to join.
	Unseated Standing = iota
	// Seated: it has a seat, or waits for its turn to get one.
	Seated
	// Parked: a newer connection of its seat took over.
	Parked
)

// Effect is one thing that the shell has to do, in order.
type Effect struct {
	Kind     EffectKind
	Type     protocol.Type
	Standing Standing
	Code     protocol.CloseCode
	Conn     ConnID
	AtMs     int64
	Address  uint64
	Frame    []byte
	Refusal  protocol.Code
	// Brief is Frame without its roomState, nil if there is no such version. While a Send waits for a
	// commit or for a slow socket, the shell may send Brief in place of Frame if a later Send with a
	// Brief waits behind it for the same Conn, so that only the last one carries the state.
	Brief []byte
	// Replaces is not 0 if a later Send with the same value for the same Conn makes this one
	// superfluous: the shell may drop a Send that still waits when that one queues behind it.
	// Nothing else may be dropped, and nothing reordered.
	Replaces uint64
}

// send encodes a message for one connection.
func (s *step) send(c *conn, m protocol.ResponseMessage) {
	s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: m.Append(nil)})
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

// storable reports whether what has to be stored may change now; if not, it refuses.
func (s *step) storable(c *conn) bool {
	if s.event.Refuse != "" {
		s.refuse(c, s.event.Refuse, "")
		return false
	}
	return true
}
