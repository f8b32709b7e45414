package api

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
	"usher/server/edge"
)

const (
	// maxInvites bounds the invites of one request.
	maxInvites = 100
	// The default and the longest time for which a room waits for the first person, and for which
	// an invite is good.
	defaultWait, maxWait     = time.Hour, 7 * 24 * time.Hour
	defaultInvite, maxInvite = 24 * time.Hour, 30 * 24 * time.Hour
)

// NewRoom is the body of POST /rooms. What is missing has a default.
type NewRoom struct {
	RoomID      string   `json:"roomId,omitempty" doc:"The id; one that cannot be guessed if it is missing." pattern:"^[A-Za-z0-9_-]{6,50}$"`
	RoomName    string   `json:"roomName,omitempty" doc:"What the room is called."`
	ControlMode string   `json:"controlMode,omitempty" enum:"HOST_ONLY,FREE_FOR_ALL" doc:"Who may control playback. HOST_ONLY if it is missing."`
	WaitMs      int64    `json:"waitMs,omitempty" doc:"How long the room waits for the first person, an hour if it is missing, at most a week; keepMs if that is longer."`
	KeepMs      int64    `json:"keepMs,omitempty" doc:"How long the room stays when it is empty, at most the server's max-keep. It ends then if this is missing."`
	Door        *NewDoor `json:"door,omitempty" doc:"What newcomers meet."`
	// ICETransportPolicy is for the room's life.
	ICETransportPolicy string      `json:"iceTransportPolicy,omitempty" enum:"all,relay" doc:"relay: people reach each other through TURN servers only, and do not see each other's addresses."`
	Invites            []NewInvite `json:"invites,omitempty" doc:"Invites to make, at most 100."`
}

// NewDoor is the door of a new room. What is missing has the default of CREATE_ROOM.
type NewDoor struct {
	Entry     string `json:"entry,omitempty" enum:"OPEN,KNOCK,LOCKED" doc:"What newcomers meet; OPEN if it is missing. Invites pass it."`
	Passcode  string `json:"passcode,omitempty" doc:"What newcomers without an invite must send, 4 to 128 characters."`
	MaxPeople int    `json:"maxPeople,omitempty" doc:"How many seats the room has, at most as many as the server allows."`
	Listed    *bool  `json:"listed,omitempty" doc:"Whether it wants to be in the public list."`
}

// NewInvite is an invite to make.
type NewInvite struct {
	Role      string `json:"role,omitempty" enum:"VIEWER,GUEST,COHOST,HOST" doc:"The role that the invited person gets; what the room decides if it is missing."`
	ExpiresMs int64  `json:"expiresMs,omitempty" doc:"How long the invite is good, a day if it is missing, at most 30 days."`
	Once      bool   `json:"once,omitempty" doc:"Whether it is for one person."`
}

// CreatedRoom is the response to POST /rooms.
type CreatedRoom struct {
	RoomID       string   `json:"roomId" doc:"The room."`
	CreatedAt    int64    `json:"createdAt" doc:"When it was created, in ms since 1970."`
	AwaitedUntil int64    `json:"awaitedUntil" doc:"When it ends if nobody has come."`
	KeepMs       int64    `json:"keepMs,omitempty" doc:"How long it stays when it is empty; missing if it ends then."`
	OwnerToken   string   `json:"ownerToken,omitempty" doc:"Only for a room that stays: whoever presents it in JOIN_ROOM is host."`
	Invites      []Invite `json:"invites" doc:"The invites, in the order of the request."`
}

// Invite lets somebody into a room.
type Invite struct {
	Role      string `json:"role,omitempty" doc:"The role that it gives, if it gives one."`
	Once      bool   `json:"once" doc:"Whether it is for one person."`
	ExpiresAt int64  `json:"expiresAt" doc:"When it expires."`
	Invite    string `json:"invite" doc:"The secret."`
	URL       string `json:"url" doc:"The page with the invite, if the server serves the page."`
}

// createRoom creates a room ahead of its people.
func (a *API) createRoom(q *request) (any, *failure) {
	body := q.body.(*NewRoom)
	arrangement, refused := body.check(time.Now())
	if refused != nil {
		return nil, refused
	}
	invites, refused := invitesOf(body.RoomID, body.Invites, time.Now())
	if refused != nil {
		return nil, refused
	}
	made, refusal := a.config.Rooms.Create(q.Context(), body.RoomID, arrangement)
	if refusal != "" {
		return nil, &failure{refusal, ""}
	}
	q.roomID = body.RoomID // for the audit log
	return CreatedRoom{
		RoomID: body.RoomID, CreatedAt: made.CreatedAtMs, AwaitedUntil: max(made.EndsAtMs, arrangement.AwaitedUntilMs),
		KeepMs: made.KeepMs, OwnerToken: made.OwnerToken, Invites: a.invite(q, invites, made.CreatedAtMs),
	}, nil
}

// NewInvites is the body of POST /rooms/{roomId}/invites.
type NewInvites struct {
	Invites []NewInvite `json:"invites" doc:"Invites to make, 1 to 100."`
}

