package api

import (
	"usher/protocol"
	"usher/room"
	"usher/server/edge"
)

const (
	// defaultPage is how many rooms a page has if the request does not say, and maxPage how many it
	// may ask for.
	defaultPage, maxPage = 50, 200
)

// RoomList is a page of the rooms.
type RoomList struct {
	Rooms  []RoomSummary `json:"rooms" doc:"The rooms, in the order of their ids."`
	Cursor string        `json:"cursor,omitempty" doc:"For the next page; missing on the last one."`
	Total  int           `json:"total" doc:"How many rooms are in memory, whatever was looked for."`
}

// RoomSummary is a room in a list.
type RoomSummary struct {
	RoomID      string `json:"roomId" doc:"The id."`
	RoomName    string `json:"roomName" doc:"What it is called."`
	People      int    `json:"people" doc:"Seats, those held for somebody to return included."`
	Connected   int    `json:"connected" doc:"Seats with a connection."`
	Entry       string `json:"entry" enum:"OPEN,KNOCK,LOCKED" doc:"What newcomers meet."`
	ControlMode string `json:"controlMode" enum:"HOST_ONLY,FREE_FOR_ALL" doc:"Who may control playback."`
	CreatedAt   int64  `json:"createdAt" doc:"When it was created, in ms since 1970."`
}

// Room is a room with its people.
type Room struct {
	RoomID      string   `json:"roomId" doc:"The id."`
	RoomName    string   `json:"roomName" doc:"What it is called."`
	ControlMode string   `json:"controlMode" enum:"HOST_ONLY,FREE_FOR_ALL" doc:"Who may control playback."`
	Entry       string   `json:"entry" enum:"OPEN,KNOCK,LOCKED" doc:"What newcomers meet."`
	HasPasscode bool     `json:"hasPasscode" doc:"Whether newcomers need a passcode."`
	MaxPeople   int      `json:"maxPeople" doc:"How many seats it has."`
	Listed      bool     `json:"listed" doc:"Whether it wants to be in the public list."`
	RelayOnly   bool     `json:"relayOnly" doc:"Whether people reach each other through TURN servers only."`
	CreatedAt   int64    `json:"createdAt" doc:"When it was created, in ms since 1970."`
	ActiveAt    int64    `json:"activeAt" doc:"When somebody last did something."`
	ExpiresAt   int64    `json:"expiresAt" doc:"When it ends if nothing more happens to it."`
	KeepMs      int64    `json:"keepMs" doc:"How long it stays when it is empty."`
	Connections int      `json:"connections" doc:"Sockets, those without a seat included."`
	Knocks      int      `json:"knocks" doc:"How many wait to be let in."`
	People      []Person `json:"people" doc:"The seats, in the order in which they were taken."`
	Bans        []Ban    `json:"bans" doc:"The bans, in the order in which they were made."`
}

// Person is a seat.
type Person struct {
	UserID      string `json:"userId" doc:"The user id."`
	UserName    string `json:"userName" doc:"What the others call them."`
	Role        string `json:"role" enum:"VIEWER,GUEST,COHOST,HOST" doc:"What they may do."`
	IsConnected bool   `json:"isConnected" doc:"Whether the seat has a connection."`
	IsLegacy    bool   `json:"isLegacy" doc:"Whether the client has not said protocol 1."`
	JoinedAt    int64  `json:"joinedAt" doc:"When the seat was taken."`
}

// Ban keeps somebody out.
type Ban struct {
	UserID   string `json:"userId" doc:"The user id."`
	UserName string `json:"userName" doc:"What they were called."`
	BannedAt int64  `json:"bannedAt" doc:"When they were banned."`
}

// RoomChange is the body of PATCH /rooms/{roomId}.
type RoomChange struct {
	Entry          string `json:"entry,omitempty" enum:"OPEN,KNOCK,LOCKED" doc:"What newcomers meet. OPEN admits everybody who is knocking."`
	RemovePasscode bool   `json:"removePasscode,omitempty" doc:"Whether newcomers no longer need a passcode."`
	MaxPeople      int    `json:"maxPeople,omitempty" doc:"How many seats the room has. Fewer than are taken put nobody out."`
	Listed         *bool  `json:"listed,omitempty" doc:"Whether it wants to be in the public list."`
	ControlMode    string `json:"controlMode,omitempty" enum:"HOST_ONLY,FREE_FOR_ALL" doc:"Who may control playback."`
}

