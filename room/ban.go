package room

import "usher/protocol"

// ban is what a room knows of somebody whom it keeps out.
type ban struct {
	userID, name string
	token        tokenHash
	address      uint64
	// byAddress: nobody with that address may join, except those who have a seat.
	byAddress  bool
	bannedAtMs int64
}

// ban keeps the owner of a seat out of the room: the user id, the token and the network address.
// The address is left out if another seat has it, because then it may be that of a whole household,
// or of the host.
func (s *step) ban(seat *seat) {
	b := ban{userID: seat.id, name: seat.name, token: seat.token, address: seat.address, byAddress: true, bannedAtMs: s.nowMs}
	for _, other := range s.seats {
		b.byAddress = b.byAddress && (other == seat || other.address != seat.address)
	}
	if n := len(s.bans); n >= protocol.MaxBans {
		s.bans = append(s.bans[:0], s.bans[n-protocol.MaxBans+1:]...)
	}
	s.bans = append(s.bans, b)
	s.banKnocks(&b)
}

// lift removes the ban of a user id, or reports false if there is none.
func (r *Room) lift(userID string) bool {
	for i := range r.bans {
		if r.bans[i].userID == userID {
			r.bans = append(r.bans[:i], r.bans[i+1:]...)
			return true
		}
	}
	return false
}

// banned reports whether the connection may not have what it asks for. A seat that still exists and
// its token pass, and so does the owner's: otherwise a stranger who is host could ban the owner.
func (s *step) banned(c *conn, j *join) bool {
	for i := range s.bans {
		b := &s.bans[i]
		if b.userID == j.userID || b.byAddress && b.address == c.address || j.token.is(&b.token) {
			return !j.owner && !s.resumes(c, j)
		}
	}
	return false
}

// refuseBanned reports that somebody is banned. A legacy client would connect again after 4005.
func (s *step) refuseBanned(c *conn, j *join) {
	code := protocol.CloseKicked
	if j.legacy {
		code = protocol.CloseNormal
	}
	s.refuseAndClose(c, protocol.CodeBanned, "", code)
}

// unban handles UNBAN_USER.
func (s *step) unban(c *conn, m *protocol.Message) {
	switch {
	case !s.leads(c.seat):
		s.refuse(c, protocol.CodeNotAllowed, "")
		return
	case !s.affordable(c), !s.storable(c):
		return
	case !s.lift(string(m.TargetUserID)):
		s.refuse(c, protocol.CodeTargetNotFound, "no such ban")
		return
	}
	s.save()
	s.reportBy(c, Occurrence{Kind: UserUnbanned, UserID: string(m.TargetUserID)})
	s.sendBans(c)
}

// listBans handles LIST_BANS.
func (s *step) listBans(c *conn) {
	switch {
	case !s.leads(c.seat):
		s.refuse(c, protocol.CodeNotAllowed, "")
	case s.affordable(c):
		s.sendBans(c)
	}
}

// sendBans counts the list as output, although only one receives it, because a short request makes
// a long list.
func (s *step) sendBans(c *conn) {
	list := protocol.BansMessage{RoomID: s.id, Bans: make([]protocol.Ban, len(s.bans)), Ref: s.ref, Timestamp: s.nowMs}
	for i, b := range s.bans {
		list.Bans[i] = protocol.Ban{UserID: b.userID, UserName: b.name, BannedAt: b.bannedAtMs}
	}
	s.send(c, list)
	s.chargeOutput(len(s.effects[len(s.effects)-1].Frame))
}

func (r *Room) appendBans(dst []byte) []byte {
	dst = appendUvarint(dst, uint64(len(r.bans)))
	for i := range r.bans {
		b := &r.bans[i]
		dst = appendText(dst, b.userID)
		dst = appendText(dst, b.name)
		alias := b.token.alias()
		dst = append(dst, alias[:]...)
		dst = appendUvarint(dst, flagIf(b.byAddress, 1))
		dst = appendUint64(dst, b.address)
		dst = appendVarint(dst, b.bannedAtMs-r.createdAtMs)
	}
	return dst
}

func (in *reader) bans(r *Room) {
	for range in.uvarint() {
		b := ban{userID: in.text(), name: in.text(), token: in.token()}
		b.byAddress = in.uvarint() == 1
		b.address = in.uint64()
		b.bannedAtMs = r.createdAtMs + in.varint()
		if in.bad {
			return
		}
		r.bans = append(r.bans, b)
	}
	in.bad = in.bad || len(r.bans) == 0
}
