package room

import "usher/protocol"

const (
	// maxParked bounds the muted older connections of one seat. A legacy client opens at most one
	// more every 40 s while its PINGs get no reply.
	maxParked = 4
	// refusedCloseMs is how long a legacy client that may not have its seat yet stays connected.
	// If it were closed, it would try again forever, because each socket that opens restores all
	// its attempts.
	refusedCloseMs = 1_000
)

// join is the part of a CREATE_ROOM or JOIN_ROOM that is kept if it has to wait.
type join struct {
	userID, name, roomName string
	ref                    string
	// hasToken: it has a resumeToken, and token is its hash.
	hasToken bool
	token    tokenHash
	// secret becomes the token of a new seat, and ownerSecret that of a new room's owner.
	secret, ownerSecret secret
	// keepMs is how long a new room is to stay when it is empty.
	keepMs int64
	// owner: it has presented the owner token.
	owner bool
	// create: CREATE_ROOM. legacy: the client has not sent "protocol":1. relayOnly: a room that it
	// makes has iceTransportPolicy relay. admitted: it has knocked, and was let in.
	create, legacy, relayOnly, admitted bool
	// passcode, knockToken and door are as sent, nil if there is none. A join that waits has none.
	passcode, knockToken []byte
	door                 *protocol.DoorChange
}

// enter handles CREATE_ROOM and JOIN_ROOM. They differ in one thing: only CREATE_ROOM makes a
// room. On a live room it is a JOIN_ROOM whose reply has another name, because two people may
// create the same room at once.
func (s *step) enter(c *conn, m *protocol.Message) {
	if string(m.RoomID) != s.id {
		s.refuse(c, protocol.CodeRoomMismatch, "")
		return
	}
	if s.readsInvite(c, m) {
		return
	}
	j := join{
		userID: string(m.UserID), name: m.UserName, roomName: m.RoomName, ref: s.ref,
		secret: s.event.Secret, ownerSecret: s.event.OwnerSecret, keepMs: m.KeepMs,
		create: m.Type == protocol.CreateRoom, legacy: m.Protocol < protocol.Version, relayOnly: m.RelayOnly,
		passcode: m.Passcode, knockToken: m.KnockToken, door: m.Door,
	}
	if c.knocking != nil && c.knocking.userID != j.userID {
		s.withdraw(c)
	}
	if m.ResumeToken != nil {
		j.hasToken, j.token = true, hashPresented(m.ResumeToken)
	}
	if m.OwnerToken != nil && s.Exists() {
		presented := hashPresented(m.OwnerToken)
		if j.owner = s.isOwner(&presented); !j.owner {
			s.refuse(c, protocol.CodeInvalidOwnerToken, "")
			return
		}
	}
	switch {
	case j.legacy && (s.relayOnly || !s.Exists() && j.relayOnly):
		s.refuse(c, protocol.CodeRelayOnly, "") // its candidates would show addresses
	case c.seat != nil:
		s.enterAgain(c, &j)
	case s.isChecking(c):
	case c.wait != nil && !j.hasToken && c.wait.userID == j.userID:
		s.changed(c) // it keeps its place
		c.wait.create, c.wait.ref, c.wait.owner = j.create, j.ref, j.owner || c.wait.owner
	case s.event.RefuseSeat != "" && !s.resumes(c, &j):
		s.refuse(c, s.event.RefuseSeat, "")
	default:
		s.unqueue(c)
		s.admit(c, &j, nil)
	}
}

// resumes reports whether the join presents the resume token of a seat that exists.
func (s *step) resumes(c *conn, j *join) bool {
	seat := s.seatOf([]byte(j.userID))
	return seat != nil && j.hasToken && s.owner(c, j, seat) == ""
}

// enterAgain handles a repeated join of the same seat. A legacy client has closed its peer
// connections, so the others must be sent a departure and, when they have closed theirs, a
// return.
func (s *step) enterAgain(c *conn, j *join) {
	seat := c.seat
	switch {
	case seat.id != j.userID:
		s.refuse(c, protocol.CodeAlreadySeated, "")
	case s.reclaims(j, seat) && (!s.affordable(c) || !s.storable(c)):
	case seat.modern || !s.disturbs(c, j):
		former := s.host
		s.reclaim(j, seat)
		s.seated(c, j, protocol.Seating{})
		s.announceHost(j, seat, former)
	case !s.affordable(c):
	default:
		c.seat = nil
		j.name = ""
		s.vacate(seat, ReasonReplaced, 0)
		s.queue(c, j, s.nowMs+paceMs, true)
	}
}

