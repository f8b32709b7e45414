package server

import (
	"context"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
	"usher/server/rooms"
)

// localRooms are rooms in the same process as their edge.
type localRooms struct{ rooms *rooms.Rooms }

// Open implements edge.Rooms.
func (l localRooms) Open(ctx context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	session, refusal := l.rooms.Open(ctx, roomID, rooms.Opening(o), s)
	if refusal != "" {
		return nil, refusal
	}
	return session, ""
}

// Seated implements edge.Rooms.
func (l localRooms) Seated(ctx context.Context, roomID, userID, token string) (takenAtMs int64, refusal protocol.Code) {
	return l.rooms.Seated(ctx, roomID, userID, token)
}

// Create implements edge.Rooms.
func (l localRooms) Create(ctx context.Context, roomID string, a room.Arrangement) (made room.Creation, refusal protocol.Code) {
	return l.rooms.Create(ctx, roomID, a)
}

// Operate implements edge.Rooms.
func (l localRooms) Operate(ctx context.Context, roomID string, act room.Act) protocol.Code {
	return l.rooms.Operate(ctx, roomID, act)
}

// View implements edge.Rooms.
func (l localRooms) View(ctx context.Context, roomID string) (room.View, protocol.Code) {
	return l.rooms.View(ctx, roomID)
}

// Describe implements edge.Rooms.
func (l localRooms) Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code) {
	return l.rooms.Describe(ctx, roomID)
}