// PersonChange is the body of PATCH /rooms/{roomId}/people/{userId}.
type PersonChange struct {
	Role string `json:"role" enum:"VIEWER,GUEST,COHOST,HOST" doc:"What they may do from now on."`
}

// Announcement is the body of POST /rooms/{roomId}/announcements.
type Announcement struct {
	Text string `json:"text" doc:"At most 200 UTF-16 units. Clients that do not say protocol 1 cannot show it."`
}

func (a *API) listRooms(q *request) (any, *failure) {
	query := q.URL.Query()
	after, n, wrong := edge.PageOf(query, defaultPage, maxPage)
	if wrong != "" {
		return nil, &failure{protocol.CodeInvalidPage, wrong}
	}
	found, more, total := a.config.Own.Find(query.Get("q"), after, n)
	list := RoomList{Rooms: make([]RoomSummary, len(found)), Total: total}
	for i, e := range found {
		list.Rooms[i] = RoomSummary{e.ID, e.Name, e.People, e.Connected, e.Door, e.Mode, e.CreatedAtMs}
	}
	if more {
		list.Cursor = found[len(found)-1].ID
	}
	return list, nil
}

func (a *API) readRoom(q *request) (any, *failure) {
	v, refusal := a.config.Rooms.View(q.Context(), q.roomID)
	if refusal != "" {
		return nil, &failure{refusal, ""}
	}
	r := Room{
		RoomID: q.roomID, RoomName: v.Name, ControlMode: v.ControlMode, Entry: v.Entry, HasPasscode: v.HasPasscode, MaxPeople: v.MaxPeople,
		Listed: v.Listed, RelayOnly: v.RelayOnly, CreatedAt: v.CreatedAt, ActiveAt: v.ActiveAt, ExpiresAt: v.ExpiresAt, KeepMs: v.KeepMs,
		Connections: v.Connections, Knocks: v.Knocks, People: make([]Person, len(v.People)), Bans: make([]Ban, len(v.Bans)),
	}
	for i, p := range v.People {
		r.People[i] = Person(p)
	}
	for i, b := range v.Bans {
		r.Bans[i] = Ban(b)
	}
	return r, nil
}

// changeRoom makes up to two changes. What is wrong with the second is found out before the first.
func (a *API) changeRoom(q *request) (any, *failure) {
	change := q.body.(*RoomChange)
	mode, ok := modes[change.ControlMode]
	if !ok {
		return nil, malformed("controlMode")
	}
	door, wrong := doorOf(change.Entry, change.MaxPeople, change.Listed)
	if wrong != "" {
		return nil, malformed(wrong)
	}
	door.NoPasscode = change.RemovePasscode
	if door.HasEntry || door.NoPasscode || door.HasListed || door.MaxPeople != 0 {
		if _, refused := a.act(q, room.Act{Kind: room.ActDoor, Door: door}); refused != nil {
			return nil, refused
		}
	}
	if change.ControlMode != "" {
		if _, refused := a.act(q, room.Act{Kind: room.ActMode, Mode: mode}); refused != nil {
			return nil, refused
		}
	}
	return a.readRoom(q)
}

// act does to a room what the request asks for.
func (a *API) act(q *request, act room.Act) (any, *failure) {
	act.UserID, act.Actor = q.userID, q.actor
	if refusal := a.config.Rooms.Operate(q.Context(), q.roomID, act); refusal != "" {
		return nil, &failure{refusal, ""}
	}
	return nil, nil
}

func (a *API) closeRoom(q *request) (any, *failure) {
	return a.act(q, room.Act{Kind: room.ActClose, Text: q.URL.Query().Get("reason")})
}

func (a *API) announce(q *request) (any, *failure) {
	return a.act(q, room.Act{Kind: room.ActAnnounce, Text: q.body.(*Announcement).Text})
}

func (a *API) changePerson(q *request) (any, *failure) {
	act := room.Act{Kind: room.ActRole}
	if act.Role.UnmarshalText([]byte(q.body.(*PersonChange).Role)) != nil {
		return nil, malformed("role")
	}
	return a.act(q, act)
}

func (a *API) kick(q *request) (any, *failure) {
	return a.act(q, room.Act{Kind: room.ActKick, Text: q.URL.Query().Get("reason")})
}

func (a *API) ban(q *request) (any, *failure) {
	return a.act(q, room.Act{Kind: room.ActBan, Text: q.URL.Query().Get("reason")})
}

func (a *API) unban(q *request) (any, *failure) { return a.act(q, room.Act{Kind: room.ActUnban}) }
