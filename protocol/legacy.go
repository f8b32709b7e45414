package protocol

// A StateMessage is a ResponseMessage that carries the room's state. Legacy returns it as clients
// get it that have not sent "protocol":1: their frames stay as they have always been.
type StateMessage interface {
	ResponseMessage
	Legacy() ResponseMessage
}

// legacy returns the state without what is newer than the legacy clients.
func (s RoomState) legacy() RoomState {
	s.Door = nil
	return s
}

func (s *RoomState) legacyOptional() *RoomState {
	if s == nil {
		return nil
	}
	without := s.legacy()
	return &without
}

// Legacy implements StateMessage.
func (m RoomCreatedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m RoomJoinedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m UserJoinedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacyOptional()
	return m
}

// Legacy implements StateMessage.
func (m UserLeftMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacyOptional()
	return m
}

// Legacy implements StateMessage.
func (m UserDisconnectedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m UserReconnectedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m RoomRenamedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m UserRenamedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m HostChangedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}

// Legacy implements StateMessage.
func (m RoleChangedMessage) Legacy() ResponseMessage {
	m.RoomState = m.RoomState.legacy()
	return m
}
