package chaos

import "usher/protocol"

// frame is what a message of the server may have, as far as it matters here.
type frame struct {
	Type         string     `json:"type"`
	Code         string     `json:"code"`
	Retryable    bool       `json:"retryable"`
	UserID       string     `json:"userId"`
	TargetUserID string     `json:"targetUserId"`
	NewRoomName  string     `json:"newRoomName"`
	NewUserName  string     `json:"newUserName"`
	ResumeToken  string     `json:"resumeToken"`
	Resumed      bool       `json:"resumed"`
	Recovered    bool       `json:"recovered"`
	RoomState    *roomState `json:"roomState"`
	Candidate    *candidate `json:"candidate"`
}

type roomState struct {
	Name   string      `json:"name"`
	HostID string      `json:"hostId"`
	Users  []userState `json:"users"`
}

type userState struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
	// IsConnected is of the seat.
	IsConnected bool `json:"isConnected"`
}

// candidate is what this test relays in place of an ICE candidate, which no server reads.
type candidate struct {
	// Socket is which of its sender's sockets it was sent on, Number counts those to one person,
	// and At is when it was sent, in nanoseconds.
	Socket int   `json:"socket"`
	Number int   `json:"number"`
	At     int64 `json:"at"`
}

type relay struct {
	Type         string    `json:"type"`
	RoomID       string    `json:"roomId"`
	UserID       string    `json:"userId"`
	TargetUserID string    `json:"targetUserId"`
	Candidate    candidate `json:"candidate"`
}

func (p *person) base() protocol.BaseSignalingMessage {
	return protocol.BaseSignalingMessage{RoomID: p.room.id, UserID: p.id, Timestamp: 1}
}

// join is CREATE_ROOM for whoever comes first, and JOIN_ROOM for everybody else and later, with the
// token if there is one.
func (p *person) join() []byte {
	if p.index == 0 && p.token == "" {
		return protocol.CreateRoomMessage{
			BaseSignalingMessage: p.base(), UserName: numbered(0), RoomName: numbered(0), Protocol: protocol.Version,
		}.Append(nil)
	}
	return protocol.JoinRoomMessage{
		BaseSignalingMessage: p.base(), UserName: numbered(0), ResumeToken: p.token, Protocol: protocol.Version,
	}.Append(nil)
}

// rename is the change with the next number of one of the names.
func (p *person) rename(name, n int) []byte {
	if name == roomName {
		return protocol.RenameRoomMessage{BaseSignalingMessage: p.base(), NewRoomName: numbered(n)}.Append(nil)
	}
	return protocol.RenameUserMessage{BaseSignalingMessage: p.base(), NewUserName: numbered(n)}.Append(nil)
}

// makeCohost gives the second person its role.
func (p *person) makeCohost() []byte {
	return protocol.SetRoleMessage{BaseSignalingMessage: p.base(), TargetUserID: p.room.user(1), Role: "COHOST"}.Append(nil)
}
