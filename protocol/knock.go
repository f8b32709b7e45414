package protocol

// AdmitMessage lets somebody in who knocks. Host and cohosts. The reply is KNOCK_ENDED to the host
// and all cohosts. An ADMIT for somebody who is away stands until the knock's deadline.
type AdmitMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	// Ref comes back in the sender's KNOCK_ENDED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// DenyMessage turns somebody away who knocks. Host and cohosts. The reply is KNOCK_ENDED to the
// host and all cohosts.
type DenyMessage struct {
	BaseSignalingMessage
	TargetUserID string `json:"targetUserId" format:"user-id"`
	// Ref comes back in the sender's KNOCK_ENDED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// KnockingMessage is the first reply to CREATE_ROOM or JOIN_ROOM at a door where people knock:
// wait, and send PINGs. ROOM_CREATED, ROOM_JOINED or ERROR follows when somebody has decided.
type KnockingMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// UserID is the sender's.
	UserID string `json:"userId" format:"user-id"`
	// Position is the place among those who knock, from 1. Another KNOCKING follows when it
	// changes.
	Position int `json:"position"`
	// KnockToken is a secret that gives the place back after a lost connection, in JOIN_ROOM. It is
	// only in the reply that makes the place.
	KnockToken string `json:"knockToken,omitempty"`
	// ExpiresAt is when the knock ends if nobody answers it, by the server's clock.
	ExpiresAt int64 `json:"expiresAt"`
	// PingIntervalMs is how often the client should send PING.
	PingIntervalMs int64 `json:"pingIntervalMs"`
	// Ref is the ref of the request that this replies to.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// KnockMessage tells the host and the cohosts that somebody knocks, and each of them on its return
// or when it gets the role of everybody who does: reply with ADMIT or DENY.
type KnockMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// KnockerID is the user id of whoever knocks.
	KnockerID string `json:"knockerId" format:"user-id"`
	UserName  string `json:"userName"`
	// ExpiresAt is when the knock ends if nobody answers it, by the server's clock.
	ExpiresAt int64 `json:"expiresAt"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// KnockEndedMessage tells the host and the cohosts that somebody knocks no longer.
type KnockEndedMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// KnockerID is the user id of whoever knocked.
	KnockerID string `json:"knockerId" format:"user-id"`
	// Outcome says why.
	Outcome KnockOutcome `json:"outcome"`
	// Ref is the ref of the request that this replies to, only in its sender's copy.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// KnockOutcome is how a knock ended.
type KnockOutcome uint8

// The outcomes.
const (
	KnockAdmitted KnockOutcome = iota
	KnockDenied
	// KnockWithdrawn: whoever knocked left, or the door was locked or somebody was banned.
	KnockWithdrawn
	KnockExpired
)

var outcomeNames = [...]string{KnockAdmitted: "ADMITTED", KnockDenied: "DENIED", KnockWithdrawn: "WITHDRAWN", KnockExpired: "EXPIRED"}

// String returns the outcome's name on the wire.
func (o KnockOutcome) String() string { return outcomeNames[o] }

// Append implements ClientMessage.
func (m AdmitMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, Admit), "targetUserId", m.TargetUserID), m.Ref)
}

func (m DenyMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, Deny), "targetUserId", m.TargetUserID), m.Ref)
}

// ResponseType implements ResponseMessage.
func (KnockingMessage) ResponseType() string   { return "KNOCKING" }
func (KnockMessage) ResponseType() string      { return "KNOCK" }
func (KnockEndedMessage) ResponseType() string { return "KNOCK_ENDED" }

// Append implements ResponseMessage.
func (m KnockingMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, m.UserID, m.Timestamp)
	dst = appendInt(dst, "position", int64(m.Position))
	dst = appendOptional(dst, "knockToken", m.KnockToken)
	dst = appendInt(dst, "expiresAt", m.ExpiresAt)
	return appendRef(appendInt(dst, "pingIntervalMs", m.PingIntervalMs), m.Ref)
}

func (m KnockMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "knockerId", m.KnockerID)
	dst = appendString(dst, "userName", m.UserName)
	return append(appendInt(dst, "expiresAt", m.ExpiresAt), '}')
}

func (m KnockEndedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	dst = appendString(dst, "knockerId", m.KnockerID)
	return appendRef(appendString(dst, "outcome", m.Outcome.String()), m.Ref)
}
