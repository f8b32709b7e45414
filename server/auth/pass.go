package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/protocol"
	"usher/room"
)

// TicketLife is how long a ticket is good.
const TicketLife = 30 * time.Second

// Passes makes tickets and invites, and reads them again. They are compact JWS (RFC 7515) with
// HS256, so that any shell can.
type Passes struct {
	ticketKey, inviteKey []byte
	now                  func() time.Time
}

// NewPasses derives the keys from a secret. now may be nil, for time.Now.
func NewPasses(secret [32]byte, now func() time.Time) *Passes {
	if now == nil {
		now = time.Now
	}
	return &Passes{ticketKey: derive(secret, "usher ticket"), inviteKey: derive(secret, "usher invite"), now: now}
}

func derive(secret [32]byte, purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, secret[:], nil, purpose, 32)
	if err != nil {
		panic(err) // only if more is asked for than there is
	}
	return derived
}

// pass is what a ticket or invite says. Times are in ms.
type pass struct {
	Room         string `json:"room"`
	User         string `json:"sub,omitempty"`
	Name         string `json:"name,omitempty"`
	Role         string `json:"role,omitempty"`
	Create       bool   `json:"create,omitempty"`
	ExpiresAtMs  int64  `json:"tokenUntil,omitempty"`
	EnterUntilMs int64  `json:"until"`
	Once         string `json:"once,omitempty"`
	RoomSinceMs  int64  `json:"since,omitempty"`
}

// Ticket makes a ticket for whom a token identifies, for one room. It lets in once.
func (p *Passes) Ticket(roomID string, who *room.Identity) (ticket string, untilMs int64) {
	t := pass{
		Room: roomID, User: who.UserID, Name: who.Name, Create: who.MayCreate, ExpiresAtMs: who.ExpiresAtMs,
		EnterUntilMs: p.now().Add(TicketLife).UnixMilli(), Once: newPassID(),
	}
	if who.HasRole {
		t.Role = who.Role.String()
	}
	return sign(p.ticketKey, &t), t.EnterUntilMs
}

// Invite is what an invite says.
type Invite struct {
	RoomID string
	// RoomSinceMs is when the room was created: the invite is for no later room of its id.
	RoomSinceMs int64
	// Role is what a seat gets, if HasRole is set.
	Role    protocol.Role
	HasRole bool
	UntilMs int64
	// Once: for one person.
	Once bool
}

// Invite makes an invite.
func (p *Passes) Invite(i Invite) string {
	t := pass{Room: i.RoomID, RoomSinceMs: i.RoomSinceMs, EnterUntilMs: i.UntilMs}
	if i.HasRole {
		t.Role = i.Role.String()
	}
	if i.Once {
		t.Once = newPassID()
	}
	return sign(p.inviteKey, &t)
}

// ReadTicket returns whom a ticket identifies. Whether it has been used is for the room to say.
func (p *Passes) ReadTicket(roomID, ticket string) (*room.Identity, *Refusal) {
	t, ok := read(p.ticketKey, ticket)
	switch {
	case !ok:
		return nil, refuse(protocol.CodeInvalidTicket, "it was not issued by this server")
	case t.Room != roomID:
		return nil, refuse(protocol.CodeRoomNotAllowed, "")
	case p.now().UnixMilli() >= t.EnterUntilMs:
		return nil, refuse(protocol.CodeInvalidTicket, "it has expired")
	}
	return t.identity(), nil
}

// ReadInvite returns what an invite says. One that has expired is let through to the room, which
// lets the owner of a seat return with it.
func (p *Passes) ReadInvite(roomID, invite string) (*room.Identity, *Refusal) {
	t, ok := read(p.inviteKey, invite)
	switch {
	case !ok:
		return nil, refuse(protocol.CodeInvalidInvite, "it was not issued by this server, or a part of it is missing")
	case t.Room != roomID:
		return nil, refuse(protocol.CodeInvalidInvite, "it is for another room")
	}
	who := t.identity()
	who.Invited = true
	return who, nil
}

// Expired reports whether an invite no longer lets anybody in.
func (p *Passes) Expired(who *room.Identity) bool {
	return who.EnterUntilMs != 0 && p.now().UnixMilli() >= who.EnterUntilMs
}

func (t *pass) identity() *room.Identity {
	who := &room.Identity{
		UserID: t.User, Name: t.Name, MayCreate: t.Create, ExpiresAtMs: t.ExpiresAtMs,
		EnterUntilMs: t.EnterUntilMs, RoomSinceMs: t.RoomSinceMs,
	}
	if t.Role != "" {
		who.HasRole = who.Role.UnmarshalText([]byte(t.Role)) == nil
	}
	if t.Once != "" {
		id, _ := base64.RawURLEncoding.DecodeString(t.Once)
		copy(who.Once[:], id)
	}
	return who
}

func newPassID() string {
	var id room.PassID
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func sign(key []byte, t *pass) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, nil)
	if err != nil {
		panic(err) // the key is of the right length
	}
	payload, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func read(key []byte, text string) (t pass, ok bool) {
	if len(text) > protocol.MaxAuthTokenBytes || strings.Count(text, ".") != 2 {
		return t, false
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return t, false
	}
	payload, err := signed.Verify(key)
	return t, err == nil && json.Unmarshal(payload, &t) == nil
}
