package room

import (
	"slices"

	"usher/protocol"
)

// answerKnock handles ADMIT and DENY.
func (s *step) answerKnock(c *conn, m *protocol.Message) {
	k := s.knockOf(string(m.TargetUserID))
	switch {
	case !s.leads(c.seat):
		s.refuse(c, protocol.CodeNotAllowed, "")
		return
	case k == nil || k.state != knockOpen:
		s.refuse(c, protocol.CodeTargetNotFound, "nobody with this id knocks")
		return
	case m.Type == protocol.Admit && s.isFull():
		s.refuse(c, protocol.CodeRoomFull, "")
		return
	case !s.affordable(c), !s.storable(c):
		return
	}
	knocker := s.knockerOf(k)
	if m.Type == protocol.Deny {
		s.endKnock(k, protocol.KnockDenied, c)
		s.refuseKnocker(knocker, protocol.CodeAdmissionDenied)
		return
	}
	s.endKnock(k, protocol.KnockAdmitted, c)
	s.seatKnocker(knocker)
}

// endKnock ends an open knock. Whoever was admitted keeps the place until the seat is taken, and
// whoever was denied for a while.
func (s *step) endKnock(k *knock, outcome protocol.KnockOutcome, asked *conn) {
	at := slices.Index(s.knocks, k)
	switch outcome {
	case protocol.KnockAdmitted:
		k.state = knockAdmitted
	case protocol.KnockDenied:
		k.state, k.untilMs = knockDenied, s.nowMs+deniedMs
		s.forgetDenied()
		at = max(slices.Index(s.knocks, k), 0)
	default:
		s.removeKnock(k)
	}
	s.due = true
	s.saveIfPossible()
	s.reportKnock(k, outcome, asked)
	s.tellLeads(asked, func(ref string) protocol.ResponseMessage {
		return protocol.KnockEndedMessage{RoomID: s.id, KnockerID: k.userID, Outcome: outcome, Ref: ref, Timestamp: s.nowMs}
	})
	s.tellPlaces(at)
}

func (s *step) removeKnock(k *knock) {
	s.knocks = slices.DeleteFunc(s.knocks, func(other *knock) bool { return other == k })
}

// forgetDenied keeps the number of those bounded who were denied.
func (s *step) forgetDenied() {
	denied := 0
	for i := len(s.knocks) - 1; i >= 0; i-- {
		if s.knocks[i].state == knockDenied {
			if denied++; denied > s.config.MaxKnocks {
				s.knocks = slices.Delete(s.knocks, i, i+1)
			}
		}
	}
}

// seatKnocker carries out the join of somebody who may enter now, nil for somebody who is away.
func (s *step) seatKnocker(c *conn) {
	if c == nil {
		return
	}
	k := c.knocking
	c.knocking = nil
	s.due = true
	s.changed(c)
	s.replying(c, k.messageType(), k.ref, func() {
		s.admit(c, &join{userID: k.userID, name: k.name, ref: k.ref, create: k.create, secret: k.secret, admitted: true}, nil)
	})
}

// refuseKnocker tells somebody who knocked why it was in vain. c is nil for somebody who is away.
func (s *step) refuseKnocker(c *conn, code protocol.Code) {
	if c == nil {
		return
	}
	k := c.knocking
	c.knocking = nil
	s.due = true
	s.changed(c)
	s.replying(c, k.messageType(), k.ref, func() { s.refuse(c, code, "") })
}

// withdraw ends the knock of a connection whose client has left.
func (s *step) withdraw(c *conn) {
	if c.knocking == nil {
		return
	}
	k := c.knocking.knock
	c.knocking = nil
	s.changed(c)
	s.endKnock(k, protocol.KnockWithdrawn, nil)
}

// endKnocks ends all knocks because knocking is no longer needed, or no longer allowed: of an open
// door all are seated.
func (s *step) endKnocks(asked *conn) {
	knocks := s.knocks
	s.knocks = nil
	for _, k := range knocks {
		if k.state != knockOpen {
			continue
		}
		outcome := protocol.KnockWithdrawn
		if s.door.entry == protocol.EntryOpen {
			outcome = protocol.KnockAdmitted
		}
		s.reportKnock(k, outcome, asked)
		s.tellLeads(nil, func(string) protocol.ResponseMessage {
			return protocol.KnockEndedMessage{RoomID: s.id, KnockerID: k.userID, Outcome: outcome, Timestamp: s.nowMs}
		})
		if c := s.knockerOf(k); outcome == protocol.KnockAdmitted {
			s.seatKnocker(c)
		} else {
			s.refuseKnocker(c, protocol.CodeRoomLocked)
		}
	}
}

// banKnocks ends the knocks of somebody who is banned now.
func (s *step) banKnocks(b *ban) {
	for _, k := range slices.Clone(s.knocks) {
		switch {
		case k.userID != b.userID && !(b.byAddress && k.address == b.address):
		case k.state == knockOpen:
			knocker := s.knockerOf(k)
			s.endKnock(k, protocol.KnockWithdrawn, nil)
			s.refuseKnocker(knocker, protocol.CodeBanned)
		default:
			s.removeKnock(k)
		}
	}
}
