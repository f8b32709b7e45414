package protocol

// The messages of clients. Each encodes itself with Append; the server reads them with Decode.
//
// TypeScript, the schema and docs/protocol.md are generated from these structs (protocol/generate).
// Their comments are the text there, and what Go's types do not say is in tags: format names a
// bound of limits.go, enum the values of a string.

// BaseSignalingMessage has what every SignalingMessage but PING and PONG carries.
type BaseSignalingMessage struct {
	// RoomID must be that of the connection.
	RoomID string `json:"roomId" format:"room-id"`
	// UserID is chosen by the client, and must be that of the connection's seat once it has one.
	UserID string `json:"userId" format:"user-id"`
	// Timestamp is the client's clock. The server does not need or believe it.
	Timestamp int64 `json:"timestamp"`
}

// CreateRoomMessage makes the room, with the sender as host. On a live room it is a JOIN_ROOM. The
// reply is ROOM_CREATED or ERROR.
type CreateRoomMessage struct {
	BaseSignalingMessage
	UserName string `json:"userName" format:"join-name"`
	// RoomName is made from the room id if it is missing.
	RoomName string `json:"roomName,omitempty" format:"join-name"`
	// ICETransportPolicy is for the life of the room that this makes: with relay, participants do
	// not see each other's addresses. Clients that have not sent `"protocol":1` are refused, and
	// offers, answers and candidates with other candidates than of type relay bounce.
	ICETransportPolicy string `json:"iceTransportPolicy,omitempty" enum:"all,relay"`
	// ResumeToken proves that the sender owns the seat it had.
	ResumeToken string `json:"resumeToken,omitempty"`
	// Protocol is 1 for a client that knows this version of the protocol.
	Protocol int `json:"protocol,omitempty"`
	// OwnerToken makes the sender host of the room that it made, whoever is host now.
	OwnerToken string `json:"ownerToken,omitempty"`
	// KeepMs is how long the room stays when it is empty, at most the server's max-keep. It counts
	// only if this makes the room.
	KeepMs int64 `json:"keepMs,omitempty" format:"keep"`
	// Passcode is for the door of a live room.
	Passcode string `json:"passcode,omitempty" format:"passcode"`
	// KnockToken gives back the place of somebody who knocks.
	KnockToken string `json:"knockToken,omitempty"`
	// Door counts only if this makes the room.
	Door *DoorSettings `json:"door,omitempty"`
	// Ref comes back in the reply, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// JoinRoomMessage takes a seat: a new one, or one's own again. The reply is ROOM_JOINED or ERROR.
type JoinRoomMessage struct {
	BaseSignalingMessage
	UserName string `json:"userName" format:"join-name"`
	// ResumeToken proves that the sender owns the seat it had.
	ResumeToken string `json:"resumeToken,omitempty"`
	// Protocol is 1 for a client that knows this version of the protocol.
	Protocol int `json:"protocol,omitempty"`
	// OwnerToken makes the sender host of the room that it made, whoever is host now.
	OwnerToken string `json:"ownerToken,omitempty"`
	// Passcode is for the room's door. A seat that one has needs none.
	Passcode string `json:"passcode,omitempty" format:"passcode"`
	// KnockToken gives back the place of somebody who knocks.
	KnockToken string `json:"knockToken,omitempty"`
	// Invite lets the sender in, with the role that it says. It is for a connection that was opened
	// without a token or ticket.
	Invite string `json:"invite,omitempty" format:"auth-token"`
	// Ref comes back in the reply, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// LeaveRoomMessage ends the seat. The server closes with 1000.
type LeaveRoomMessage struct {
	BaseSignalingMessage
	// Ref comes back in an ERROR for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// RenameRoomMessage renames the room. Host only. The reply is ROOM_RENAMED to all.
type RenameRoomMessage struct {
	BaseSignalingMessage
	NewRoomName string `json:"newRoomName" format:"room-name"`
	// Ref comes back in the sender's ROOM_RENAMED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// RenameUserMessage renames the sender. The reply is USER_RENAMED to all.
type RenameUserMessage struct {
	BaseSignalingMessage
	NewUserName string `json:"newUserName" format:"user-name"`
	// Ref comes back in the sender's USER_RENAMED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// TransferHostMessage makes another connected participant host, whose client sent `"protocol":1`,
// and the sender a guest. Host only. The reply is HOST_CHANGED to all.
type TransferHostMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	// Ref comes back in the sender's HOST_CHANGED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// SetRoleMessage gives another participant a role; HOST is given by TRANSFER_HOST. Host only.
// The reply is ROLE_CHANGED to all.
type SetRoleMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	Role         string `json:"role" enum:"COHOST,GUEST,VIEWER"`
	// Ref comes back in the sender's ROLE_CHANGED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// SessionDescription is the W3C's RTCSessionDescriptionInit. The server looks into it only in
// a room whose iceTransportPolicy is relay.
type SessionDescription struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// IceCandidate is the W3C's RTCIceCandidateInit. The server looks into it only in a room whose
// iceTransportPolicy is relay.
type IceCandidate struct {
	Candidate     string `json:"candidate"`
	SDPMid        string `json:"sdpMid"`
	SDPMLineIndex int    `json:"sdpMLineIndex"`
}

// WebRTCOfferMessage carries an offer to one participant. Forwarded to the target, byte for byte.
type WebRTCOfferMessage struct {
	BaseSignalingMessage
	TargetUserID string             `json:"targetUserId" format:"user-id"`
	Offer        SessionDescription `json:"offer"`
}

// WebRTCAnswerMessage carries an answer to one participant. Forwarded in the same way.
type WebRTCAnswerMessage struct {
	BaseSignalingMessage
	TargetUserID string             `json:"targetUserId" format:"user-id"`
	Answer       SessionDescription `json:"answer"`
}

// WebRTCIceCandidateMessage carries a candidate to one participant. Forwarded in the same way.
type WebRTCIceCandidateMessage struct {
	BaseSignalingMessage
	TargetUserID string       `json:"targetUserId" format:"user-id"`
	Candidate    IceCandidate `json:"candidate"`
}

// PingMessage keeps the connection alive. Answered by PONG. Send exactly `{"type":"PING"}`: on
// Cloudflare that does not wake a sleeping room.
type PingMessage struct {
	// Timestamp is the client's clock. The server does not need or believe it.
	Timestamp int64 `json:"timestamp,omitempty"`
}

// BaseSyncMessage has what every SyncMessage carries.
type BaseSyncMessage struct {
	// RoomID is optional, but must be that of the connection.
	RoomID string `json:"roomId,omitempty" format:"room-id"`
	// UserID must be that of the connection's seat.
	UserID string `json:"userId" format:"user-id"`
	// TargetUserID is for a message to only one participant; otherwise it goes to all others who
	// are connected. The sender's own id sends it only to the room. CONTROL_MODE_CHANGE goes to
	// all others in any case.
	TargetUserID string `json:"targetUserId,omitempty" format:"user-id"`
	// Timestamp is the client's clock. The server does not need or believe it.
	Timestamp int64 `json:"timestamp"`
}

// HostStateUpdateMessage reports where the video is. Forwarded.
type HostStateUpdateMessage struct {
	BaseSyncMessage
	State string `json:"state" enum:"PLAYING,PAUSED"`
	// Time is the position in seconds.
	Time float64 `json:"time" format:"seconds"`
	// HostVideoURL is the address of the video.
	HostVideoURL string `json:"hostVideoUrl,omitempty" format:"url"`
}

// UnifiedSyncMessage plays, pauses or seeks for everybody. Forwarded.
type UnifiedSyncMessage struct {
	BaseSyncMessage
	Action string `json:"action" enum:"PLAY,PAUSE,SEEK"`
	// Time is the position in seconds.
	Time float64 `json:"time" format:"seconds"`
	// VideoURL is the address of the video.
	VideoURL string `json:"videoUrl" format:"url"`
}

// ControlModeChangeMessage sets who controls playback. Host only. Stored, and forwarded to all
// others.
type ControlModeChangeMessage struct {
	BaseSyncMessage
	Mode string `json:"mode" enum:"HOST_ONLY,FREE_FOR_ALL"`
}

// HostNavigateMessage takes everybody to another page. Forwarded.
type HostNavigateMessage struct {
	BaseSyncMessage
	// URL is the address of the page.
	URL string `json:"url" format:"url"`
}

// PlaybackMessage is one of the older CLIENT_REQUEST_PLAY, _PAUSE, _SEEK, which ask the host, and
// DIRECT_PLAY, _PAUSE, _SEEK, which act at once.
type PlaybackMessage struct {
	BaseSyncMessage
	// Type is one of the six.
	Type Type `json:"type"`
	// Time is the position in seconds; only a seek must have it.
	Time *float64 `json:"time,omitempty" format:"seconds"`
}

// A ClientMessage is a member of one of the unions that clients send.
type ClientMessage interface {
	// Append encodes the message as one JSON object at the end of dst.
	Append(dst []byte) []byte
}

// messages has one of each type's struct. It is not a column of the rows, because then a program
// that only decodes, as the Wasm module does, would link what encodes them.
var messages = [Types]ClientMessage{
	CreateRoom: CreateRoomMessage{}, JoinRoom: JoinRoomMessage{}, LeaveRoom: LeaveRoomMessage{},
	RenameRoom: RenameRoomMessage{}, RenameUser: RenameUserMessage{}, TransferHost: TransferHostMessage{}, SetRole: SetRoleMessage{},
	KickUser: KickUserMessage{}, UnbanUser: UnbanUserMessage{}, ListBans: ListBansMessage{}, RenewAuth: RenewAuthMessage{},
	SetDoor: SetDoorMessage{}, Admit: AdmitMessage{}, Deny: DenyMessage{},
	WebRTCOffer: WebRTCOfferMessage{}, WebRTCAnswer: WebRTCAnswerMessage{}, WebRTCIceCandidate: WebRTCIceCandidateMessage{},
	ReportPath: PathReportMessage{}, Ping: PingMessage{}, Pong: PongMessage{},

	HostStateUpdate: HostStateUpdateMessage{}, UnifiedSync: UnifiedSyncMessage{},
	ControlModeChange: ControlModeChangeMessage{}, HostNavigate: HostNavigateMessage{},

	ClientRequestPlay:  PlaybackMessage{Type: ClientRequestPlay},
	ClientRequestPause: PlaybackMessage{Type: ClientRequestPause},
	ClientRequestSeek:  PlaybackMessage{Type: ClientRequestSeek},
	DirectPlay:         PlaybackMessage{Type: DirectPlay},
	DirectPause:        PlaybackMessage{Type: DirectPause},
	DirectSeek:         PlaybackMessage{Type: DirectSeek},
}

// SignalingMessages returns one of each SignalingMessage, in the order of Type.
func SignalingMessages() []ClientMessage { return messagesOf(signaling) }

// SyncMessages returns one of each SyncMessage, in the order of Type.
func SyncMessages() []ClientMessage { return messagesOf(syncing) }

func messagesOf(u union) (members []ClientMessage) {
	for t := Type(1); t < Types; t++ {
		if rows[t].union == u {
			members = append(members, messages[t])
		}
	}
	return members
}

// Append implements ClientMessage.
func (m CreateRoomMessage) Append(dst []byte) []byte {
	dst = m.open(dst, CreateRoom)
	dst = appendString(dst, "userName", m.UserName)
	dst = appendOptional(dst, "roomName", m.RoomName)
	dst = appendOptional(dst, "iceTransportPolicy", m.ICETransportPolicy)
	dst = appendOptional(dst, "resumeToken", m.ResumeToken)
	dst = appendOptional(dst, "ownerToken", m.OwnerToken)
	dst = appendPositive(dst, "keepMs", m.KeepMs)
	dst = appendOptional(appendProtocol(dst, m.Protocol), "passcode", m.Passcode)
	return appendRef(appendDoor(appendOptional(dst, "knockToken", m.KnockToken), m.Door), m.Ref)
}

func (m JoinRoomMessage) Append(dst []byte) []byte {
	dst = m.open(dst, JoinRoom)
	dst = appendString(dst, "userName", m.UserName)
	dst = appendOptional(dst, "resumeToken", m.ResumeToken)
	dst = appendOptional(dst, "ownerToken", m.OwnerToken)
	dst = appendOptional(appendProtocol(dst, m.Protocol), "passcode", m.Passcode)
	return appendRef(appendOptional(appendOptional(dst, "knockToken", m.KnockToken), "invite", m.Invite), m.Ref)
}

func (m LeaveRoomMessage) Append(dst []byte) []byte { return appendRef(m.open(dst, LeaveRoom), m.Ref) }

func (m RenameRoomMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, RenameRoom), "newRoomName", m.NewRoomName), m.Ref)
}

func (m RenameUserMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, RenameUser), "newUserName", m.NewUserName), m.Ref)
}

