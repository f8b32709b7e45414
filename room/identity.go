package room

import "usher/protocol"

// Identity is what a shell has verified about whoever opened a connection: by a token of the
// operator's accounts, by a ticket made from one, or by an invite. The room believes it, and never
// sees a token.
type Identity struct {
	// UserID is the user's id, "" if the client may choose one, as with an invite.
	UserID string
	// Name is what the others call the user, "" if the client may choose. It is a valid name.
	Name string
	// Role is what a new seat gets, if HasRole is set.
	Role    protocol.Role
	HasRole bool
	// MayCreate: the user may create the room.
	MayCreate bool
	// Invited: it is an invite. The owner of a seat returns with an invite that is used or expired.
	Invited bool
	// ExpiresAtMs is when the connection is closed unless the token is renewed, 0 for never.
	ExpiresAtMs int64
	// EnterUntilMs is when it is too late to take a seat, 0 for never.
	EnterUntilMs int64
	// Once names a ticket or invite that lets in only once, zero for what may be used again.
	// EnterUntilMs is set.
	Once PassID
	// RoomSinceMs is when the room was created that an invite is for, 0 if that does not matter.
	RoomSinceMs int64
}

// isInvited reports whether it is an invite. A nil identity is none.
func (who *Identity) isInvited() bool { return who != nil && who.Invited }

// PassID names a ticket or invite. It is random.
type PassID [16]byte

// Verdict is what a shell has found out about a token that a Verify effect asked about.
type Verdict struct {
	// Identity is whom the token identifies, nil if it is refused.
	Identity *Identity
	// Refusal and Details say why it is refused.
	Refusal protocol.Code
	Details string
	// Ref and Number are those of the Verify.
	Ref    string
	Number uint32
}

const (
	// MaxPasses is how many used tickets and invites a room remembers. A room takes 50 joins a
	// second by default, and a ticket is remembered for less than 30 s.
	MaxPasses = 2048
	// ticketMs is more than a ticket's life: for so long a room outlives its last seat if a ticket
	// would let somebody in again.
	ticketMs = 60_000
	// expiryNoticeMs is how long before its end a token's owner is told of that; half of what is
	// left if that is less.
	expiryNoticeMs = 60_000
	// strangerMs is how long a connection without an identity may stay if the room requires one:
	// long enough for a legacy client to ask and to get a reply that its user can read.
	strangerMs = 10_000
)

// pass is a ticket or invite that was used.
type pass struct {
	id      PassID
	untilMs int64
}

// identify takes over what the shell has verified about a new connection.
func (s *step) identify(c *conn, who *Identity) {
	switch {
	case who != nil:
		known := *who // the event may be reused
		c.identity = &known
		c.hasAccount, c.isNamed = who.UserID != "", who.Name != ""
		c.expires(who.ExpiresAtMs, s.nowMs)
	case s.config.IdentityRequired:
		c.closeAtMs = s.nowMs + strangerMs
	}
}

// expiry is when a connection's token expires.
type expiry struct {
	atMs int64
	// noticeAtMs is when its owner is told that it is about to, 0 if that is done.
	noticeAtMs int64
}

// expires notes when the connection's token expires, 0 for never, and when its owner is told.
func (c *conn) expires(atMs, nowMs int64) {
	c.expiry = nil
	if atMs != 0 {
		c.expiry = &expiry{atMs, max(atMs-expiryNoticeMs, nowMs+(atMs-nowMs)/2)}
	}
}

// unwelcome refuses whoever may not have a seat by what the shell has verified, and reports
// whether it did.
func (s *step) unwelcome(c *conn, j *join, waited *wait) bool {
	who := c.identity
	switch {
	case who == nil && s.config.IdentityRequired, s.config.IdentityRequired && j.legacy:
		closeCode := protocol.CloseUnauthorized
		if j.legacy {
			closeCode = protocol.CloseNormal // any other code makes it try again
		}
		s.refuseAndClose(c, protocol.CodeAuthRequired, "", closeCode)
	case who == nil:
		return false
	case who.UserID != "" && who.UserID != j.userID:
		s.refuse(c, protocol.CodeWrongUser, "userId is not the token's")
	case who.Invited && s.resumes(c, j):
		return false
	case who.RoomSinceMs != 0 && s.Exists() && who.RoomSinceMs != s.createdAtMs:
		s.refuse(c, protocol.CodeInvalidInvite, "the room that it is for has ended")
	case s.hasPassed(who.Once):
		s.refuse(c, either(who.Invited, protocol.CodeInviteUsed, protocol.CodeTicketUsed), "")
	case who.EnterUntilMs != 0 && s.nowMs >= who.EnterUntilMs && waited == nil && !j.admitted:
		s.refuse(c, either(who.Invited, protocol.CodeInviteExpired, protocol.CodeInvalidTicket), "it has expired")
	case who.Once != PassID{} && len(s.passes) >= MaxPasses:
		s.refuse(c, protocol.CodeRoomBusy, "")
	default:
		return false
	}
	return true
}

