package room

import (
	"usher/protocol"
)

// Room is one room. New and Restore make one; Step is the only way to change it.
type Room struct {
	config *Config
	id     string

	// createdAtMs is 0 while the room does not exist: it has been asked for
	// by connections, but nobody has created it yet.
	createdAtMs    int64
	lastActivityMs int64
	// savedActivityMs is the lastActivityMs in the snapshot that was last given to be stored.
	savedActivityMs int64
	emptySinceMs    int64
	creator         uint64
	name            string
	mode            protocol.ControlMode
	playback        *playback
	host            *seat
	seats           []*seat
	conns           []*conn
	heldBytes       int
	alarmMs         int64
	// metMs is when somebody was last seated while others were connected.
	metMs int64
	// partedMs is when somebody's departure was last announced to a legacy client.
	partedMs int64
	// requests and output meter what the room as a whole does for its participants.
	requests, output meter
	// spent has the meters of connections that have gone.
	spent []spent
	// lastSerial is the serial of the last seat made.
	lastSerial uint64
}

// seat is what the room keeps for one participant. It outlives connections.
type seat struct {
	id, name string
	// serial tells the seats of a room in memory apart, like id does, in a number.
	serial     uint64
	token      [protocol.TokenBytes]byte
	joinedAtMs int64
	// address is the one that holds or last held the seat.
	address uint64
	// conn is nil while the seat is held.
	conn        *conn
	heldUntilMs int64
	hold        *hold
	// modern says that the client has said "protocol":1.
	modern bool
	// offers says that the client is a legacy one and has offered after a seating.
	offers bool
}

// conn is one socket, seated or not.
type conn struct {
	id      ConnID
	address uint64
	secret  [protocol.TokenBytes]byte
	seat    *seat
	// parked: a newer connection of the same seat took over; only PING is answered.
	parked bool
	// knowsToken: it took the seat as a new one or by its token, so answers may repeat the token.
	knowsToken bool
	// stands is the standing that was last reported.
	stands Standing
	// wait is the join that has to wait for its turn, nil for none.
	wait       *wait
	lastSeenMs int64
	// pingDueMs is by when it must show life after a Ping, 0 for no Ping.
	pingDueMs int64
	round     round
	// closeAtMs is when it is closed unless it has got a seat, 0 for never.
	closeAtMs int64
	meters
	attached attached
}

// meters are what a connection has used of its limits.
type meters struct {
	messages, bytes meter
	// output is what its requests made the room send.
	output meter
}

// New returns a room that does not exist yet; CREATE_ROOM makes it exist.
// The config is shared, not copied.
func New(config *Config, id string) *Room { return &Room{config: config, id: id} }

// ID returns the room's id.
func (r *Room) ID() string { return r.id }

// Exists reports whether the room has been created and has not ended.
func (r *Room) Exists() bool { return r.createdAtMs != 0 }

// Unused reports whether nothing is lost when the value is dropped: the room
// does not exist and has no connections.
func (r *Room) Unused() bool { return !r.Exists() && len(r.conns) == 0 }

// Creator returns the Address of the connection that created the room.
func (r *Room) Creator() uint64 { return r.creator }

// People returns how many seats are taken, held ones included.
func (r *Room) People() int { return len(r.seats) }

// ExpiresAtMs returns when the room ends if nothing happens to it any more,
// even while nobody steps it. 0 for a room that does not exist.
func (r *Room) ExpiresAtMs() int64 {
	if !r.Exists() {
		return 0
	}
	at := r.lastActivityMs + r.config.RoomIdleMs
	if len(r.seats) == 0 {
		at = min(at, r.emptySinceMs+r.config.EmptyRoomMs)
	}
	return at
}

// State returns the room as its participants see it.
func (r *Room) State() protocol.RoomState {
	s := protocol.RoomState{
		ID: r.id, Name: r.name, ControlMode: r.mode, CreatedAt: r.createdAtMs, LastActivity: r.lastActivityMs,
		Users: make([]protocol.User, len(r.seats)),
	}
	if r.host != nil {
		s.HostID = r.host.id
	}
	for i, seat := range r.seats {
		s.Users[i] = r.user(seat)
	}
	s.VideoState, s.HostVideoState, s.HostCurrentURL = r.playback.state(r.createdAtMs)
	return s
}

// Summary returns what somebody with an invitation may know of the room. The room must exist.
func (r *Room) Summary() protocol.RoomSummary {
	return protocol.RoomSummary{ID: r.id, Name: r.name, ControlMode: r.mode, People: len(r.seats)}
}

func (r *Room) user(s *seat) protocol.User {
	return protocol.User{ID: s.id, Name: s.name, IsHost: s == r.host, IsConnected: s.conn != nil, JoinedAt: s.joinedAtMs}
}

func (r *Room) seatOf(userID []byte) *seat {
	for _, s := range r.seats {
		if s.id == string(userID) {
			return s
		}
	}
	return nil
}

