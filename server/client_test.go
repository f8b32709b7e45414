package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"usher/protocol"
	"usher/server/servertest"
)

// heard is a frame from the server.
type heard struct {
	raw                                                 string
	Type, Code, Error, UserID, LeftUserID, NewHostID    string
	ResumeToken, MessageType, TargetUserID, NewRoomName string
	Resumed, Recovered, Retryable                       bool
	Timestamp                                           int64
	JoinedUser                                          struct{ ID string }
	RoomState                                           struct {
		Name, HostID, ControlMode string
		Users                     []protocol.User
	}
}

// client is one well-behaved socket.
type client struct {
	t          *testing.T
	ws         *websocket.Conn
	server     *running
	room, user string
}

// open connects to a room's address as the given user.
func (r *running) open(roomID, userID string, headers ...string) *client {
	r.t.Helper()
	return r.openAt("/ws?roomId="+roomID, roomID, userID, headers...)
}

func (r *running) openAt(path, roomID, userID string, headers ...string) *client {
	r.t.Helper()
	c, err := r.try(path, roomID, userID, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// tryOpen is open for a server that may refuse.
func (r *running) tryOpen(roomID, userID string) (*client, error) {
	return r.try("/ws?roomId="+roomID, roomID, userID)
}

func (r *running) try(path, roomID, userID string, headers ...string) (*client, error) {
	r.keepPrivate(roomID)
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, r.url(path), &websocket.DialOptions{HTTPClient: r.web, HTTPHeader: headersOf(headers)})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	r.t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t: r.t, ws: ws, server: r, room: roomID, user: userID}, nil
}

func (c *client) send(frame string) {
	c.t.Helper()
	if err := c.trySend(frame); err != nil {
		c.t.Fatalf("%s: %v", c.user, err)
	}
}

func (c *client) trySend(frame string) error {
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, []byte(frame))
}

// say sends a message from the client, with further fields as JSON.
func (c *client) say(kind string, fields ...string) {
	c.t.Helper()
	if err := c.trySay(kind, fields...); err != nil {
		c.t.Fatalf("%s: %v", c.user, err)
	}
}

func (c *client) trySay(kind string, fields ...string) error {
	return c.trySend(fmt.Sprintf(`{"type":%q,"roomId":%q,"userId":%q,"timestamp":1%s}`, kind, c.room, c.user, strings.Join(append([]string{""}, fields...), ",")))
}

func (c *client) offer(to, sdp string) {
	c.t.Helper()
	if err := c.tryOffer(to, sdp); err != nil {
		c.t.Fatalf("%s: %v", c.user, err)
	}
}

func (c *client) tryOffer(to, sdp string) error {
	return c.trySay("WEBRTC_OFFER", fmt.Sprintf(`"targetUserId":%q,"offer":{"type":"offer","sdp":%q}`, to, "v=0 "+sdp))
}

func (c *client) read() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	_, frame, err := c.ws.Read(ctx)
	return string(frame), err
}

func (c *client) next() (h heard) {
	c.t.Helper()
	frame, err := c.read()
	if err != nil {
		c.t.Fatalf("%s: %v", c.user, err)
	}
	if err := json.Unmarshal([]byte(frame), &h); err != nil {
		c.t.Fatalf("%s hears %q: %v", c.user, frame, err)
	}
	h.raw = frame
	if h.ResumeToken != "" {
		c.server.keepPrivate(h.ResumeToken)
	}
	return h
}

// expect returns the next frame, which must have the given type.
func (c *client) expect(kind string) heard {
	c.t.Helper()
	h := c.next()
	if h.Type != kind {
		c.t.Fatalf("%s hears %s instead of %s", c.user, h.raw, kind)
	}
	return h
}

// refused expects an ERROR with the given code.
func (c *client) refused(code protocol.Code) {
	c.t.Helper()
	row := code.Lookup()
	if h := c.expect("ERROR"); h.Code != string(code) || h.Error != row.Error || h.Retryable != row.Retryable {
		c.t.Fatalf("%s hears %s instead of %s", c.user, h.raw, code)
	}
}

func (c *client) create(fields ...string) heard {
	c.t.Helper()
	c.say("CREATE_ROOM", append(fields, `"userName":"`+c.user+`"`)...)
	return c.expect("ROOM_CREATED")
}

func (c *client) join(fields ...string) heard {
	c.t.Helper()
	c.say("JOIN_ROOM", append(fields, `"userName":"`+c.user+`"`)...)
	return c.expect("ROOM_JOINED")
}

func (c *client) resume(token string) heard {
	c.t.Helper()
	return c.join(`"resumeToken":"` + token + `"`)
}

// quiet fails if anything but the PONG follows a PING: nothing else was on its way.
func (c *client) quiet() {
	c.t.Helper()
	c.send(`{"type":"PING","timestamp":1}`)
	c.expect("PONG")
}

// closed expects the close code, and no frame before it.
func (c *client) closed(code protocol.CloseCode) {
	c.t.Helper()
	frame, err := c.read()
	if err == nil || websocket.CloseStatus(err) != websocket.StatusCode(code) {
		c.t.Fatalf("%s hears %q, %v instead of close %d", c.user, frame, err, code)
	}
}

// closedAtLast is like closed, but skips any frames before it.
func (c *client) closedAtLast(code protocol.CloseCode) {
	c.t.Helper()
	for {
		if _, err := c.read(); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusCode(code) {
				c.t.Errorf("%s hears %v instead of close %d", c.user, err, code)
			}
			return
		}
	}
}

// leave closes with 1000, which ends the seat.
func (c *client) leave() { _ = c.ws.Close(websocket.StatusNormalClosure, "") }

// drop ends the socket without a close frame.
func (c *client) drop() { _ = c.ws.CloseNow() }

// pair returns two people in a room, the host first.
func (r *running) pair(roomID string) (ann, bob *client) {
	r.t.Helper()
	ann, bob = r.open(roomID, "ann"), r.open(roomID, "bob")
	ann.create()
	bob.join()
	ann.expect("USER_JOINED")
	return ann, bob
}

// cutOff ends all sockets, as a failing network would.
func (r *running) cutOff() {
	r.known.cut("")
}