// admit gives the connection a seat, lets it wait for one, or returns why it gets none. waited is
// the join's place in the queue, nil if the join has just arrived.
func (s *step) admit(c *conn, j *join, waited *wait) {
	if s.unwelcome(c, j, waited) {
		return
	}
	if !s.Exists() && !j.create {
		s.refuse(c, protocol.CodeRoomNotFound, "")
		return
	}
	if (waited == nil || !waited.owned) && s.banned(c, j) {
		s.refuseBanned(c, j)
		return
	}
	if seat := s.seatOf([]byte(j.userID)); seat != nil {
		s.rejoin(c, j, seat, waited)
		return
	}
	s.joinAnew(c, j, waited)
}

func (s *step) joinAnew(c *conn, j *join, waited *wait) {
	reply := protocol.Seating{ResumeToken: encodeToken(&j.secret)}
	granted := grantOf(c.identity)
	if c.identity != nil && c.identity.Name != "" {
		j.name = c.identity.Name
	}
	name, ok := protocol.TrimName(j.name, protocol.MaxJoinNameUnits)
	switch {
	case !ok:
		s.refuse(c, protocol.CodeInvalidName, "userName")
		return
	case s.host == nil && granted.views():
		s.refuse(c, protocol.CodeNoHost, "")
		return
	case waited == nil && s.hash == nil && !j.admitted && !s.affordable(c), !s.storable(c):
		return
	case waited == nil && !s.passesDoor(c, j):
		return
	case waited != nil && s.door.entry == protocol.EntryLocked:
		s.turnAway(c, j, protocol.CodeRoomLocked)
		return
	case s.isFull():
		s.refuse(c, protocol.CodeRoomFull, "")
		return
	case waited == nil && s.mustWait(c, j):
		j.name = name
		s.queue(c, j, 0, false)
		return
	case !s.Exists() && !s.create(c, j, &reply):
		return
	}
	if j.secret == (secret{}) {
		panic("room: a join without a Secret")
	}
	s.lastSerial++
	seat := &seat{
		id: j.userID, serial: s.lastSerial, name: name, token: hashOf(&j.secret), joinedAtMs: s.nowMs, address: c.address, modern: !j.legacy,
		granted: granted,
	}
	s.seats = append(s.seats, seat)
	former := s.host
	s.settle(seat)
	s.awaitedUntilMs = 0
	s.pass(c)
	if k := s.knockOf(seat.id); k != nil {
		s.removeKnock(k)
	}
	s.sit(c, seat, j.admitted)
	s.save()
	s.reportSeat(UserJoined, seat, "")
	s.reclaim(j, seat)
	s.active()
	s.seated(c, j, reply)
	s.meet(seat)
	s.announceHost(j, seat, former)
}

// create makes the room, or reports false if it may not be made.
func (s *step) create(c *conn, j *join, reply *protocol.Seating) bool {
	if s.event.RefuseCreate != "" {
		s.refuse(c, s.event.RefuseCreate, "")
		return false
	}
	if c.identity != nil && !c.identity.MayCreate {
		s.refuse(c, protocol.CodeCreateNotAllowed, "")
		return false
	}
	name := s.defaultName()
	if j.roomName != "" {
		var ok bool
		if name, ok = protocol.TrimName(j.roomName, protocol.MaxJoinNameUnits); !ok {
			s.refuse(c, protocol.CodeInvalidName, "roomName")
			return false
		}
	}
	s.name, s.createdAtMs, s.creator, s.relayOnly = name, s.nowMs, c.address, j.relayOnly
	if j.door != nil {
		s.changeDoor(j.door)
	}
	reply.OwnerToken = s.keeps(j.keepMs, &j.ownerSecret)
	s.effects = append(s.effects, Effect{Kind: Created, Address: s.creator})
	s.report(Occurrence{Kind: RoomCreated, Name: s.name, Mode: s.mode, ActorID: j.userID, ActorRole: protocol.Host})
	return true
}