func (r *Room) connOf(id ConnID) *conn {
	for _, c := range r.conns {
		if c.id == id {
			return c
		}
	}
	return nil
}

// HasSeat reports whether somebody with this user id has a seat, held or not.
func (r *Room) HasSeat(userID []byte) bool { return r.seatOf(userID) != nil }

// Standing reports whether a connection has a seat or waits for its turn to get one, or is parked
// because a newer connection of its seat took over. One that is neither has yet to join.
func (r *Room) Standing(id ConnID) (seated, parked bool) {
	c := r.connOf(id)
	if c == nil {
		return false, false
	}
	standing := c.standing()
	return standing == Seated, standing == Parked
}

func (c *conn) standing() Standing {
	switch {
	case c.parked:
		return Parked
	case c.seat != nil || c.wait != nil:
		return Seated
	}
	return Unseated
}

// step is one Step under way.
type step struct {
	*Room
	nowMs   int64
	event   Event
	effects []Effect
	// before is how many effects of earlier Steps are in front of this one's.
	before int
	// saved and later: whether Save or Delete, and SaveLater, are among the effects.
	saved, later bool
	// by is the connection whose message is handled, nil for none; messageType and ref are the message's.
	by          *conn
	messageType protocol.Type
	ref         string
	// due: a deadline may have come nearer, so the alarm must be looked at.
	due bool
	// attach: some connection's attachment has changed, and perhaps its standing.
	attach bool
}

// Step takes one event and appends what the shell has to do for it to effects.
// nowMs must not go back by more than clocks do. A relay does not allocate.
func (r *Room) Step(nowMs int64, event Event, effects []Effect) []Effect {
	s := step{Room: r, nowMs: nowMs, event: event, effects: effects, before: len(effects)}
	due := event.Kind == AlarmFired || r.alarmMs != 0 && nowMs >= r.alarmMs // late, or early by a clock's rounding
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
	case Restored:
		s.restored()
	case Woken:
		s.woken()
	case Answered:
		s.answered()
	case Paused:
		s.paused()
	}
	if s.saved || s.later {
		s.savedActivityMs = s.lastActivityMs
	}
	if s.due {
		s.setAlarm()
	}
	if s.attach {
		s.attachChanged()
	}
	return s.effects
}

func (s *step) connected() {
	if s.connOf(s.event.Conn) != nil {
		return
	}
	if len(s.conns) >= maxConns(s.config) && !s.makeRoom() {
		s.effects = append(s.effects, Effect{Kind: Close, Conn: s.event.Conn, Code: protocol.CloseTryLater})
		return
	}
	c := &conn{id: s.event.Conn, address: s.event.Address, secret: s.event.Secret, lastSeenMs: s.nowMs}
	s.inherit(c)
	s.conns = append(s.conns, c)
	s.due = true
	s.changed(c)
}

// maxConns leaves room for every seat's connection, for one parked beside
// it, and for those that are about to join.
func maxConns(c *Config) int { return 2*c.MaxPeople + 32 }

// makeRoom closes the connection that is missed least. Clients join within milliseconds of
// connecting, so the oldest one without a seat is the least likely to.
func (s *step) makeRoom() bool {
	for _, dispensable := range []struct {
		is   func(*conn) bool
		code protocol.CloseCode
	}{
		{func(c *conn) bool { return c.seat == nil && c.wait == nil }, protocol.CloseTryLater},
		{func(c *conn) bool { return c.parked }, protocol.CloseNormal},
		{func(c *conn) bool { return c.seat == nil }, protocol.CloseTryLater},
	} {
		for _, c := range s.conns {
			if dispensable.is(c) {
				s.close(c, dispensable.code)
				return true
			}
		}
	}
	return false
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
	if c.attached.outdated(attached{c.lastSeenMs, c.meters}, s.nowMs, &limits) {
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
		s.send(c, protocol.PongMessage{Timestamp: s.nowMs})
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
	if refusal := s.claim(c, m); refusal != "" {
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
		s.endSeat(c.seat, protocol.CloseNormal)
	case protocol.RenameRoom:
		s.renameRoom(c, m)
	case protocol.RenameUser:
		s.renameUser(c, m)
	case protocol.TransferHost:
		s.transferHost(c, m)
	case protocol.ControlModeChange:
		s.changeMode(c, m)
	default:
		s.sync(c, m)
	}
}

// claim checks what a message says of itself against the connection's seat.
func (s *step) claim(c *conn, m *protocol.Message) protocol.Code {
	if m.RoomID != nil && string(m.RoomID) != s.id {
		return protocol.CodeRoomMismatch
	}
	if string(m.UserID) != c.seat.id {
		return protocol.CodeWrongUser
	}
	return ""
}

// active notes that somebody did something. The time is stored now and
// then, so that a restart does not take a busy room for an idle one.
func (s *step) active() {
	s.lastActivityMs = s.nowMs
	if s.nowMs-s.savedActivityMs > s.config.RoomIdleMs/16 {
		s.saveLater()
	}
}
