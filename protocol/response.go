package protocol

// The messages of the server.

// SystemUserID is the userId of messages that the room itself sends.
const SystemUserID = "system"

// Seating is what ROOM_CREATED and ROOM_JOINED have in common.
type Seating struct {
	RoomID string `json:"roomId" format:"room-id"`
	// UserID is the sender's.
	UserID    string    `json:"userId" format:"user-id"`
	RoomState RoomState `json:"roomState"`
	// ResumeToken is a secret that proves the seat's owner on its return. Only the reply that gives
	// a new seat has it: keep it for as long as you want the seat.
	ResumeToken string `json:"resumeToken,omitempty"`
	// OwnerToken is a secret that makes whoever presents it host of the room again. Only the reply
	// that makes a room with keepMs has it.
	OwnerToken string `json:"ownerToken,omitempty"`
	// KeepMs is how long the room stays when it is empty. It is missing if the room ends then.
	KeepMs int64 `json:"keepMs,omitempty"`
	// Resumed reports that the token was accepted and the seat is the same as before.
	Resumed bool `json:"resumed"`
	// Recovered reports that every frame for the seat was kept while it was away and follows this
	// reply. If it is false, some may be missing; those that were kept after a crash of the
	// server still follow.
	Recovered bool `json:"recovered"`
	// PingIntervalMs is how often the client should send PING.
	PingIntervalMs int64 `json:"pingIntervalMs"`
	// ServerTime is the server's clock.
	ServerTime int64 `json:"serverTime"`
	// Ref is the ref of the request that this replies to.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// RoomCreatedMessage is the reply to CREATE_ROOM.
type RoomCreatedMessage struct{ Seating }

// RoomJoinedMessage is the reply to JOIN_ROOM, before any frame relayed to the seat.
type RoomJoinedMessage struct{ Seating }

// UserJoinedMessage tells the others of a new participant, or of one that returned without a
// token: offer to it again.
type UserJoinedMessage struct {
	RoomID     string `json:"roomId" format:"room-id"`
	JoinedUser User   `json:"joinedUser"`
	// RoomState may be missing for a receiver that sent "protocol":1, which applies the change
	// itself.
	RoomState *RoomState `json:"roomState,omitempty"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// Departure is what USER_LEFT and USER_DISCONNECTED have in common.
type Departure struct {
	RoomID string `json:"roomId" format:"room-id"`
	// Timestamp is the server's clock.
	Timestamp  int64  `json:"timestamp"`
	LeftUserID string `json:"leftUserId" format:"user-id"`
	// NewHostID is set if the departed participant was the host and another took over.
	NewHostID string `json:"newHostId,omitempty" format:"user-id"`
}

// UserLeftMessage tells the others that a seat has ended; `newHostId` is set if it was the
// host's.
type UserLeftMessage struct {
	Departure
	// RoomState may be missing for a receiver that sent "protocol":1, which applies the change
	// itself.
	RoomState *RoomState `json:"roomState,omitempty"`
	// Ref is the ref of the KICK_USER that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// UserDisconnectedMessage tells the others that a connection dropped; its seat is held.
type UserDisconnectedMessage struct {
	Departure
	RoomState RoomState `json:"roomState"`
}

// UserReconnectedMessage tells the others that a seat was resumed with its token.
type UserReconnectedMessage struct {
	RoomID            string    `json:"roomId" format:"room-id"`
	ReconnectedUserID string    `json:"reconnectedUserId" format:"user-id"`
	RoomState         RoomState `json:"roomState"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// RoomRenamedMessage tells everybody, the host included, the room's new name.
type RoomRenamedMessage struct {
	RoomID      string    `json:"roomId" format:"room-id"`
	NewRoomName string    `json:"newRoomName"`
	RoomState   RoomState `json:"roomState"`
	// Ref is the ref of the request that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// UserRenamedMessage tells everybody a participant's new name; `userId` is the participant's.
type UserRenamedMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// UserID is whose name it is.
	UserID      string    `json:"userId" format:"user-id"`
	NewUserName string    `json:"newUserName"`
	RoomState   RoomState `json:"roomState"`
	// Ref is the ref of the request that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// HostChangedMessage tells everybody that the host handed the role over.
type HostChangedMessage struct {
	RoomID         string    `json:"roomId" format:"room-id"`
	NewHostID      string    `json:"newHostId" format:"user-id"`
	PreviousHostID string    `json:"previousHostId" format:"user-id"`
	RoomState      RoomState `json:"roomState"`
	// Ref is the ref of the request that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// RoleChangedMessage tells everybody that the host gave a participant another role; `userId` is
// the participant's.
type RoleChangedMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// UserID is whose role it is.
	UserID       string    `json:"userId" format:"user-id"`
	Role         Role      `json:"role"`
	PreviousRole Role      `json:"previousRole"`
	RoomState    RoomState `json:"roomState"`
	// Ref is the ref of the request that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// KickedMessage tells a participant that the host or a cohost has ended the seat. Close code 4005
// follows.
type KickedMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// Reason is what was given, if anything.
	Reason string `json:"reason,omitempty"`
	// Banned reports that the participant cannot join again.
	Banned bool `json:"banned"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// BansMessage replies to LIST_BANS and UNBAN_USER.
type BansMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// Bans are in the order in which they were made.
	Bans []Ban `json:"bans"`
	// Ref is the ref of the request that this replies to.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// UndeliveredMessage bounces a message that could not be delivered.
type UndeliveredMessage struct {
	Code Code `json:"code"`
	// MessageType is the type of the message that bounced.
	MessageType  Type   `json:"messageType"`
	TargetUserID string `json:"targetUserId,omitempty" format:"user-id"`
	// Retryable reports that the same message may pass later, unchanged.
	Retryable bool `json:"retryable"`
	// Ref is the ref of the request that this replies to.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// ErrorMessage refuses a request.
type ErrorMessage struct {
	// Code is stable; branch on it.
	Code Code `json:"code"`
	// Error is a sentence for a person and may change.
	Error string `json:"error"`
	// Details names the offending part, for anyone looking for the cause.
	Details string `json:"details,omitempty"`
	// Retryable reports that the same request may succeed later, unchanged.
	Retryable bool `json:"retryable"`
	// Ref is the ref of the request that this replies to.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// PongMessage answers PING; `timestamp` is 0 if a platform has answered for a sleeping room. From
// a client it is ignored, but proves life.
type PongMessage struct {
	// Timestamp is the sender's clock.
	Timestamp int64 `json:"timestamp"`
}

// A ResponseMessage is a member of the union that the server sends.
type ResponseMessage interface {
	// ResponseType is the value of the message's type field.
	ResponseType() string
	// Append encodes the message as one JSON object at the end of dst.
	Append(dst []byte) []byte
}

// IceServer is the W3C's RTCIceServer.
type IceServer struct {
	URLs []string `json:"urls"`
	// Username is for TURN servers.
	Username string `json:"username,omitempty"`
	// Credential is for TURN servers.
	Credential string `json:"credential,omitempty"`
}

// IceServersMessage brings new ICE servers before the credentials of the last ones expire, to a
// client that sent `"protocol":1`. Use them for new peer connections, and by setConfiguration() for
// those that exist.
type IceServersMessage struct {
	RoomID     string      `json:"roomId" format:"room-id"`
	IceServers []IceServer `json:"iceServers"`
	// TTL is for how many seconds the credentials are valid.
	TTL int64 `json:"ttl"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// ResponseMessages returns one of each ResponseMessage.
func ResponseMessages() []ResponseMessage {
	return []ResponseMessage{
		RoomCreatedMessage{}, RoomJoinedMessage{}, UserJoinedMessage{}, UserLeftMessage{}, UserDisconnectedMessage{},
		UserReconnectedMessage{}, RoomRenamedMessage{}, UserRenamedMessage{}, HostChangedMessage{}, RoleChangedMessage{}, KickedMessage{}, AnnouncementMessage{}, BansMessage{},
		DoorChangedMessage{}, KnockingMessage{}, KnockMessage{}, KnockEndedMessage{}, PathMessage{},
		TokenExpiresMessage{}, AuthRenewedMessage{}, IceServersMessage{}, UndeliveredMessage{Code: CodeNotSeated, MessageType: WebRTCOffer}, ErrorMessage{Code: CodeInvalidJSON}, PongMessage{},
	}
}

// ResponseType implements ResponseMessage.
func (RoomCreatedMessage) ResponseType() string      { return "ROOM_CREATED" }
func (RoomJoinedMessage) ResponseType() string       { return "ROOM_JOINED" }
func (UserJoinedMessage) ResponseType() string       { return "USER_JOINED" }
func (UserLeftMessage) ResponseType() string         { return "USER_LEFT" }
func (UserDisconnectedMessage) ResponseType() string { return "USER_DISCONNECTED" }
func (UserReconnectedMessage) ResponseType() string  { return "USER_RECONNECTED" }
func (RoomRenamedMessage) ResponseType() string      { return "ROOM_RENAMED" }
func (UserRenamedMessage) ResponseType() string      { return "USER_RENAMED" }
func (HostChangedMessage) ResponseType() string      { return "HOST_CHANGED" }
func (RoleChangedMessage) ResponseType() string      { return "ROLE_CHANGED" }
func (KickedMessage) ResponseType() string           { return "KICKED" }
func (BansMessage) ResponseType() string             { return "BANS" }
func (TokenExpiresMessage) ResponseType() string     { return "TOKEN_EXPIRES" }
func (AuthRenewedMessage) ResponseType() string      { return "AUTH_RENEWED" }
func (IceServersMessage) ResponseType() string       { return "ICE_SERVERS" }
func (UndeliveredMessage) ResponseType() string      { return "UNDELIVERED" }
func (ErrorMessage) ResponseType() string            { return "ERROR" }
func (PongMessage) ResponseType() string             { return "PONG" }

// Append implements ResponseMessage.
func (m RoomCreatedMessage) Append(dst []byte) []byte { return m.append(dst, m.ResponseType()) }
func (m RoomJoinedMessage) Append(dst []byte) []byte  { return m.append(dst, m.ResponseType()) }

func (m *Seating) append(dst []byte, name string) []byte {
	dst = openResponse(dst, name, m.RoomID, m.UserID, m.Timestamp)
	dst = m.RoomState.append(dst)
	dst = appendOptional(dst, "resumeToken", m.ResumeToken)
	dst = appendOptional(dst, "ownerToken", m.OwnerToken)
	dst = appendPositive(dst, "keepMs", m.KeepMs)
	dst = appendBool(dst, "resumed", m.Resumed)
	dst = appendBool(dst, "recovered", m.Recovered)
	dst = appendInt(dst, "pingIntervalMs", m.PingIntervalMs)
	return appendRef(appendInt(dst, "serverTime", m.ServerTime), m.Ref)
}

func (m UserJoinedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = m.JoinedUser.append(appendName(dst, "joinedUser"))
	return append(m.RoomState.appendOptional(dst), '}')
}

func (m UserLeftMessage) Append(dst []byte) []byte {
	return appendRef(m.RoomState.appendOptional(m.append(dst, m.ResponseType())), m.Ref)
}

func (m UserDisconnectedMessage) Append(dst []byte) []byte {
	return append(m.RoomState.append(m.append(dst, m.ResponseType())), '}')
}

func (m *Departure) append(dst []byte, name string) []byte {
	dst = openResponse(dst, name, m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "leftUserId", m.LeftUserID)
	return appendOptional(dst, "newHostId", m.NewHostID)
}

func (m UserReconnectedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "reconnectedUserId", m.ReconnectedUserID)
	return append(m.RoomState.append(dst), '}')
}

func (m RoomRenamedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "newRoomName", m.NewRoomName)
	return appendRef(m.RoomState.append(dst), m.Ref)
}

func (m UserRenamedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, m.UserID, m.Timestamp)
	dst = appendString(dst, "newUserName", m.NewUserName)
	return appendRef(m.RoomState.append(dst), m.Ref)
}

func (m HostChangedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "newHostId", m.NewHostID)
	dst = appendString(dst, "previousHostId", m.PreviousHostID)
	return appendRef(m.RoomState.append(dst), m.Ref)
}

