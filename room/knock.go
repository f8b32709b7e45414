package room

import (
	"slices"

	"usher/protocol"
)

const (
	// maxKnocksPerAddress leaves room in the queue for others.
	maxKnocksPerAddress = 4
	// deniedMs is how long somebody who was denied may not knock again, from the same address.
	deniedMs = 60_000
)

type knockState uint8

const (
	// knockOpen: nobody has answered.
	knockOpen knockState = iota
	// knockAdmitted: whoever knocked may enter; the seat is not taken yet.
	knockAdmitted
	// knockDenied: it is kept for a while so that nobody is asked again.
	knockDenied
)

// knock is a place among those who wait to be let in. Like a seat it outlives connections, and its
// user id is its own. There are knocks only while the door's entry is KNOCK.
type knock struct {
	userID, name string
	token        tokenHash
	address      uint64
	state        knockState
	untilMs      int64
}

// knocking is the connection of a knock, and the request that it is to answer.
type knocking struct {
	*knock
	ref    string
	create bool
	// secret becomes the token of its seat.
	secret secret
}

func (k *knocking) messageType() protocol.Type {
	if k.create {
		return protocol.CreateRoom
	}
	return protocol.JoinRoom
}

// is reports whether the join is that of the knock's owner.
func (k *knock) is(c *conn, j *join) bool {
	if c.knocking != nil && c.knocking.knock == k {
		return true
	}
	token := hashPresented(j.knockToken)
	return token.is(&k.token)
}

func (r *Room) knockOf(userID string) *knock {
	for _, k := range r.knocks {
		if k.userID == userID {
			return k
		}
	}
	return nil
}

// knockerOf returns the connection that waits for the knock's answer, nil if it is away.
func (r *Room) knockerOf(k *knock) *conn {
	for _, c := range r.conns {
		if c.knocking != nil && c.knocking.knock == k {
			return c
		}
	}
	return nil
}

// knock lets a newcomer wait for the host or a cohost. k is the place that it has, nil if it needs
// one. The place is stored before anybody sees it.
func (s *step) knock(c *conn, j *join, k *knock) {
	m := protocol.KnockingMessage{}
	switch {
	case j.legacy:
		s.turnLegacyAway(c)
		return
	case k == nil:
		if k = s.queueKnock(c, j); k == nil {
			return
		}
		m.KnockToken = encodeToken(&j.secret)
	default:
		if older := s.knockerOf(k); older != nil && older != c {
			s.close(older, protocol.CloseResumed)
		}
	}
	c.knocking = &knocking{knock: k, ref: j.ref, create: j.create, secret: j.secret}
	c.closeAtMs = 0
	s.changed(c)
	s.active()
	s.tellPlace(c, m)
	if m.KnockToken != "" {
		s.tellLeads(nil, func(string) protocol.ResponseMessage { return s.knockMessage(k) })
	}
}

// turnLegacyAway refuses a legacy client, which does not know how to wait, so that its user learns
// why and it does not come again.
func (s *step) turnLegacyAway(c *conn) {
	const code = protocol.CodeAdmissionDenied
	s.note(Refused, c, code)
	s.send(c, protocol.ErrorMessage{
		Code: code, Error: "Somebody has to let you in, and this program cannot ask; use a newer one", Ref: s.ref, Timestamp: s.nowMs,
	})
	s.drop(c, protocol.CloseNormal)
}

// queueKnock makes a new place, or refuses.
func (s *step) queueKnock(c *conn, j *join) *knock {
	waiting, same := 0, 0
	for _, k := range s.knocks {
		switch {
		case k.state != knockDenied:
			waiting++
			if k.address == c.address {
				same++
			}
		case k.address == c.address:
			s.refuse(c, protocol.CodeAdmissionDenied, "")
			return nil
		}
	}
	if waiting >= s.config.MaxKnocks || same >= maxKnocksPerAddress {
		s.refuse(c, protocol.CodeTooManyKnocks, "")
		return nil
	}
	name, _ := protocol.TrimName(j.name, protocol.MaxJoinNameUnits)
	k := &knock{userID: j.userID, name: name, token: hashOf(&j.secret), address: c.address, untilMs: s.nowMs + s.config.KnockWaitMs}
	s.knocks = append(s.knocks, k)
	s.due = true
	s.save()
	s.report(Occurrence{Kind: UserKnocked, UserID: k.userID, Name: k.name})
	return k
}

// tellPlace sends KNOCKING, of which m has what differs.
func (s *step) tellPlace(c *conn, m protocol.KnockingMessage) {
	k := c.knocking
	for _, other := range s.knocks {
		if other.state == knockOpen {
			m.Position++
		}
		if other == k.knock {
			break
		}
	}
	m.RoomID, m.UserID, m.ExpiresAt = s.id, k.userID, k.untilMs
	m.PingIntervalMs, m.Ref, m.Timestamp = s.config.PingIntervalMs, s.ref, s.nowMs
	s.send(c, m)
}

