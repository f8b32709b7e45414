package protocol

// Type is the type of a client's message. The zero value is no message.
type Type uint8

// The types that a client may send. The first group are SignalingMessages, the second SyncMessages,
// the third the older SyncMessages. Each has a row in the table below.
const (
	CreateRoom Type = iota + 1
	JoinRoom
	LeaveRoom
	RenameRoom
	RenameUser
	TransferHost
	SetRole
	KickUser
	UnbanUser
	ListBans
	RenewAuth
	SetDoor
	Admit
	Deny
	WebRTCOffer
	WebRTCAnswer
	WebRTCIceCandidate
	ReportPath
	Ping
	Pong

	HostStateUpdate
	UnifiedSync
	ControlModeChange
	HostNavigate

	// ClientRequestPlay asks the host to play. In HOST_ONLY forwarded only to the host. Changes
	// no state.
	ClientRequestPlay
	// ClientRequestPause asks the host to pause, in the same way.
	ClientRequestPause
	// ClientRequestSeek asks the host to seek, in the same way.
	ClientRequestSeek
	// DirectPlay plays immediately. Forwarded.
	DirectPlay
	// DirectPause pauses immediately. Forwarded.
	DirectPause
	// DirectSeek seeks immediately. Forwarded.
	DirectSeek

	// Types is one more than the last type, the length of a table indexed by Type.
	Types
)

// row is everything about a type except its struct: a new message is a constant, a row here and a
// struct in message.go. Decode, the metrics and the generator read the rows.
type row struct {
	// name is the type on the wire.
	name string
	// union is the one that the message is a member of.
	union union
	// handling says whom the message is for.
	handling handling
	// need and may are the fields that Decode requires, and those that it reads if they are
	// present. The fields that are in neither, and all unknown ones, may hold anything.
	need need
	may  may
	// playback is what the older types do, whose name says it all.
	playback Playback
}

type (
	need []field
	may  []field
)

type union uint8

const (
	signaling union = iota
	syncing
)

// handling is a set.
type handling uint8

const (
	// asks: the room is asked for something, and refuses by ERROR.
	asks handling = 1 << iota
	// passes: it is passed on to other participants. What cannot be delivered bounces by
	// UNDELIVERED.
	passes
)

