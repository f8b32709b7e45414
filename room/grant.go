package room

import "usher/protocol"

// grant is the role that the operator has given a seat's owner, by token or invite.
type grant uint8

const ungranted grant = 0

func grantOf(who *Identity) grant {
	if who == nil || !who.HasRole {
		return ungranted
	}
	return grant(who.Role) + 1
}

// role returns the granted role of a seat that does not host: Cohost for Host, Guest for none.
func (g grant) role() protocol.Role {
	switch role := protocol.Role(g - 1); {
	case g == ungranted:
		return protocol.Guest
	case role == protocol.Host:
		return protocol.Cohost
	default:
		return role
	}
}

func (g grant) hosts() bool { return g == grant(protocol.Host)+1 }

// leads: its owner could open the door.
func (g grant) leads() bool { return g.hosts() || g == grant(protocol.Cohost)+1 }

func (g grant) views() bool { return g == grant(protocol.Viewer)+1 }

// settle gives a new seat its role. Whoever comes first is host. Somebody whom the operator has
// made host is host instead of one who came first, or got the role from somebody else; of several
// whom the operator has made host, the first one stays. The former host has the role that the
// operator gave it.
func (s *step) settle(seat *seat) {
	former := s.host
	switch {
	case former == nil:
		s.host = seat
	case seat.granted.hosts() && !former.granted.hosts():
		s.makeHost(seat)
		former.role = former.granted.role()
	default:
		seat.role = seat.granted.role()
	}
}

// announceHost tells the others that the newcomer took the role over. A legacy client does not
// notice HOST_CHANGED: it has to join again.
func (s *step) announceHost(j *join, seat, former *seat) {
	if former == nil || s.host != seat || former == seat {
		return
	}
	reason := ReasonGranted
	if j.owner {
		reason = ReasonReclaimed
	}
	s.report(Occurrence{Kind: HostChanged, UserID: seat.id, PreviousID: former.id, Reason: reason})
	s.broadcast(seat, protocol.HostChangedMessage{
		RoomID: s.id, NewHostID: seat.id, PreviousHostID: former.id, RoomState: s.State(), Timestamp: s.nowMs,
	})
	if !former.modern && former.conn != nil {
		s.drop(former.conn, protocol.CloseRestart)
	}
}
