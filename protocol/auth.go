package protocol

// The messages about tokens.

// RenewAuthMessage replaces the token that the connection was opened with by one that lives longer,
// for the same user and room. The reply is AUTH_RENEWED.
type RenewAuthMessage struct {
	BaseSignalingMessage
	Token string `json:"token" format:"auth-token"`
	// Ref comes back in AUTH_RENEWED, and in an ERROR or UNDELIVERED for this request.
	Ref string `json:"ref,omitempty" format:"ref"`
}

// TokenExpiresMessage tells a participant that its token is about to expire: RENEW_AUTH with a new
// one keeps the connection open.
type TokenExpiresMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// ExpiresAt is when the connection is closed with 4007.
	ExpiresAt int64 `json:"expiresAt"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

// AuthRenewedMessage replies to RENEW_AUTH.
type AuthRenewedMessage struct {
	RoomID string `json:"roomId" format:"room-id"`
	// ExpiresAt is when the new token expires.
	ExpiresAt int64 `json:"expiresAt"`
	// Ref is the ref of the request that this replies to.
	Ref string `json:"ref,omitempty" format:"ref"`
	// Timestamp is the server's clock.
	Timestamp int64 `json:"timestamp"`
}

func (m RenewAuthMessage) Append(dst []byte) []byte {
	return appendRef(appendString(m.open(dst, RenewAuth), "token", m.Token), m.Ref)
}

func (m TokenExpiresMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	return append(appendInt(dst, "expiresAt", m.ExpiresAt), '}')
}

func (m AuthRenewedMessage) Append(dst []byte) []byte {
	dst = openResponse(dst, m.ResponseType(), m.RoomID, SystemUserID, m.Timestamp)
	return appendRef(appendInt(dst, "expiresAt", m.ExpiresAt), m.Ref)
}

// authToken reads a token or an invite of a length that one may have.
func authToken(value []byte) ([]byte, bool) {
	text, ok := unquote(value)
	return text, ok && len(text) > 0 && len(text) <= MaxAuthTokenBytes
}
