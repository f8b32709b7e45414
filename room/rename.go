package room

import "usher/protocol"

// replacesRoomName is Effect.Replaces of ROOM_RENAMED. The values for USER_RENAMED are above it,
// by seat.
const replacesRoomName = 1

// renameRoom handles RENAME_ROOM by sending ROOM_RENAMED to everybody.
func (s *step) renameRoom(c *conn, m *protocol.Message) {
	if c.seat != s.host {
		s.refuse(c, protocol.CodeNotHost, "")
		return
	}
	name, ok := protocol.TrimName(m.RoomName, protocol.MaxRoomNameUnits)
	if !ok {
		s.refuse(c, protocol.CodeInvalidName, "newRoomName")
		return
	}
	if !s.affordable(c) || !s.storable(c) {
		return
	}
	s.name = name
	s.save()
	s.reportBy(c, Occurrence{Kind: RoomRenamed, Name: name})
	renamed := protocol.RoomRenamedMessage{
		RoomID: s.id, NewRoomName: name, RoomState: s.State(), Timestamp: s.nowMs,
	}
	s.announce(c, replacesRoomName, func(ref string) protocol.ResponseMessage {
		renamed.Ref = ref
		return renamed
	})
}

// renameUser handles RENAME_USER by sending USER_RENAMED to everybody.
func (s *step) renameUser(c *conn, m *protocol.Message) {
	name, ok := protocol.TrimName(m.UserName, protocol.MaxUserNameUnits)
	if !ok {
		s.refuse(c, protocol.CodeInvalidName, "newUserName")
		return
	}
	if c.isNamed {
		s.refuse(c, protocol.CodeNotAllowed, "the name is the one of your account")
		return
	}
	if !s.affordable(c) || !s.storable(c) {
		return
	}
	c.seat.name = name
	s.save()
	s.report(Occurrence{Kind: UserRenamed, UserID: c.seat.id, Name: name})
	renamed := protocol.UserRenamedMessage{
		RoomID: s.id, UserID: c.seat.id, NewUserName: name, RoomState: s.State(), Timestamp: s.nowMs,
	}
	s.announce(c, replacesRoomName+uint64(c.seat.serial), func(ref string) protocol.ResponseMessage {
		renamed.Ref = ref
		return renamed
	})
}
