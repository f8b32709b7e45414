package room

import "usher/protocol"

// role returns what a seat's owner may do.
func (r *Room) role(s *seat) protocol.Role {
	if s == r.host {
		return protocol.Host
	}
	return s.role
}

// leads reports whether the seat's owner controls playback in both modes, and speaks for the host
// about the film.
func (r *Room) leads(s *seat) bool { return r.role(s) >= protocol.Cohost }

// controls reports whether the seat's owner may control playback now.
func (r *Room) controls(s *seat) bool {
	return r.leads(s) || r.mode == protocol.FreeForAll && s.role != protocol.Viewer
}

// setRole handles SET_ROLE by sending ROLE_CHANGED to everybody. The host's own role only goes by
// TRANSFER_HOST. A legacy client may have any role, though it does not notice.
func (s *step) setRole(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	switch {
	case c.seat != s.host:
		s.refuse(c, protocol.CodeNotHost, "")
		return
	case target == nil || target == c.seat:
		s.refuse(c, protocol.CodeTargetNotFound, "")
		return
	case !s.affordable(c):
		return
	}
	if m.Role == target.role || s.storable(c) {
		s.giveRole(c, target, m.Role)
	}
}

// giveRole gives a role to a seat that does not host.
func (s *step) giveRole(asked *conn, target *seat, role protocol.Role) {
	previous := target.role
	if role != previous {
		target.role = role
		s.save()
		s.reportBy(asked, Occurrence{Kind: RoleChanged, UserID: target.id, Role: target.role, PreviousRole: previous})
	}
	changed := protocol.RoleChangedMessage{
		RoomID: s.id, UserID: target.id, Role: target.role, PreviousRole: previous, RoomState: s.State(), Timestamp: s.nowMs,
	}
	s.announce(asked, 0, func(ref string) protocol.ResponseMessage {
		changed.Ref = ref
		return changed
	})
	if target.role != previous {
		s.showKnocks(target)
	}
}

// hasRoles reports whether anybody but the host is no guest.
func (r *Room) hasRoles() bool {
	for _, s := range r.seats {
		if s.role != protocol.Guest {
			return true
		}
	}
	return false
}

// appendRoles appends the role of each seat, in the order of the seats. A snapshot has them only
// if hasRoles, so that a program that does not know roles restores every other room.
func (r *Room) appendRoles(dst []byte) []byte {
	for _, s := range r.seats {
		dst = append(dst, byte(s.role))
	}
	return dst
}

// roles follow the seats.
func (in *reader) roles(r *Room) {
	for _, s := range r.seats {
		s.role = protocol.Role(in.byte())
		in.bad = in.bad || s.role >= protocol.Host || s == r.host && s.role != protocol.Guest
	}
	in.bad = in.bad || !r.hasRoles()
}
