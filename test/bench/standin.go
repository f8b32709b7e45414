package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/lesismal/nbio/nbhttp/websocket"
)

// The stand-in answers joins and leaves as usher does, without rooms, checks or storage. It is no
// measurement of anything but the generator: what joins and churn reach against it is the most that
// the generator can drive.

func runStandin(ctx context.Context, args []string) error {
	upgrader := newUpgrader()
	rooms := standinRooms{conns: map[standinSeat]*websocket.Conn{}}
	upgrader.OnMessage(func(c *websocket.Conn, op websocket.MessageType, data []byte) {
		switch {
		case bytes.HasPrefix(data, []byte(`{"type":"CREATE_ROOM"`)):
			rooms.seat(c, data)
			c.WriteMessage(op, standinReply("ROOM_CREATED", data))
		case bytes.HasPrefix(data, []byte(`{"type":"JOIN_ROOM"`)):
			rooms.seat(c, data)
			c.WriteMessage(op, standinReply("ROOM_JOINED", data))
		case bytes.HasPrefix(data, []byte(`{"type":"LEAVE_ROOM"`)):
			c.WriteMessage(websocket.CloseMessage, closePayload(closeNormal))
			c.Close()
		case bytes.HasPrefix(data, []byte(`{"type":"PING"`)):
			c.WriteMessage(op, []byte(`{"type":"PONG"}`))
		default:
			rooms.relay(op, data)
		}
	})
	upgrader.OnClose(func(c *websocket.Conn, _ error) { rooms.leave(c) })
	return serveChild(ctx, "standin", args, upgrader, func(*websocket.Conn, *http.Request) {})
}

// standinReply echoes the ids of a request.
func standinReply(name string, request []byte) []byte {
	return fmt.Appendf(nil, `{"type":%q,"roomId":%q,"userId":%q}`, name, field(request, "roomId"), field(request, "userId"))
}

// field cuts a string member out of a message of the generator, whose strings have no escapes.
func field(message []byte, name string) string {
	_, rest, _ := bytes.Cut(message, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

type standinSeat struct{ room, user string }

// standinRooms finds the socket of a seat.
type standinRooms struct {
	mu    sync.Mutex
	conns map[standinSeat]*websocket.Conn
}

func (r *standinRooms) seat(c *websocket.Conn, request []byte) {
	key := standinSeat{field(request, "roomId"), field(request, "userId")}
	c.SetSession(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[key] = c
}

func (r *standinRooms) leave(c *websocket.Conn) {
	key, _ := c.Session().(standinSeat)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, key)
}

func (r *standinRooms) relay(op websocket.MessageType, message []byte) {
	r.mu.Lock()
	target := r.conns[standinSeat{field(message, "roomId"), field(message, "targetUserId")}]
	r.mu.Unlock()
	if target != nil {
		target.WriteMessage(op, message)
	}
}