func either(invited bool, invite, ticket protocol.Code) protocol.Code {
	if invited {
		return invite
	}
	return ticket
}

func (r *Room) hasPassed(id PassID) bool {
	for i := range r.passes {
		if r.passes[i].id == id {
			return true
		}
	}
	return false
}

// pass notes that the connection's ticket or invite has been used, and forgets what else was
// verified: the seat has it.
func (s *step) pass(c *conn) {
	if c.identity == nil {
		return
	}
	if id := c.identity.Once; id != (PassID{}) {
		s.passes = append(s.passes, pass{id, c.identity.EnterUntilMs})
		s.changed(c)
		if s.event.Refuse == "" {
			s.save()
		} else {
			s.saveLater()
		}
	}
	c.identity = nil
}

// forgetPasses forgets the tickets and invites that have expired and so let nobody in.
func (s *step) forgetPasses() {
	left := s.passes[:0]
	for _, p := range s.passes {
		if s.nowMs < p.untilMs {
			left = append(left, p)
		}
	}
	if len(left) < len(s.passes) {
		s.passes = left
		s.saveLater()
	}
	if len(left) == 0 {
		s.passes = nil
	}
}

// ticketsUntilMs is until when a room that is empty has to remember used tickets, 0 for none.
func (r *Room) ticketsUntilMs() (untilMs int64) {
	for _, p := range r.passes {
		if p.untilMs <= r.emptySinceMs+ticketMs {
			untilMs = max(untilMs, p.untilMs)
		}
	}
	return untilMs
}

// nextNoticeMs is when the connection's token needs attention, 0 for never. Only who has a seat can
// renew a token.
func (c *conn) nextNoticeMs() int64 {
	switch {
	case c.expiry == nil || c.parked:
		return 0
	case c.seat != nil && c.expiry.noticeAtMs != 0:
		return c.expiry.noticeAtMs
	}
	return c.expiry.atMs
}

// sweepTokens announces that tokens are about to expire, and closes connections whose token has.
func (s *step) sweepTokens() {
	for i := 0; i < len(s.conns); {
		c := s.conns[i]
		switch atMs := c.nextNoticeMs(); {
		case atMs == 0 || s.nowMs < atMs:
			i++
			continue
		case s.nowMs >= c.expiry.atMs:
			s.drop(c, protocol.CloseTokenExpired)
		default:
			c.expiry.noticeAtMs = 0
			s.changed(c)
			s.send(c, protocol.TokenExpiresMessage{RoomID: s.id, ExpiresAt: c.expiry.atMs, Timestamp: s.nowMs})
		}
		i = 0 // dropping a seat's connection closes its parked ones too
	}
}

// renewAuth handles RENEW_AUTH by asking the shell about the token.
func (s *step) renewAuth(c *conn, m *protocol.Message) {
	if !c.hasAccount {
		s.refuseAndClose(c, protocol.CodeInvalidToken, "this connection was opened without a token", 0)
		return
	}
	token := append([]byte(nil), m.Token...)
	s.effects = append(s.effects, Effect{Kind: Verify, Conn: c.id, Frame: token, Ref: s.ref})
}

// readsInvite lets a JOIN_ROOM with an invite wait for the shell to read it, and reports whether it
// does, or has been refused. A later invite takes the place of an earlier one.
func (s *step) readsInvite(c *conn, m *protocol.Message) bool {
	switch {
	case m.Invite == nil || s.event.Kind != Received || c.seat != nil:
		return false
	case c.identity != nil && !c.identity.Invited:
		s.refuse(c, protocol.CodeInvalidInvite, "this connection was opened with a token or ticket")
	case !s.isChecking(c):
		number := s.awaitShell(c)
		s.effects = append(s.effects, Effect{Kind: Verify, Conn: c.id, Frame: append([]byte(nil), m.Invite...), Ref: s.ref, Number: number})
	}
	return true
}

