package edge

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
)

const (
	// maxInvites bounds the invites of one request.
	maxInvites = 100
	// The default and the longest time for which a room waits for the first person, and for which
	// an invite is good.
	defaultWait, maxWait     = time.Hour, 7 * 24 * time.Hour
	defaultInvite, maxInvite = 24 * time.Hour, 30 * 24 * time.Hour
)

// newRoom is the body of POST /rooms. What is missing has a default.
type newRoom struct {
	RoomID string `json:"roomId"`
	// RoomName is what the room is called.
	RoomName    string `json:"roomName"`
	ControlMode string `json:"controlMode"`
	// WaitMs is how long the room waits for the first person.
	WaitMs  int64       `json:"waitMs"`
	Invites []newInvite `json:"invites"`
}

type newInvite struct {
	// Role is what the invited person gets, "" for what the room decides.
	Role string `json:"role"`
	// ExpiresMs is how long the invite is good.
	ExpiresMs int64 `json:"expiresMs"`
	// Once: for one person.
	Once bool `json:"once"`
}

// createdRoom is the response.
type createdRoom struct {
	RoomID       string          `json:"roomId"`
	CreatedAt    int64           `json:"createdAt"`
	AwaitedUntil int64           `json:"awaitedUntil"`
	Invites      []createdInvite `json:"invites"`
}

type createdInvite struct {
	Role      string `json:"role,omitempty"`
	Once      bool   `json:"once"`
	ExpiresAt int64  `json:"expiresAt"`
	Invite    string `json:"invite"`
	// URL opens the page, if this server serves it.
	URL string `json:"url"`
}

// createRoom is POST /rooms: a program with an API key creates a room ahead of its people.
func (e *Edge) createRoom(w http.ResponseWriter, r *http.Request) {
	key, _ := bearer(r)
	name := e.config.Auth.APIKey(key)
	if name == "" {
		writeError(w, r, protocol.CodeInvalidAPIKey, "")
		return
	}
	var body newRoom
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil {
		writeError(w, r, protocol.CodeInvalidMessage, "the body is no JSON object of a room, or has an unknown field")
		return
	}
	arrangement, invites, refusal, details := body.check(time.Now())
	if refusal != "" {
		writeError(w, r, refusal, details)
		return
	}
	created := createdRoom{RoomID: body.RoomID, AwaitedUntil: arrangement.AwaitedUntilMs, Invites: make([]createdInvite, len(invites))}
	if created.CreatedAt, refusal = e.config.Rooms.Create(r.Context(), body.RoomID, arrangement); refusal != "" {
		writeError(w, r, refusal, "")
		return
	}
	for i, invite := range invites {
		invite.RoomSinceMs = created.CreatedAt
		text := e.config.Auth.Invite(invite)
		created.Invites[i] = createdInvite{
			Role: body.Invites[i].Role, Once: invite.Once, ExpiresAt: invite.UntilMs, Invite: text, URL: e.linkTo(r, body.RoomID, text),
		}
	}
	e.log.Info("room created", "apiKey", name, "invites", len(invites), "requestId", requestID(r))
	writeJSON(w, http.StatusCreated, created)
}

// check fills in what is missing, and returns what is to be created, or why it cannot be.
func (n *newRoom) check(now time.Time) (a room.Arrangement, invites []auth.Invite, refusal protocol.Code, details string) {
	if n.RoomID == "" {
		n.RoomID = newRoomID()
	}
	if !protocol.ValidRoomID(n.RoomID) {
		return a, nil, protocol.CodeInvalidRoomID, ""
	}
	malformed := func(field string) (room.Arrangement, []auth.Invite, protocol.Code, string) {
		return a, nil, protocol.CodeInvalidMessage, field + " is malformed or out of its bounds"
	}
	if n.RoomName != "" {
		var ok bool
		if a.Name, ok = protocol.TrimName(n.RoomName, protocol.MaxJoinNameUnits); !ok {
			return malformed("roomName")
		}
	}
	switch n.ControlMode {
	case "", protocol.HostOnly.String():
	case protocol.FreeForAll.String():
		a.Mode = protocol.FreeForAll
	default:
		return malformed("controlMode")
	}
	wait, ok := span(n.WaitMs, defaultWait, maxWait)
	if !ok {
		return malformed("waitMs")
	}
	a.AwaitedUntilMs = now.Add(wait).UnixMilli()
	if len(n.Invites) > maxInvites {
		return malformed("invites")
	}
	for _, i := range n.Invites {
		life, ok := span(i.ExpiresMs, defaultInvite, maxInvite)
		if !ok {
			return malformed("expiresMs")
		}
		invite := auth.Invite{RoomID: n.RoomID, UntilMs: now.Add(life).UnixMilli(), Once: i.Once}
		if invite.HasRole = i.Role != ""; invite.HasRole && invite.Role.UnmarshalText([]byte(i.Role)) != nil {
			return malformed("role")
		}
		invites = append(invites, invite)
	}
	return a, invites, "", ""
}

// span returns a time in ms that may be missing, and false if it is out of its bounds.
func span(ms int64, missing, longest time.Duration) (time.Duration, bool) {
	if ms == 0 {
		return missing, true
	}
	return time.Duration(ms) * time.Millisecond, ms >= time.Second.Milliseconds() && ms <= longest.Milliseconds()
}

// newRoomID returns an id that cannot be guessed.
func newRoomID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// linkTo returns the address of the page with an invite. It is in the fragment, which browsers do
// not send: no log of a server or proxy has it.
func (e *Edge) linkTo(r *http.Request, roomID, invite string) string {
	link := url.URL{Scheme: "http", Host: r.Host, Path: "/", Fragment: roomID}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" && inNetworks(e.config.TrustedProxies, remoteAddress(r)) {
		link.Scheme = "https"
	}
	return link.String() + "?invite=" + url.QueryEscape(invite)
}
