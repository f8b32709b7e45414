// Package report is the form in which programs of the operator get what happens in rooms: webhooks,
// and whatever else sends it on.
package report

import (
	"time"

	"usher/room"
)

// Event is something that has happened in a room. Its fields are those that Standard Webhooks
// recommends.
type Event struct {
	// Type is the name of the room.OccurrenceKind, such as "user.joined".
	Type string `json:"type"`
	// Timestamp is when it happened, by the server's clock.
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is what has happened. Each type has some of the fields: see room.OccurrenceKind.
type Data struct {
	RoomID string `json:"roomId"`
	// People is how many seats of the room are taken now.
	People int `json:"people"`
	// UserID is whom it is about: of room.host_changed the new host.
	UserID   string `json:"userId,omitempty"`
	UserName string `json:"userName,omitempty"`
	RoomName string `json:"roomName,omitempty"`
	// Role and PreviousRole are the user's.
	Role         string `json:"role,omitempty"`
	PreviousRole string `json:"previousRole,omitempty"`
	// PreviousHostID is the former host.
	PreviousHostID string `json:"previousHostId,omitempty"`
	ControlMode    string `json:"controlMode,omitempty"`
	Door           *Door  `json:"door,omitempty"`
	// Reason is a room.Reason.
	Reason string `json:"reason,omitempty"`
	// CloseCode is that of the user's socket.
	CloseCode int `json:"closeCode,omitempty"`
	// EndsAt is when an empty room ends if nobody comes.
	EndsAt *time.Time `json:"endsAt,omitempty"`
	// Actor is who did it, nil if nobody did.
	Actor *Actor `json:"actor,omitempty"`
}

// Door is what newcomers meet.
type Door struct {
	// Entry is OPEN, KNOCK or LOCKED.
	Entry       string `json:"entry"`
	HasPasscode bool   `json:"hasPasscode"`
	MaxPeople   int    `json:"maxPeople"`
	Listed      bool   `json:"listed"`
}

// Actor is who did something.
type Actor struct {
	// UserID and Role are those of a participant.
	UserID string `json:"userId,omitempty"`
	Role   string `json:"role,omitempty"`
	// Operator is set if it was the operator. Name is what the server calls whoever acted, such as
	// an API key's name.
	Operator bool   `json:"operator,omitempty"`
	Name     string `json:"name,omitempty"`
}

// New returns what an occurrence in a room is for operators.
func New(roomID string, o *room.Occurrence) Event {
	e := Event{Type: o.Kind.String(), Timestamp: at(o.AtMs), Data: Data{
		RoomID: roomID, People: o.People, UserID: o.UserID, PreviousHostID: o.PreviousID,
		Reason: string(o.Reason), CloseCode: int(o.Code), Actor: actorOf(o),
	}}
	d := &e.Data
	if o.UserID != "" {
		d.UserName = o.Name
	} else {
		d.RoomName = o.Name
	}
	switch o.Kind {
	case room.UserJoined, room.UserLeft, room.UserReconnected:
		d.Role = o.Role.String()
	case room.RoleChanged:
		d.Role, d.PreviousRole = o.Role.String(), o.PreviousRole.String()
	case room.RoomCreated, room.ModeChanged:
		d.ControlMode = o.Mode.String()
	case room.DoorChanged:
		d.Door = &Door{o.Door.Entry.String(), o.Door.HasPasscode, o.Door.MaxPeople, o.Door.Listed}
	case room.RoomEmptied:
		ends := at(o.UntilMs)
		d.EndsAt = &ends
	}
	return e
}

func actorOf(o *room.Occurrence) *Actor {
	switch {
	case o.ByOperator:
		return &Actor{Operator: true, Name: o.ActorID}
	case o.ActorID != "":
		return &Actor{UserID: o.ActorID, Role: o.ActorRole.String()}
	}
	return nil
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
