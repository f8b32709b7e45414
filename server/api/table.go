package api

import (
	"net/http"
	"reflect"

	"usher/protocol"
	"usher/server/auth"
	"usher/server/report"
)

func of[T any]() reflect.Type { return reflect.TypeFor[T]() }

// roomErrors are the codes of an operation on a room.
func roomErrors(more ...protocol.Code) []protocol.Code {
	return append([]protocol.Code{
		protocol.CodeInvalidRoomID, protocol.CodeRoomNotFound, protocol.CodeStorageUnavailable, protocol.CodeRoomUnavailable, protocol.CodeDraining,
	}, more...)
}

var reason = Parameter{Name: "reason", Doc: "Shown to those whom it concerns, at most 200 UTF-16 units."}

const (
	// listCost is how many requests one page of the list counts as.
	listCost = 5
)

// operations is filled here because the handlers look into it.
var operations []Operation

func init() {
	operations = []Operation{
		{ID: "readServer", Method: http.MethodGet, Path: "/server", Summary: "What this server does: rooms, people, counters, latencies, memory, store and cluster.",
			Scope: auth.ScopeRead, Status: 200, Response: of[Server](), do: (*API).readServer},
		{ID: "drain", Method: http.MethodPost, Path: "/drain", Summary: "Drains this server, or a node of the cluster: its sockets are closed with 1012 and it stops.",
			Scope: auth.ScopeAdmin, Body: of[Drain](), Status: 202, Errors: []protocol.Code{protocol.CodeInvalidMessage, protocol.CodeNotFound, protocol.CodeRoomUnavailable}, do: (*API).drain},
		{ID: "listRooms", Method: http.MethodGet, Path: "/rooms", Summary: "The rooms in memory on this node, in the order of their ids, or those whose id or name contains a text.",
			Scope: auth.ScopeRead, Query: []Parameter{
				{Name: "q", Doc: "A part of the id or the name, in any letter case."},
				{Name: "cursor", Doc: "The cursor of the page before."},
				{Name: "limit", Doc: "How many rooms the page has, 50 if it is missing.", Low: 1, High: maxPage},
			}, Status: 200, Response: of[RoomList](), Errors: []protocol.Code{protocol.CodeInvalidPage}, cost: listCost, do: (*API).listRooms},
		{ID: "createRoom", Method: http.MethodPost, Path: "/rooms", Summary: "Creates a room ahead of its people, with invites.",
			Scope: auth.ScopeRooms, Body: of[NewRoom](), Status: 201, Response: of[CreatedRoom](),
			Errors: []protocol.Code{protocol.CodeInvalidMessage, protocol.CodeInvalidRoomID, protocol.CodeRoomExists, protocol.CodeRoomBusy, protocol.CodeServerFull, protocol.CodeStorageUnavailable, protocol.CodeRoomUnavailable, protocol.CodeDraining},
			do:     (*API).createRoom},
		{ID: "readRoom", Method: http.MethodGet, Path: "/rooms/{roomId}", Summary: "One room, with its people and bans.",
			Scope: auth.ScopeRead, Status: 200, Response: of[Room](), Errors: roomErrors(), do: (*API).readRoom},
		{ID: "changeRoom", Method: http.MethodPatch, Path: "/rooms/{roomId}", Summary: "Changes the door and the control mode. What is missing stays as it is.",
			Scope: auth.ScopeModerate, Body: of[RoomChange](), Status: 200, Response: of[Room](), Errors: roomErrors(protocol.CodeInvalidMessage), do: (*API).changeRoom},
		{ID: "closeRoom", Method: http.MethodDelete, Path: "/rooms/{roomId}", Summary: "Ends the room for everybody.",
			Scope: auth.ScopeModerate, Query: []Parameter{reason}, Status: 204, Errors: roomErrors(protocol.CodeInvalidMessage), do: (*API).closeRoom},
		{ID: "announce", Method: http.MethodPost, Path: "/rooms/{roomId}/announcements", Summary: "Shows everybody in the room a text.",
			Scope: auth.ScopeModerate, Body: of[Announcement](), Status: 204, Errors: roomErrors(protocol.CodeInvalidMessage), do: (*API).announce},
		{ID: "createInvites", Method: http.MethodPost, Path: "/rooms/{roomId}/invites", Summary: "Makes invites to a room.",
			Scope: auth.ScopeRooms, Body: of[NewInvites](), Status: 201, Response: of[Invites](), Errors: roomErrors(protocol.CodeInvalidMessage), do: (*API).createInvites},
		{ID: "createToken", Method: http.MethodPost, Path: "/tokens", Summary: "Makes a token of an account, if auth-jwt-key has the key that signs them.",
			Scope: auth.ScopeAdmin, Body: of[NewToken](), Status: 201, Response: of[Token](), Errors: []protocol.Code{protocol.CodeInvalidMessage, protocol.CodeNotFound}, do: (*API).createToken},
		{ID: "changePerson", Method: http.MethodPatch, Path: "/rooms/{roomId}/people/{userId}", Summary: "Gives somebody a role. HOST takes it from the present host.",
			Scope: auth.ScopeModerate, Body: of[PersonChange](), Status: 204,
			Errors: roomErrors(protocol.CodeInvalidUserID, protocol.CodeInvalidMessage, protocol.CodeTargetNotFound, protocol.CodeNotAllowed, protocol.CodeTargetAway, protocol.CodeTargetCannotHost), do: (*API).changePerson},
		{ID: "kick", Method: http.MethodDelete, Path: "/rooms/{roomId}/people/{userId}", Summary: "Removes somebody, who may join again.",
			Scope: auth.ScopeModerate, Query: []Parameter{reason}, Status: 204, Errors: roomErrors(protocol.CodeInvalidUserID, protocol.CodeInvalidMessage, protocol.CodeTargetNotFound), do: (*API).kick},
		{ID: "ban", Method: http.MethodPut, Path: "/rooms/{roomId}/bans/{userId}", Summary: "Removes somebody, and keeps them out.",
			Scope: auth.ScopeModerate, Query: []Parameter{reason}, Status: 204, Errors: roomErrors(protocol.CodeInvalidUserID, protocol.CodeInvalidMessage, protocol.CodeTargetNotFound), do: (*API).ban},
		{ID: "unban", Method: http.MethodDelete, Path: "/rooms/{roomId}/bans/{userId}", Summary: "Lifts a ban.",
			Scope: auth.ScopeModerate, Status: 204, Errors: roomErrors(protocol.CodeInvalidUserID, protocol.CodeTargetNotFound), do: (*API).unban},
		{ID: "watchRoom", Method: http.MethodGet, Path: "/rooms/{roomId}/signaling", Summary: "The messages of a room as they come and go: types and sizes, never contents. Only on the node that owns the room.",
			Scope: auth.ScopeRead, Status: 200, Response: of[Signal](), Stream: true, Errors: roomErrors(protocol.CodeRoomElsewhere), cost: listCost, stream: (*API).watchRoom},
		{ID: "readRecording", Method: http.MethodGet, Path: "/rooms/{roomId}/recording", Summary: "What happened in a room lately, for usher replay: types, sizes, times and decisions, with placeholders for all ids, names, addresses and texts. Only on the node that owns the room.",
			Scope: auth.ScopeRead, Status: 200, Response: of[Recording](), Errors: roomErrors(protocol.CodeRoomElsewhere), cost: listCost, do: (*API).readRecording},
		{ID: "readEvents", Method: http.MethodGet, Path: "/events", Summary: "What happens in the rooms of this node, resumed by Last-Event-ID. An event named gap says that some are missing.",
			Scope: auth.ScopeRead, Query: []Parameter{{Name: "room", Doc: "Only what happens in this room."}, {Name: "type", Doc: "Only events of this type, such as user.joined."}},
			Status: 200, Response: of[report.Event](), Stream: true, cost: listCost, stream: (*API).readEvents},
	}
}
