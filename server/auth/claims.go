package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"usher/protocol"
	"usher/room"
)

// Claims are what a token says about its user, beside the registered claims iss, aud, exp and nbf
// (RFC 7519, section 4.1).
type Claims struct {
	jwt.Claims
	// Name is what the others call the user, who cannot change it then.
	Name string `json:"name,omitempty"`
	// Room is the room that the token is for, or a list of them; absent for any.
	Room rooms `json:"room,omitempty"`
	// Role is HOST, COHOST, GUEST or VIEWER; absent for what the room decides.
	Role string `json:"role,omitempty"`
	// Create: the user may create the room; absent for the server's setting.
	Create *bool `json:"create,omitempty"`
}

// rooms is one room id or a list of them.
type rooms []string

// UnmarshalJSON implements json.Unmarshaler.
func (r *rooms) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		*r = make(rooms, 1)
		return json.Unmarshal(text, &(*r)[0])
	}
	return json.Unmarshal(text, (*[]string)(r))
}

// MarshalJSON implements json.Marshaler.
func (r rooms) MarshalJSON() ([]byte, error) {
	if len(r) == 1 {
		return json.Marshal(r[0])
	}
	return json.Marshal([]string(r))
}

// covers reports whether a token is for a room. One with an empty list is for none.
func (r rooms) covers(roomID string) bool { return r == nil || slices.Contains(r, roomID) }

// Last makes the claims good for a while from now on, in whole seconds, and returns when they
// expire.
func (c *Claims) Last(now time.Time, d time.Duration) (expires time.Time) {
	c.IssuedAt, c.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(d))
	return c.Expiry.Time()
}

// Check returns what is wrong with the claims of a token that is to be made.
func (c *Claims) Check() error {
	_, err := c.identity(false, 0)
	return err
}

// identity turns the claims of a verified token into what the core believes.
func (c *Claims) identity(mayCreate bool, leeway time.Duration) (*room.Identity, error) {
	who := &room.Identity{UserID: c.Subject, MayCreate: mayCreate}
	if c.Create != nil {
		who.MayCreate = *c.Create
	}
	if !protocol.ValidUserID(c.Subject) || protocol.ReservedUserID([]byte(c.Subject)) {
		return nil, errors.New("sub is missing or is not a user id: 1 to 64 letters, digits or any of _ . : -")
	}
	if c.Expiry == nil {
		return nil, errors.New("exp is missing")
	}
	who.ExpiresAtMs = c.Expiry.Time().Add(leeway).UnixMilli()
	if c.Name != "" {
		name, ok := protocol.TrimName(protocol.CutName(c.Name, protocol.MaxJoinNameUnits), protocol.MaxJoinNameUnits)
		if !ok {
			return nil, errors.New("name is not one that others can read")
		}
		who.Name = name
	}
	if c.Role != "" {
		if who.Role.UnmarshalText([]byte(c.Role)) != nil {
			return nil, errors.New("role is none of HOST, COHOST, GUEST, VIEWER")
		}
		who.HasRole = true
	}
	return who, nil
}
