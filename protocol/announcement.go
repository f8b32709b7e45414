package protocol

// AnnouncementMessage is what the operator of the server wants everybody in the room to read. Only
// "protocol":1 clients get it.
type AnnouncementMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	Text   string `json:"text"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// ResponseType implements ResponseMessage.
func (AnnouncementMessage) ResponseType() string { return "ANNOUNCEMENT" }

// Append implements ResponseMessage.
func (m AnnouncementMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	return append(appendString(dst, "text", m.Text), '}')
}
