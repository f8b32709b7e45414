package protocol

// Type says what a client's message is. The zero value is no message.
type Type uint8

// The types that a client may send. The first group are SignalingMessages,
// the second SyncMessages, the third the older SyncMessages.
const (
	CreateRoom Type = iota + 1
	JoinRoom
	LeaveRoom
	RenameRoom
	RenameUser
	TransferHost
	WebRTCOffer
	WebRTCAnswer
	WebRTCIceCandidate
	Ping
	Pong

	HostStateUpdate
	UnifiedSync
	ControlModeChange
	HostNavigate

	// ClientRequestPlay asks the host to play. In HOST_ONLY forwarded to the host alone. Changes no state.
	ClientRequestPlay
	// ClientRequestPause asks the host to pause, likewise.
	ClientRequestPause
	// ClientRequestSeek asks the host to seek, likewise.
	ClientRequestSeek
	// DirectPlay plays at once. Forwarded.
	DirectPlay
	// DirectPause pauses at once. Forwarded.
	DirectPause
	// DirectSeek seeks at once. Forwarded.
	DirectSeek

	// Types is one more than the last type, the length of a table indexed by Type.
	Types
)

var typeNames = [Types]string{
	CreateRoom:         "CREATE_ROOM",
	JoinRoom:           "JOIN_ROOM",
	LeaveRoom:          "LEAVE_ROOM",
	RenameRoom:         "RENAME_ROOM",
	RenameUser:         "RENAME_USER",
	TransferHost:       "TRANSFER_HOST",
	WebRTCOffer:        "WEBRTC_OFFER",
	WebRTCAnswer:       "WEBRTC_ANSWER",
	WebRTCIceCandidate: "WEBRTC_ICE_CANDIDATE",
	Ping:               "PING",
	Pong:               "PONG",
	HostStateUpdate:    "HOST_STATE_UPDATE",
	UnifiedSync:        "UNIFIED_SYNC",
	ControlModeChange:  "CONTROL_MODE_CHANGE",
	HostNavigate:       "HOST_NAVIGATE",
	ClientRequestPlay:  "CLIENT_REQUEST_PLAY",
	ClientRequestPause: "CLIENT_REQUEST_PAUSE",
	ClientRequestSeek:  "CLIENT_REQUEST_SEEK",
	DirectPlay:         "DIRECT_PLAY",
	DirectPause:        "DIRECT_PAUSE",
	DirectSeek:         "DIRECT_SEEK",
}

// String returns the type's name on the wire, "" for no type.
func (t Type) String() string {
	if t >= Types {
		return ""
	}
	return typeNames[t]
}

// Relayed reports whether the type is for other participants rather than for
// the room: what cannot be relayed is answered by UNDELIVERED, what is refused by ERROR.
func (t Type) Relayed() bool {
	return t >= WebRTCOffer && t <= WebRTCIceCandidate || t >= HostStateUpdate && t != ControlModeChange
}

// Request reports whether the type asks the room for something: all but what
// is relayed, PING and PONG.
func (t Type) Request() bool { return t != 0 && t < Types && !t.Relayed() && t != Ping && t != Pong }

// takesRef reports whether the type may carry a ref: a request that is not passed on to
// others. In all else a ref is an unknown field.
func (t Type) takesRef() bool { return t.Request() && t != ControlModeChange }

// typeOf returns the type of a name on the wire, 0 for an unknown one. A
// switch, because the compiler makes it a search by length that does not allocate.
func typeOf(name []byte) Type {
	switch string(name) {
	case "CREATE_ROOM":
		return CreateRoom
	case "JOIN_ROOM":
		return JoinRoom
	case "LEAVE_ROOM":
		return LeaveRoom
	case "RENAME_ROOM":
		return RenameRoom
	case "RENAME_USER":
		return RenameUser
	case "TRANSFER_HOST":
		return TransferHost
	case "WEBRTC_OFFER":
		return WebRTCOffer
	case "WEBRTC_ANSWER":
		return WebRTCAnswer
	case "WEBRTC_ICE_CANDIDATE":
		return WebRTCIceCandidate
	case "PING":
		return Ping
	case "PONG":
		return Pong
	case "HOST_STATE_UPDATE":
		return HostStateUpdate
	case "UNIFIED_SYNC":
		return UnifiedSync
	case "CONTROL_MODE_CHANGE":
		return ControlModeChange
	case "HOST_NAVIGATE":
		return HostNavigate
	case "CLIENT_REQUEST_PLAY":
		return ClientRequestPlay
	case "CLIENT_REQUEST_PAUSE":
		return ClientRequestPause
	case "CLIENT_REQUEST_SEEK":
		return ClientRequestSeek
	case "DIRECT_PLAY":
		return DirectPlay
	case "DIRECT_PAUSE":
		return DirectPause
	case "DIRECT_SEEK":
		return DirectSeek
	}
	return 0
}

// ControlMode says who controls playback in a room.
type ControlMode uint8

// The control modes. The zero value is the mode of a new room.
const (
	HostOnly ControlMode = iota
	FreeForAll
)

// String returns the mode's name on the wire.
func (m ControlMode) String() string {
	if m == FreeForAll {
		return "FREE_FOR_ALL"
	}
	return "HOST_ONLY"
}

// Playback is what a SyncMessage does to the video.
type Playback uint8

// The effects on playback. Seek changes the position alone.
const (
	Seek Playback = iota
	Play
	Pause
)
