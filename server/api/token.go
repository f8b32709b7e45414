package api

import (
	"time"

	"usher/protocol"
	"usher/server/auth"
)

// defaultToken and maxToken are how long a token is good.
const defaultToken, maxToken = time.Hour, 30 * 24 * time.Hour

// NewToken is the body of POST /tokens.
type NewToken struct {
	UserID    string   `json:"userId" doc:"Whom the token identifies."`
	UserName  string   `json:"userName,omitempty" doc:"What the others call the user; the user chooses if it is missing."`
	Role      string   `json:"role,omitempty" enum:"VIEWER,GUEST,COHOST,HOST" doc:"The user's role; what the room decides if it is missing."`
	RoomIDs   []string `json:"roomIds,omitempty" doc:"The rooms that the token is for, at most 100; any room if it is missing."`
	MayCreate *bool    `json:"mayCreate,omitempty" doc:"Whether the user may create a room; the server's setting if it is missing."`
	ExpiresMs int64    `json:"expiresMs,omitempty" doc:"How long the token is good, an hour if it is missing, at most 30 days."`
}

// Token is the response.
type Token struct {
	Token     string `json:"token" doc:"The secret: a JSON Web Token."`
	ExpiresAt int64  `json:"expiresAt" doc:"When it expires, in ms."`
}

// maxTokenRooms bounds the rooms of one token.
const maxTokenRooms = 100

// createToken makes a token of an account, if this server has the key for that.
func (a *API) createToken(q *request) (any, *failure) {
	asked := q.body.(*NewToken)
	lasts, ok := span(asked.ExpiresMs, defaultToken, maxToken)
	if !ok {
		return nil, malformed("expiresMs")
	}
	if asked.RoomIDs != nil && len(asked.RoomIDs) == 0 || len(asked.RoomIDs) > maxTokenRooms {
		return nil, malformed("roomIds")
	}
	for _, id := range asked.RoomIDs {
		if !protocol.ValidRoomID(id) {
			return nil, malformed("roomIds")
		}
	}
	if id := []byte(asked.UserID); !protocol.ValidUserID(asked.UserID) || protocol.ReservedUserID(id) {
		return nil, malformed("userId")
	}
	claims := auth.Claims{Name: asked.UserName, Role: asked.Role, Room: asked.RoomIDs, Create: asked.MayCreate}
	claims.Subject = asked.UserID
	expires := claims.Last(time.Now(), lasts)
	if err := claims.Check(); err != nil {
		return nil, &failure{protocol.CodeInvalidMessage, err.Error()}
	}
	token, err := a.config.Auth.Issue(&claims)
	if err != nil {
		return nil, &failure{protocol.CodeNotFound, "this server has no key that signs tokens"}
	}
	q.userID = asked.UserID // for the audit log
	return Token{token, expires.UnixMilli()}, nil
}