// Invites is the response.
type Invites struct {
	Invites []Invite `json:"invites" doc:"The invites, in the order of the request."`
}

// createInvites makes invites to a room that exists.
func (a *API) createInvites(q *request) (any, *failure) {
	invites, refused := invitesOf(q.roomID, q.body.(*NewInvites).Invites, time.Now())
	if refused != nil {
		return nil, refused
	}
	view, refusal := a.config.Rooms.View(q.Context(), q.roomID)
	if refusal != "" {
		return nil, &failure{refusal, ""}
	}
	return Invites{a.invite(q, invites, view.CreatedAt)}, nil
}

func (a *API) invite(q *request, invites []auth.Invite, sinceMs int64) []Invite {
	made := make([]Invite, len(invites))
	for i, invite := range invites {
		invite.RoomSinceMs = sinceMs
		text := a.config.Auth.Invite(invite)
		made[i] = Invite{Once: invite.Once, ExpiresAt: invite.UntilMs, Invite: text, URL: a.linkTo(q.Request, invite.RoomID, text)}
		if invite.HasRole {
			made[i].Role = invite.Role.String()
		}
	}
	return made
}

// check fills in what is missing, and returns what is to be created, or why it cannot be.
func (n *NewRoom) check(now time.Time) (a room.Arrangement, refused *failure) {
	if n.RoomID == "" {
		n.RoomID = newRoomID()
	}
	if !protocol.ValidRoomID(n.RoomID) {
		return a, &failure{protocol.CodeInvalidRoomID, ""}
	}
	if n.RoomName != "" {
		var ok bool
		if a.Name, ok = protocol.TrimName(n.RoomName, protocol.MaxJoinNameUnits); !ok {
			return a, malformed("roomName")
		}
	}
	mode, ok := modes[n.ControlMode]
	if !ok {
		return a, malformed("controlMode")
	}
	a.Mode = mode
	wait, ok := span(n.WaitMs, defaultWait, maxWait)
	if !ok {
		return a, malformed("waitMs")
	}
	a.AwaitedUntilMs = now.Add(wait).UnixMilli()
	if a.KeepMs = n.KeepMs; a.KeepMs < 0 || a.KeepMs > protocol.MaxKeepMs {
		return a, malformed("keepMs")
	}
	switch n.ICETransportPolicy {
	case "", protocol.PolicyAll:
	case protocol.PolicyRelay:
		a.RelayOnly = true
	default:
		return a, malformed("iceTransportPolicy")
	}
	if n.Door != nil {
		var wrong string
		if a.Door, wrong = doorOf(n.Door.Entry, n.Door.MaxPeople, n.Door.Listed); wrong != "" {
			return a, malformed("door." + wrong)
		}
		if n.Door.Passcode != "" {
			a.Door.Passcode = []byte(n.Door.Passcode)
			if !protocol.ValidPasscode(a.Door.Passcode) {
				return a, malformed("door.passcode")
			}
		}
	}
	return a, nil
}

// doorOf returns what is to change of a door, or the name of what is wrong with it.
func doorOf(entry string, maxPeople int, listed *bool) (door protocol.DoorChange, wrong string) {
	if door.HasEntry = entry != ""; door.HasEntry && door.Entry.UnmarshalText([]byte(entry)) != nil {
		return door, "entry"
	}
	if door.MaxPeople = maxPeople; maxPeople < 0 || maxPeople > protocol.MaxRoomPeople {
		return door, "maxPeople"
	}
	if door.HasListed = listed != nil; door.HasListed {
		door.Listed = *listed
	}
	return door, ""
}

var modes = map[string]protocol.ControlMode{"": protocol.HostOnly, protocol.HostOnly.String(): protocol.HostOnly, protocol.FreeForAll.String(): protocol.FreeForAll}

func malformed(field string) *failure {
	return &failure{protocol.CodeInvalidMessage, field + " is malformed or out of its bounds"}
}

// invitesOf returns the invites that are asked for, or why they cannot be made.
func invitesOf(roomID string, asked []NewInvite, now time.Time) (invites []auth.Invite, refused *failure) {
	if len(asked) > maxInvites {
		return nil, malformed("invites")
	}
	for _, i := range asked {
		life, ok := span(i.ExpiresMs, defaultInvite, maxInvite)
		if !ok {
			return nil, malformed("expiresMs")
		}
		invite := auth.Invite{RoomID: roomID, UntilMs: now.Add(life).UnixMilli(), Once: i.Once}
		if invite.HasRole = i.Role != ""; invite.HasRole && invite.Role.UnmarshalText([]byte(i.Role)) != nil {
			return nil, malformed("role")
		}
		invites = append(invites, invite)
	}
	return invites, nil
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
func (a *API) linkTo(r *http.Request, roomID, invite string) string {
	link := url.URL{Scheme: edge.SchemeOf(r, a.config.TrustedProxies), Host: r.Host, Path: "/", Fragment: roomID}
	return link.String() + "?invite=" + url.QueryEscape(invite)
}