// inviteRead handles a JOIN_ROOM again whose invite has been read.
func (s *step) inviteRead(c *conn, v *Verdict) {
	if s.shellAnswered(c, v.Number) == nil || c.parked {
		return
	}
	if v.Refusal != "" {
		s.refuse(c, v.Refusal, v.Details)
		return
	}
	known := *v.Identity
	c.identity = &known
	if s.config.IdentityRequired {
		c.closeAtMs = 0 // it is no longer a stranger
	}
	s.enter(c, s.event.Message)
}

// verified carries on with a RENEW_AUTH. A token that is refused changes nothing.
func (s *step) verified() {
	c, v := s.connOf(s.event.Conn), s.event.Verdict
	if v.Number != 0 {
		s.inviteRead(c, v)
		return
	}
	if c == nil || c.seat == nil || !c.hasAccount {
		return
	}
	s.by, s.ref, s.messageType = c, v.Ref, protocol.RenewAuth
	switch {
	case v.Refusal != "":
		s.refuseAndClose(c, v.Refusal, v.Details, 0)
	case v.Identity.UserID != c.seat.id:
		s.refuse(c, protocol.CodeWrongUser, "the token is another user's")
	default:
		c.expires(v.Identity.ExpiresAtMs, s.nowMs)
		s.due = true
		s.changed(c)
		s.send(c, protocol.AuthRenewedMessage{RoomID: s.id, ExpiresAt: v.Identity.ExpiresAtMs, Ref: s.ref, Timestamp: s.nowMs})
	}
}

// The flags of what is kept of a token.
const (
	flagAccount = 1 << iota
	flagNamed
)

// appendToken appends what is kept of a token.
func (c *conn) appendToken(dst []byte) []byte {
	var e expiry
	if c.expiry != nil {
		e = *c.expiry
	}
	dst = appendVarint(appendVarint(dst, e.noticeAtMs), e.atMs)
	return append(dst, byte(flagIf(c.hasAccount, flagAccount)|flagIf(c.isNamed, flagNamed)))
}

// tokenOf reads what appendToken wrote.
func (in *reader) tokenOf(c *conn) {
	e := expiry{noticeAtMs: in.varint()}
	if e.atMs = in.varint(); e.atMs != 0 {
		c.expiry = &e
	}
	kinds := uint64(in.byte())
	c.hasAccount, c.isNamed = kinds&flagAccount != 0, kinds&flagNamed != 0
}

// hasToken reports whether anything is to be kept of a token while its owner has a seat.
func (c *conn) hasToken() bool { return c.hasAccount || c.isNamed || c.expiry != nil }

const (
	flagHasRole = 1 << iota
	flagMayCreate
	flagInvited
	flagOnce
)

// append is for the attachment.
func (who *Identity) append(dst []byte) []byte {
	once := who.Once != PassID{}
	dst = appendUvarint(dst, flagIf(who.HasRole, flagHasRole)|flagIf(who.MayCreate, flagMayCreate)|
		flagIf(who.Invited, flagInvited)|flagIf(once, flagOnce))
	dst = append(appendText(appendText(dst, who.UserID), who.Name), byte(who.Role))
	for _, ms := range []int64{who.ExpiresAtMs, who.EnterUntilMs, who.RoomSinceMs} {
		dst = appendVarint(dst, ms)
	}
	if once {
		dst = append(dst, who.Once[:]...)
	}
	return dst
}

func (in *reader) identity() *Identity {
	flags := in.uvarint()
	who := &Identity{
		HasRole: flags&flagHasRole != 0, MayCreate: flags&flagMayCreate != 0, Invited: flags&flagInvited != 0,
		UserID: in.text(), Name: in.text(), Role: protocol.Role(in.byte()),
		ExpiresAtMs: in.varint(), EnterUntilMs: in.varint(), RoomSinceMs: in.varint(),
	}
	if flags&flagOnce != 0 {
		copy(who.Once[:], in.take(uint64(len(who.Once))))
	}
	in.bad = in.bad || who.Role > protocol.Host
	return who
}