var rows = [Types]row{
	CreateRoom: {"CREATE_ROOM", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldUserName},
		may{fieldTimestamp, fieldResumeToken, fieldProtocol, fieldRoomName, fieldICETransportPolicy, fieldPasscode, fieldKnockToken, fieldDoor, fieldOwnerToken, fieldKeepMs}, 0},
	JoinRoom: {"JOIN_ROOM", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldUserName},
		may{fieldTimestamp, fieldResumeToken, fieldProtocol, fieldPasscode, fieldKnockToken, fieldOwnerToken, fieldInvite}, 0},
	LeaveRoom: {"LEAVE_ROOM", signaling, asks,
		need{fieldRoomID, fieldUserID}, may{fieldTimestamp}, 0},
	RenameRoom: {"RENAME_ROOM", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldNewRoomName}, may{fieldTimestamp}, 0},
	RenameUser: {"RENAME_USER", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldNewUserName}, may{fieldTimestamp}, 0},
	TransferHost: {"TRANSFER_HOST", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldTargetUserID}, may{fieldTimestamp}, 0},
	SetRole: {"SET_ROLE", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldTargetUserID, fieldRole}, may{fieldTimestamp}, 0},
	KickUser: {"KICK_USER", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldTargetUserID},
		may{fieldTimestamp, fieldBan, fieldReason}, 0},
	UnbanUser: {"UNBAN_USER", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldTargetUserID}, may{fieldTimestamp}, 0},
	ListBans: {"LIST_BANS", signaling, asks,
		need{fieldRoomID, fieldUserID}, may{fieldTimestamp}, 0},
	RenewAuth: {"RENEW_AUTH", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldToken}, may{fieldTimestamp}, 0},
	SetDoor: {"SET_DOOR", signaling, asks,
		need{fieldRoomID, fieldUserID},
		may{fieldTimestamp, fieldEntry, fieldPasscode, fieldMaxPeople, fieldListed}, 0},
	Admit: {"ADMIT", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldTargetUserID}, may{fieldTimestamp}, 0},
	Deny: {"DENY", signaling, asks,
		need{fieldRoomID, fieldUserID, fieldTargetUserID}, may{fieldTimestamp}, 0},
	WebRTCOffer: {"WEBRTC_OFFER", signaling, passes,
		need{fieldRoomID, fieldUserID, fieldTargetUserID, fieldOffer}, may{fieldTimestamp}, 0},
	WebRTCAnswer: {"WEBRTC_ANSWER", signaling, passes,
		need{fieldRoomID, fieldUserID, fieldTargetUserID, fieldAnswer}, may{fieldTimestamp}, 0},
	WebRTCIceCandidate: {"WEBRTC_ICE_CANDIDATE", signaling, passes,
		need{fieldRoomID, fieldUserID, fieldTargetUserID, fieldCandidate}, may{fieldTimestamp}, 0},
	ReportPath: {"PATH_REPORT", signaling, 0,
		need{fieldRoomID, fieldUserID, fieldTargetUserID, fieldPath, fieldHosts, fieldSTUN, fieldTURN},
		may{fieldTimestamp, fieldFamily}, 0},
	Ping: {"PING", signaling, 0, nil, nil, 0},
	Pong: {"PONG", signaling, 0, nil, nil, 0},

	HostStateUpdate: {"HOST_STATE_UPDATE", syncing, passes,
		need{fieldUserID, fieldState, fieldTime},
		may{fieldTimestamp, fieldRoomID, fieldTargetUserID, fieldHostVideoURL}, 0},
	UnifiedSync: {"UNIFIED_SYNC", syncing, passes,
		need{fieldUserID, fieldAction, fieldTime, fieldVideoURL}, syncOptions, 0},
	ControlModeChange: {"CONTROL_MODE_CHANGE", syncing, asks | passes,
		need{fieldUserID, fieldMode}, may{fieldTimestamp, fieldRoomID}, 0},
	HostNavigate: {"HOST_NAVIGATE", syncing, passes,
		need{fieldUserID, fieldURL}, syncOptions, 0},

	ClientRequestPlay:  {"CLIENT_REQUEST_PLAY", syncing, passes, playNeeds, playOptions, Play},
	ClientRequestPause: {"CLIENT_REQUEST_PAUSE", syncing, passes, playNeeds, playOptions, Pause},
	ClientRequestSeek:  {"CLIENT_REQUEST_SEEK", syncing, passes, seekNeeds, syncOptions, Seek},
	DirectPlay:         {"DIRECT_PLAY", syncing, passes, playNeeds, playOptions, Play},
	DirectPause:        {"DIRECT_PAUSE", syncing, passes, playNeeds, playOptions, Pause},
	DirectSeek:         {"DIRECT_SEEK", syncing, passes, seekNeeds, syncOptions, Seek},
}

// What more than one row has.
var (
	syncOptions = may{fieldTimestamp, fieldRoomID, fieldTargetUserID}
	playOptions = may{fieldTimestamp, fieldRoomID, fieldTargetUserID, fieldTime}
	playNeeds   = need{fieldUserID}
	seekNeeds   = need{fieldUserID, fieldTime}
)

// String returns the type's name on the wire, "" for no type.
func (t Type) String() string { return t.row().name }

// row returns an empty one for no type.
func (t Type) row() *row {
	if t >= Types {
		t = 0
	}
	return &rows[t]
}

// Relayed reports whether the type is for other participants rather than for the room: what
// cannot be relayed bounces by UNDELIVERED, what is refused gets an ERROR.
func (t Type) Relayed() bool { return t.row().handling == passes }

// Request reports whether the type asks the room for something: all but what is relayed,
// PATH_REPORT, PING and PONG.
func (t Type) Request() bool { return t.row().handling&asks != 0 }

// Seats reports whether the message asks for a seat.
func (t Type) Seats() bool { return t == CreateRoom || t == JoinRoom }

// PassedOn reports whether other participants get the message as it was sent.
func (t Type) PassedOn() bool { return t.row().handling&passes != 0 }

// takesRef reports whether the type may carry a ref: a request that is not passed on to
// others. In all else a ref is an unknown field.
func (t Type) takesRef() bool { return t.row().handling == asks }

// typeOf returns the type of a name on the wire, 0 for an unknown one.
func typeOf(name []byte) Type {
	if len(name) < len(typesByLength) {
		for _, t := range typesByLength[len(name)] {
			if string(name) == rows[t].name {
				return t
			}
		}
	}
	return 0
}

// typesByLength finds a type in a step or two, because few names have the same length.
var typesByLength = func() (types [32][]Type) {
	for t := Type(1); t < Types; t++ {
		n := len(rows[t].name)
		types[n] = append(types[n], t)
	}
	return types
}()

// ControlMode is who controls playback in a room.
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

// The effects on playback. Seek changes only the position.
const (
	Seek Playback = iota
	Play
	Pause
)