func (m TransferHostMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, TransferHost), "targetUserId", m.TargetUserID), m.Ref)
}

func (m SetRoleMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, SetRole), "targetUserId", m.TargetUserID)
	return appendRef(appendString(dst, "role", m.Role), m.Ref)
}

func (m WebRTCOfferMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, WebRTCOffer), "targetUserId", m.TargetUserID)
	return append(m.Offer.append(dst, "offer"), '}')
}

func (m WebRTCAnswerMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, WebRTCAnswer), "targetUserId", m.TargetUserID)
	return append(m.Answer.append(dst, "answer"), '}')
}

func (m WebRTCIceCandidateMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, WebRTCIceCandidate), "targetUserId", m.TargetUserID)
	dst = append(dst, `,"candidate":{"candidate":`...)
	dst = appendQuoted(dst, m.Candidate.Candidate)
	dst = appendString(dst, "sdpMid", m.Candidate.SDPMid)
	return append(appendInt(dst, "sdpMLineIndex", int64(m.Candidate.SDPMLineIndex)), "}}"...)
}

func (m PingMessage) Append(dst []byte) []byte {
	dst = appendType(dst, "PING")
	if m.Timestamp != 0 {
		dst = appendInt(dst, "timestamp", m.Timestamp)
	}
	return append(dst, '}')
}