func (m RoleChangedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, m.UserID, m.Timestamp)
	dst = appendString(dst, "role", m.Role.String())
	dst = appendString(dst, "previousRole", m.PreviousRole.String())
	return appendRef(m.RoomState.append(dst), m.Ref)
}

func (m KickedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	return append(appendBool(appendOptional(dst, "reason", m.Reason), "banned", m.Banned), '}')
}

func (m BansMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = append(appendName(dst, "bans"), '[')
	for i := range m.Bans {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.Bans[i].append(dst)
	}
	return appendRef(append(dst, ']'), m.Ref)
}

func (m IceServersMessage) Append(dst []byte) []byte {
	dst = appendType(dst, m.ResponseType())
	dst = appendString(dst, "roomId", m.RoomID)
	dst = append(appendName(dst, "iceServers"), '[')
	for i := range m.IceServers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.IceServers[i].append(dst)
	}
	dst = appendInt(append(dst, ']'), "ttl", m.TTL)
	return append(appendInt(dst, "timestamp", m.Timestamp), '}')
}

func (s *IceServer) append(dst []byte) []byte {
	dst = append(dst, `{"urls":[`...)
	for i, url := range s.URLs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, url)
	}
	dst = appendOptional(append(dst, ']'), "username", s.Username)
	return append(appendOptional(dst, "credential", s.Credential), '}')
}