// rejoin gives a seat to a new connection that has proved to be its owner's.
func (s *step) rejoin(c *conn, j *join, seat *seat, waited *wait) {
	resumed := j.hasToken
	if refusal := s.owner(c, j, seat); refusal != "" && (waited == nil || !waited.owned) {
		s.refuseSeat(c, j, seat, refusal)
		return
	}
	if s.reclaims(j, seat) && (resumed && !s.affordable(c) || !s.storable(c)) {
		return
	}
	if !resumed && (waited == nil && !s.affordable(c) || s.mayHaveToWait(c, j, seat, waited)) {
		return
	}
	if moved := seat.address != c.address; moved || resumed && !j.legacy && !seat.modern {
		s.saveIfPossible()
		if moved {
			s.rememberEntered(seat.address)
		}
		seat.address = c.address
		seat.modern = seat.modern || resumed && !j.legacy
	}
	recovered := resumed && seat.conn == nil && !seat.hold.spoilt()
	reason := reasonOfReturn(seat, resumed)
	if seat.conn == nil {
		s.saveLater() // or a shell that drops the room would find the seat held
	}
	s.replace(seat, resumed)
	frames := s.release(seat)
	s.pass(c)
	s.sit(c, seat, false)
	s.reportSeat(UserReconnected, seat, reason)
	former := s.host
	s.reclaim(j, seat)
	s.active()
	s.seated(c, j, protocol.Seating{Resumed: resumed, Recovered: recovered})
	if !resumed {
		// The client has closed its peer connections: the others must offer again.
		s.meet(seat)
		s.announceHost(j, seat, former)
		return
	}
	for _, frame := range frames {
		s.effects = append(s.effects, Effect{Kind: Send, Conn: c.id, Frame: frame})
	}
	s.broadcast(seat, protocol.UserReconnectedMessage{
		RoomID: s.id, ReconnectedUserID: seat.id, RoomState: s.State(), Timestamp: s.nowMs,
	})
	s.announceHost(j, seat, former)
}

// mayHaveToWait queues a return without a token if it is not due yet. If the seat has a live
// connection, the others are told immediately that it is gone, and have one interval to close
// their peer connections.
func (s *step) mayHaveToWait(c *conn, j *join, seat *seat, waited *wait) bool {
	owned := waited != nil && waited.owned
	j.name = ""
	switch {
	case seat.conn != nil && !seat.modern && s.disturbs(seat.conn, j):
		s.park(seat)
		s.vacate(seat, ReasonReplaced, 0)
		s.queue(c, j, s.nowMs+paceMs, owned)
	case waited == nil && s.mustWait(c, j):
		s.queue(c, j, 0, owned)
	default:
		return false
	}
	return true
}

// refuseSeat reports why the connection may not have the seat. A legacy client that has changed
// its address has no token to present. It may have its seat when the grace is over, so it must
// keep trying; and its older connection, which may be dead, must show life.
func (s *step) refuseSeat(c *conn, j *join, seat *seat, refusal protocol.Code) {
	if j.hasToken || !j.legacy || seat.modern {
		s.refuse(c, refusal, "")
		return
	}
	s.refuse(c, protocol.CodeSeatHeld, "")
	if c.closeAtMs == 0 {
		c.closeAtMs = s.nowMs + refusedCloseMs
	}
	s.due = true
	s.changed(c)
	if seat.conn != nil {
		s.doubt(seat.conn)
	}
}

// owner returns why the connection may not have the seat, or "".
func (s *step) owner(c *conn, j *join, seat *seat) protocol.Code {
	if j.hasToken {
		if !j.token.is(&seat.token) {
			return protocol.CodeInvalidResumeToken
		}
		return ""
	}
	if !seat.modern && !s.config.IdentityRequired {
		switch s.config.TokenlessRejoin {
		case RejoinFromAnywhere:
			return ""
		case RejoinFromAddress:
			if seat.address == c.address {
				return ""
			}
		}
	}
	if seat.conn != nil {
		return protocol.CodeUserIDTaken
	}
	return protocol.CodeSeatHeld
}

// replace takes the seat's connection off the seat. One that is replaced by token is closed, with
// those parked beside it.
func (s *step) replace(seat *seat, resumed bool) {
	switch {
	case !resumed:
		s.park(seat)
	default:
		if older := seat.conn; older != nil {
			seat.conn = nil
			s.close(older, protocol.CloseResumed)
		}
		s.closeParked(seat)
	}
}

// park takes the seat's connection off it and keeps it open but mute: a legacy client would open
// a new socket forever if its older one were closed while the newer one lives.
func (s *step) park(seat *seat) {
	older := seat.conn
	if older == nil {
		return
	}
	seat.conn = nil
	older.parked = true
	s.changed(older)
	parked := 0
	for i := len(s.conns) - 1; i >= 0; i-- {
		if c := s.conns[i]; c.seat == seat && c.parked {
			if parked++; parked > maxParked {
				s.close(c, protocol.CloseNormal)
			}
		}
	}
}