func (m HostStateUpdateMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, HostStateUpdate), "state", m.State)
	dst = appendFloat(dst, "time", m.Time)
	return append(appendOptional(dst, "hostVideoUrl", m.HostVideoURL), '}')
}

func (m UnifiedSyncMessage) Append(dst []byte) []byte {
	dst = appendString(m.open(dst, UnifiedSync), "action", m.Action)
	dst = appendFloat(dst, "time", m.Time)
	return append(appendString(dst, "videoUrl", m.VideoURL), '}')
}

func (m ControlModeChangeMessage) Append(dst []byte) []byte {
	return append(appendString(m.open(dst, ControlModeChange), "mode", m.Mode), '}')
}

func (m HostNavigateMessage) Append(dst []byte) []byte {
	return append(appendString(m.open(dst, HostNavigate), "url", m.URL), '}')
}

func (m PlaybackMessage) Append(dst []byte) []byte {
	dst = m.open(dst, m.Type)
	if m.Time != nil {
		dst = appendFloat(dst, "time", *m.Time)
	}
	return append(dst, '}')
}

func (m BaseSignalingMessage) open(dst []byte, t Type) []byte {
	dst = appendType(dst, t.String())
	dst = appendString(dst, "roomId", m.RoomID)
	dst = appendString(dst, "userId", m.UserID)
	return appendInt(dst, "timestamp", m.Timestamp)
}

func (m BaseSyncMessage) open(dst []byte, t Type) []byte {
	dst = appendType(dst, t.String())
	dst = appendOptional(dst, "roomId", m.RoomID)
	dst = appendString(dst, "userId", m.UserID)
	dst = appendOptional(dst, "targetUserId", m.TargetUserID)
	return appendInt(dst, "timestamp", m.Timestamp)
}

func (d SessionDescription) append(dst []byte, name string) []byte {
	dst = append(appendName(dst, name), `{"type":`...)
	dst = appendQuoted(dst, d.Type)
	return append(appendString(dst, "sdp", d.SDP), '}')
}

func appendProtocol(dst []byte, version int) []byte {
	if version != 0 {
		dst = appendInt(dst, "protocol", int64(version))
	}
	return dst
}

// appendRef ends a message that may carry a ref.
func appendRef(dst []byte, ref string) []byte {
	return append(appendOptional(dst, "ref", ref), '}')
}
