package room

import "usher/protocol"

// EffectKind is what the shell has to do.
type EffectKind uint8

// The effects. Each names the fields of Effect that it sets.
const (
	// Send: send Frame to Conn. Unless it is Borrowed, Frame is never changed again, and the shell
	// may keep it.
	Send EffectKind = iota + 1
	// Forward: send the received frame of this event to Conn, unchanged.
	Forward
	// Close: close Conn with Code, after what was sent to it before. The room has already
	// forgotten the connection and ignores whatever still arrives from it.
	Close
	// Save: store Snapshot, as it is when Step returns. Nobody may see a later effect of the
	// room, in this Step or a later one, before it is safely stored. The room exists when Step
	// returns: if it ends, Delete takes the place of a Save before it.
	Save
	// SaveLater: store Snapshot when convenient. Losing it in a crash does no harm. The room
	// exists when Step returns.
	SaveLater
	// Delete: the room has ended; remove its snapshot from the store. Later effects wait as for
	// Save.
	Delete
	// SetAlarm: send AlarmFired at AtMs, and forget the alarm set before. 0 sets none.
	SetAlarm
	// Attach: keep Conn's attachment (AppendAttachment), as it is when Step returns, with its
	// socket, in place of the previous one. It is for a shell that drops rooms from memory while
	// their sockets stay open; others ignore it.
	Attach
	// Ping: send a WebSocket ping to Conn. Any sign of life is reported as Seen or Received; if
	// none arrives for Config.PingTimeoutMs, the connection is dropped. A shell that cannot ping
	// sets that to 0 and gets no Ping.
	Ping
	// Verify: find out whom the token in Frame identifies, and whether it is for this room, and
	// step the room with Verified for Conn and with Ref. That may take time; the room goes on
	// meanwhile. If there is a Number, it is an invite instead of a token, and the shell keeps the
	// frame of this event until then.
	Verify
	// Hash: carry out the HashRequest, away from the room, and step it with Hashed for Conn. The
	// shell keeps the frame of this event until then; a Close makes it superfluous.
	Hash
	// Created and Ended: the room begins or ceases to exist. Address is that of the connection
	// that created it. The two alternate; a room that Restore or Wake returns already exists.
	// They are for a shell that counts rooms by address.
	Created
	Ended
	// Stands: Standing is Conn's new standing, if it has changed. A connection begins Unseated,
	// and its standing ends with Close and Disconnected. Stands follows everything else of its
	// Step.
	Stands
	// Refused and Bounced: Conn got an ERROR or UNDELIVERED with Refusal for a message of Type.
	// They are for the log and the metrics.
	Refused
	Bounced
	// SeatTaken: Conn has a seat now. AtMs is 0 for a new one, and for one that is taken over from
	// a connection; otherwise it is since when the seat had none. Admitted reports that the owner
	// had to knock. SeatExpired: a seat ended because its owner did not come back in time. Both
	// are for the metrics, and transcripts do not show them.
	SeatTaken
	SeatExpired
	// Explained: two participants were told by PATH why they have no direct path; Path is the
	// reason. It is for the metrics, and transcripts do not show it.
	Explained
	// Renew: make new ICE servers for the seat of UserID, which was taken at AtMs, and report them
	// for Conn by Renewed. If they do not come, the room asks again.
	Renew
	// SeatEnded: the seat of UserID, which was taken at AtMs, has ended; revoke the credentials
	// that were made for it. That need not wait for a Save. Renew and SeatEnded are only for a
	// shell with Config.ICERenewMs.
	SeatEnded
	// Report: Occurrence has happened. If this Step has a Save or a Delete, before or after it, the
	// two belong together: nobody may be told before that is stored. Otherwise nobody may be told
	// before the last one is. It is only for a shell with Config.Report.
	Report
	// Acted: the operator's act has been carried out, or Refusal says why not. Creation is set if
	// that was to create the room.
	Acted
)

// Standing is how a connection stands to the room: what a shell must know to choose which
// connection of an address to close for another.
type Standing uint8