// tellPlaces tells those behind a knock that has ended their new places.
func (s *step) tellPlaces(from int) {
	for _, k := range s.knocks[from:] {
		if c := s.knockerOf(k); c != nil && k.state == knockOpen {
			s.replying(c, 0, "", func() { s.tellPlace(c, protocol.KnockingMessage{}) })
		}
	}
}

func (s *step) knockMessage(k *knock) protocol.KnockMessage {
	return protocol.KnockMessage{RoomID: s.id, KnockerID: k.userID, UserName: k.name, ExpiresAt: k.untilMs, Timestamp: s.nowMs}
}

// showKnocks sends a seat every open knock, if its owner may answer them.
func (s *step) showKnocks(seat *seat) {
	if seat == nil || seat.conn == nil || !seat.modern || !s.leads(seat) {
		return
	}
	for _, k := range s.knocks {
		if k.state == knockOpen {
			s.send(seat.conn, s.knockMessage(k))
		}
	}
}

// tellLeads sends a message to the host and the cohosts. asked is the connection whose request it
// answers, nil for none. A legacy client would not know the message.
func (s *step) tellLeads(asked *conn, message func(ref string) protocol.ResponseMessage) {
	var shared []byte
	bytes := 0
	for _, seat := range s.seats {
		if seat.conn == nil || !s.leads(seat) || !seat.modern && seat.conn != asked {
			continue
		}
		frame := shared
		switch {
		case seat.conn == asked && s.ref != "":
			frame = message(s.ref).Append(nil)
		case shared == nil:
			shared = message("").Append(nil)
			frame = shared
		}
		bytes += len(frame)
		s.effects = append(s.effects, Effect{Kind: Send, Conn: seat.conn.id, Frame: frame})
	}
	s.chargeOutput(bytes)
}

// sweepKnocks ends the knocks that nobody has answered in time.
func (s *step) sweepKnocks() {
	for _, k := range slices.Clone(s.knocks) {
		switch {
		case s.nowMs < k.untilMs:
		case k.state == knockOpen:
			knocker := s.knockerOf(k)
			s.endKnock(k, protocol.KnockExpired, nil)
			s.refuseKnocker(knocker, protocol.CodeKnockExpired)
		default:
			s.removeKnock(k)
			s.saveLater()
		}
	}
}

// answerKnockers tells those who knock that there is no room any more.
func (s *step) answerKnockers() {
	for _, c := range slices.Clone(s.conns) {
		if c.knocking != nil {
			s.refuseKnocker(c, protocol.CodeRoomNotFound)
		}
	}
}

func (r *Room) appendKnocks(dst []byte) []byte {
	dst = appendUvarint(dst, uint64(len(r.knocks)))
	for _, k := range r.knocks {
		dst = append(dst, byte(k.state))
		dst = appendText(dst, k.userID)
		dst = appendText(dst, k.name)
		dst = append(dst, k.token[:]...)
		dst = appendUint64(dst, k.address)
		dst = appendVarint(dst, k.untilMs-r.createdAtMs)
	}
	return dst
}

func (in *reader) knocks(r *Room) {
	for range in.uvarint() {
		k := &knock{state: knockState(in.byte()), userID: in.text(), name: in.text()}
		copy(k.token[:], in.take(uint64(len(k.token))))
		k.address = in.uint64()
		k.untilMs = r.createdAtMs + in.varint()
		if in.bad = in.bad || k.state > knockDenied; in.bad {
			return
		}
		r.knocks = append(r.knocks, k)
	}
}

// renewKnocks gives every knock its whole time, counted from when its connection dropped.
func (s *step) renewKnocks(droppedMs int64) {
	for _, k := range s.knocks {
		k.untilMs = droppedMs + s.config.KnockWaitMs
		if k.state == knockDenied {
			k.untilMs = droppedMs + deniedMs
		}
		s.saveLater()
	}
}

// settleKnocks removes the knocks that an older program, which ignored them, has kept although
// their owner has a seat or is banned now, or the door has changed.
func (r *Room) settleKnocks() {
	seen := make(map[string]bool, len(r.knocks))
	r.knocks = slices.DeleteFunc(r.knocks, func(k *knock) bool {
		stale := r.door.entry != protocol.EntryKnock || seen[k.userID] || r.seatOf([]byte(k.userID)) != nil ||
			slices.ContainsFunc(r.bans, func(b ban) bool { return b.userID == k.userID })
		seen[k.userID] = true
		return stale
	})
	if len(r.knocks) == 0 {
		r.knocks = nil
	}
}
