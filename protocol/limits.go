package protocol

import "bytes"

// The bounds of what a message may carry.
const (
	// MaxFrameBytes bounds one message by default. The largest that a legacy client was seen to
	// send is an offer of 1.4 kB.
	MaxFrameBytes = 64 << 10
	// MinRoomIDBytes is the least length of a room id.
	MinRoomIDBytes = 6
	// MaxRoomIDBytes bounds a room id.
	MaxRoomIDBytes = 50
	// MaxUserIDBytes bounds a user id.
	MaxUserIDBytes = 64
	// MaxRoomNameUnits bounds the name in RENAME_ROOM, in UTF-16 code units, because that is what
	// a browser counts.
	MaxRoomNameUnits = 30
	// MaxUserNameUnits bounds the name in RENAME_USER, in UTF-16 code units.
	MaxUserNameUnits = 20
	// MaxJoinNameUnits bounds the names in CREATE_ROOM and JOIN_ROOM, in UTF-16 code units. The
	// old backend never checked them, so a name that a client has stored must still be accepted.
	MaxJoinNameUnits = 64
	// MinPasscodeLength is the least length of a passcode, in characters (Unicode code points).
	MinPasscodeLength = 4
	// MaxPasscodeLength bounds a passcode, in characters.
	MaxPasscodeLength = 128
	// MaxRoomPeople is the most seats that a server may give a room.
	MaxRoomPeople = 250
	// MaxReasonUnits bounds the reason in KICK_USER, in UTF-16 code units.
	MaxReasonUnits = 200
	// MaxBans is how many bans a room keeps. One more lifts the oldest.
	MaxBans = 200
	// MaxKeepMs bounds the keepMs of CREATE_ROOM: a year. A server keeps a room for at most its own
	// max-keep.
	MaxKeepMs = 365 * 24 * 60 * 60 * 1000
	// MaxURLBytes bounds the address of a page or video.
	MaxURLBytes = 2048
	// MaxRefBytes bounds the ref of a request.
	MaxRefBytes = 36
	// MaxAuthTokenBytes bounds a JSON Web Token, a ticket and an invite.
	MaxAuthTokenBytes = 8 << 10
	// TokenBytes is the size of a resume token before its base64url encoding.
	TokenBytes = 16
)

// The iceTransportPolicy of a room, as the W3C names it: in a room of PolicyRelay participants
// reach each other through TURN servers only.
const (
	PolicyAll   = "all"
	PolicyRelay = "relay"
)

// Version is the number that new clients send as "protocol" in CREATE_ROOM and JOIN_ROOM.
const Version = 1

const (
	// PingFrame is the PING that a platform may answer with PongFrame on behalf of a room that it
	// has dropped from memory, if it has to be the same bytes every time.
	PingFrame = `{"type":"PING"}`
	// AuthSubprotocol is the subprotocol that a client offers beside its token, and that the server
	// selects.
	AuthSubprotocol = "usher.1"
	// TokenSubprotocolPrefix begins the subprotocol that ends in a token.
	TokenSubprotocolPrefix = "usher.jwt."
	// PongFrame is the PONG for it. Its timestamp is 0, because no clock was read.
	PongFrame = `{"type":"PONG","timestamp":0}`
)

// ValidRoomID reports whether s is a well-formed room id.
func ValidRoomID[S string | []byte](s S) bool {
	if len(s) < MinRoomIDBytes || len(s) > MaxRoomIDBytes {
		return false
	}
	for i := range len(s) {
		if !idByte[s[i]] || s[i] == '.' || s[i] == ':' {
			return false
		}
	}
	return true
}

// ValidRef reports whether s is a well-formed ref.
func ValidRef[S string | []byte](s S) bool {
	if len(s) == 0 || len(s) > MaxRefBytes {
		return false
	}
	for i := range len(s) {
		if !idByte[s[i]] || s[i] == '.' || s[i] == ':' {
			return false
		}
	}
	return true
}

// ValidUserID reports whether s is a well-formed user id.
func ValidUserID[S string | []byte](s S) bool {
	if len(s) == 0 || len(s) > MaxUserIDBytes {
		return false
	}
	for i := range len(s) {
		if !idByte[s[i]] {
			return false
		}
	}
	return true
}

// ServerUserIDs are the user ids that people would take for the server.
var ServerUserIDs = []string{SystemUserID, "server", "usher"}

// ReservedUserID reports whether a well-formed user id could be confused with the server: it is one
// of ServerUserIDs in any letter case, with or without punctuation around it. Nobody may join under
// such an id.
func ReservedUserID(id []byte) bool {
	id = bytes.ToLower(bytes.Trim(id, "_.:-"))
	for _, reserved := range ServerUserIDs {
		if string(id) == reserved {
			return true
		}
	}
	return false
}

// idByte marks the bytes of user ids; room ids and refs have all of them but . and :
var idByte = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:") {
		set[c] = true
	}
	return set
}()