// The standings.
const (
	// Unseated: it has not joined yet.
	Unseated Standing = iota
	// Seated: it has a seat, or is waiting to get one.
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
	UserID   string
	Frame    []byte
	Refusal  protocol.Code
	// Borrowed reports that Frame may be in Event.Scratch: to keep it, copy it.
	Borrowed bool
	Admitted bool
	Path     protocol.PathReason
	// Number is for the Verified that answers a Verify, 0 if that is of a RENEW_AUTH.
	Number uint32
	// Ref is that of the request that Verify is for.
	Ref        string
	Hash       *HashRequest
	Occurrence *Occurrence
	Creation   *Creation
	// Brief is Frame without its roomState, nil if there is no such version. While a Send waits
	// for a commit or for a slow socket, the shell may send Brief in place of Frame if a later
	// Send with a Brief waits behind it for the same Conn, so that only the last one carries the
	// state.
	Brief []byte
	// Replaces is not 0 if a later Send with the same value for the same Conn makes this one
	// superfluous: the shell may drop a Send that is still waiting when the later one queues
	// behind it. Nothing else may be dropped, and nothing reordered.
	Replaces uint64
}

// Frames get the memory that most take at once: one that grows takes twice as much in all.
const (
	frameBytes     = 256 // without a state
	stateBytes     = 512
	stateUserBytes = 160
)

// send encodes a message for one connection.
func (s *step) send(c *conn, m protocol.ResponseMessage) { s.sendSized(c, m, frameBytes) }

// sendState is send for a message that has the room's state.
func (s *step) sendState(c *conn, m protocol.ResponseMessage) {
	s.sendSized(c, m, frameBytes+s.stateSize())
}

// stateSize is what most states take.
func (s *step) stateSize() int { return stateBytes + stateUserBytes*len(s.seats) }

func (s *step) sendSized(c *conn, m protocol.ResponseMessage, size int) {
	s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: m.Append(make([]byte, 0, size))})
}

// refuse sends an ERROR for a request and closes if the code's row requires it.
func (s *step) refuse(c *conn, code protocol.Code, details string) {
	s.refuseAndClose(c, code, details, code.Lookup().Close)
}

// refuseAndClose is refuse with another close code than the row's, 0 for none.
func (s *step) refuseAndClose(c *conn, code protocol.Code, details string, closeCode protocol.CloseCode) {
	row := code.Lookup()
	s.note(Refused, c, code)
	s.send(c, protocol.ErrorMessage{
		Code: code, Error: row.Error, Details: details,
		Retryable: row.Retryable, Ref: s.ref, Timestamp: s.nowMs,
	})
	if closeCode != 0 {
		s.drop(c, closeCode)
	}
}

// bounce sends UNDELIVERED for what cannot be relayed. A legacy client ignores that, while any
// ERROR would fail its attempt to join as long as it waits for the reply.
func (s *step) bounce(c *conn, m *protocol.Message, code protocol.Code) {
	s.note(Bounced, c, code)
	s.send(c, protocol.UndeliveredMessage{
		Code: code, MessageType: m.Type, TargetUserID: string(m.TargetUserID),
		Retryable: code.Lookup().Retryable, Ref: s.ref, Timestamp: s.nowMs,
	})
}

func (s *step) note(kind EffectKind, c *conn, code protocol.Code) {
	s.effects = append(s.effects, Effect{Kind: kind, Conn: c.id, Type: s.messageType, Refusal: code})
}

// save makes later effects wait for the store. One Save a Step is enough, because the snapshot is
// taken when the Step is over.
func (s *step) save() {
	if !s.saved {
		s.saved = true
		s.effects = append(s.effects, Effect{Kind: Save})
	}
}

// saveIfPossible stores what has happened before it is seen, unless the store fails.
func (s *step) saveIfPossible() {
	if s.event.Refuse == "" {
		s.save()
	} else {
		s.saveLater()
	}
}

func (s *step) saveLater() {
	if !s.saved && !s.later {
		s.later = true
		s.effects = append(s.effects, Effect{Kind: SaveLater})
	}
}

// storable reports whether stored state may change now; if not, it refuses.
func (s *step) storable(c *conn) bool {
	if s.event.Refuse != "" {
		s.refuse(c, s.event.Refuse, "")
		return false
	}
	return true
}