func (m UndeliveredMessage) Append(dst []byte) []byte {
	dst = appendType(dst, m.ResponseType())
	dst = appendString(dst, "code", string(m.Code))
	dst = appendString(dst, "messageType", m.MessageType.String())
	dst = appendOptional(dst, "targetUserId", m.TargetUserID)
	dst = appendBool(dst, "retryable", m.Retryable)
	return appendRef(appendInt(dst, "timestamp", m.Timestamp), m.Ref)
}

func (m ErrorMessage) Append(dst []byte) []byte {
	dst = appendType(dst, m.ResponseType())
	dst = appendString(dst, "code", string(m.Code))
	dst = appendString(dst, "error", m.Error)
	dst = appendOptional(dst, "details", m.Details)
	dst = appendBool(dst, "retryable", m.Retryable)
	return appendRef(appendInt(dst, "timestamp", m.Timestamp), m.Ref)
}

func (m PongMessage) Append(dst []byte) []byte {
	return append(appendInt(appendType(dst, m.ResponseType()), "timestamp", m.Timestamp), '}')
}

func openResponse(dst []byte, name, roomID, userID string, timestamp int64) []byte {
	dst = appendType(dst, name)
	dst = appendString(dst, "roomId", roomID)
	dst = appendString(dst, "userId", userID)
	return appendInt(dst, "timestamp", timestamp)
}
