package room

import "usher/protocol"

// step is one Step under way.
type step struct {
	*Room
	nowMs   int64
	event   Event
	effects []Effect
	// before is how many effects of earlier Steps precede this one's.
	before int
	// saved and later: whether Save or Delete, and SaveLater, are among the effects.
	saved, later bool
	// by is the connection whose message is handled, nil if there is none; messageType and ref
	// are the message's.
	by          *conn
	messageType protocol.Type
	ref         string
	// hash is the event's, while the request that needed it is handled again. making: it was asked
	// for when there was no room.
	hash   *HashResult
	making bool
	// act is the operator's, while it is carried out.
	act *Act
	// due: a deadline may have come nearer, so the alarm must be looked at.
	due bool
	// attach: some connection's attachment has changed, and perhaps its standing.
	attach bool
}

// Step handles one event and appends what the shell has to do for it to effects. nowMs must not
// go back further than clocks do. A relay does not allocate.
func (r *Room) Step(nowMs int64, event Event, effects []Effect) []Effect {
	s := step{Room: r, nowMs: nowMs, event: event, effects: effects, before: len(effects)}
	due := event.Kind == AlarmFired || r.alarmIsDue(nowMs) // late, or early by a clock's rounding
	switch event.Kind {
	case Woken, Answered, Paused: // a shell reports these before the sweep that depends on them
		due = false
	case Disconnected: // nothing may be sent to it any more
		s.disconnected()
	}
	if due {
		s.sweep()
	}
	switch event.Kind {
	case Connected:
		s.connected()
	case Received, ReceivedBinary, Seen:
		s.received()
	case Exceeded:
		s.exceeded()
	case Hashed:
		s.hashed()
	case Operated:
		s.operated()
	case Restored:
		s.restored()
	case Woken:
		s.woken()
	case Answered:
		s.answered()
	case Paused:
		s.paused()
	case Verified:
		s.verified()
	case Arranged:
		s.arranged()
	case Renewed:
		s.renewed()
	}
	if s.saved || s.later {
		s.savedActivityMs, s.hadTokens = s.lastActivityMs, false
	}
	if s.due {
		s.setAlarm()
	}
	if s.attach {
		s.attachChanged()
	}
	return s.effects
}

func (s *step) received() {
	c := s.connOf(s.event.Conn)
	if c == nil {
		return
	}
	s.by = c
	if m := s.event.Message; m != nil {
		s.messageType = m.Type
		if m.Ref != nil {
			s.ref = string(m.Ref)
		}
	}
	c.lastSeenMs = s.nowMs
	s.alive(c)
	limits := s.config.limits()
	within := s.within(c, &limits)
	if s.outdated(c, attached{c.lastSeenMs, c.meters}, s.nowMs, &limits) {
		s.changed(c)
	}
	if !within {
		s.refuse(c, protocol.CodeRateLimited, "")
		return
	}
	switch {
	case s.event.Kind == Seen:
		return
	case s.event.Kind == ReceivedBinary:
		s.refuse(c, protocol.CodeBinaryFrame, "")
		return
	}
	if s.event.Err != nil {
		s.malformed(c)
		return
	}
	m := s.event.Message
	if m.Type == protocol.Ping {
		pong := protocol.PongMessage{Timestamp: s.nowMs}.Append(s.event.Scratch[:0])
		s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: pong, Borrowed: true})
		return
	}
	if m.Type == protocol.Pong || c.parked {
		return
	}
	s.message(c, m)
}

func (s *step) exceeded() {
	if c := s.connOf(s.event.Conn); c != nil {
		s.refuse(c, protocol.CodeRateLimited, "")
	}
}

func (s *step) malformed(c *conn) {
	if c.parked {
		return
	}
	code, details := protocol.CodeInvalidJSON, ""
	if err, ok := s.event.Err.(*protocol.DecodeError); ok {
		code, details = err.Code, err.Details
	}
	s.refuse(c, code, details)
}

// message hands a well-formed message to the rule for its type.
func (s *step) message(c *conn, m *protocol.Message) {
	switch m.Type {
	case protocol.CreateRoom, protocol.JoinRoom:
		if s.overspent(c) {
			s.refuse(c, protocol.CodeRateLimited, "")
			return
		}
		s.enter(c, m)
		return
	case protocol.LeaveRoom:
		if c.seat == nil {
			s.withdraw(c)
			s.close(c, protocol.CloseNormal)
			return
		}
	}
	if c.seat == nil {
		s.bounce(c, m, protocol.CodeNotSeated)
		return
	}
	if m.Type != protocol.LeaveRoom && s.overspent(c) {
		s.refuse(c, protocol.CodeRateLimited, "")
		return
	}
	if refusal := s.claim(c, m.RoomID, m.UserID); refusal != "" {
		if m.Type.Relayed() {
			s.bounce(c, m, refusal)
		} else {
			s.refuse(c, refusal, "")
		}
		return
	}
	s.active()
	switch m.Type {
	case protocol.WebRTCOffer, protocol.WebRTCAnswer, protocol.WebRTCIceCandidate:
		s.relay(c, m)
	case protocol.LeaveRoom:
		s.endSeat(c.seat, ReasonLeft)
	case protocol.RenameRoom:
		s.renameRoom(c, m)
	case protocol.RenameUser:
		s.renameUser(c, m)
	case protocol.TransferHost:
		s.transferHost(c, m)
	case protocol.SetRole:
		s.setRole(c, m)
	case protocol.KickUser:
		s.kick(c, m)
	case protocol.UnbanUser:
		s.unban(c, m)
	case protocol.ListBans:
		s.listBans(c)
	case protocol.RenewAuth:
		s.renewAuth(c, m)
	case protocol.SetDoor:
		s.setDoor(c, m)
	case protocol.Admit, protocol.Deny:
		s.answerKnock(c, m)
	case protocol.ReportPath:
		s.reportPath(c, m)
	case protocol.ControlModeChange:
		s.changeMode(c, m)
	default:
		s.sync(c, m)
	}
}

// claim checks the user and room that a message names against the connection's seat.
func (r *Room) claim(c *conn, roomID, userID []byte) protocol.Code {
	if roomID != nil && string(roomID) != r.id {
		return protocol.CodeRoomMismatch
	}
	if string(userID) != c.seat.id {
		return protocol.CodeWrongUser
	}
	return ""
}

// active notes that somebody did something. The time is stored only now and then, so that a
// restart does not take a busy room for an idle one.
func (s *step) active() {
	s.lastActivityMs = s.nowMs
	if s.activityIsUnsaved(s.nowMs) {
		s.saveLater()
	}
}

func (r *Room) activityIsUnsaved(nowMs int64) bool {
	return nowMs-r.savedActivityMs > r.config.RoomIdleMs/16
}
