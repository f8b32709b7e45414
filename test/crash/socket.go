package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/coder/websocket"

	"usher/protocol"
)

// frame is what a message of the server may have, as far as it matters here.
type frame struct {
	Type              string     `json:"type"`
	Code              string     `json:"code"`
	UserID            string     `json:"userId"`
	JoinedUser        userFrame  `json:"joinedUser"`
	LeftUserID        string     `json:"leftUserId"`
	ReconnectedUserID string     `json:"reconnectedUserId"`
	NewRoomName       string     `json:"newRoomName"`
	NewUserName       string     `json:"newUserName"`
	NewHostID         string     `json:"newHostId"`
	Mode              string     `json:"mode"`
	ResumeToken       string     `json:"resumeToken"`
	Resumed           bool       `json:"resumed"`
	RoomState         *roomFrame `json:"roomState"`
}

type userFrame struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	IsHost bool   `json:"isHost"`
}

type roomFrame struct {
	Name        string      `json:"name"`
	HostID      string      `json:"hostId"`
	Users       []userFrame `json:"users"`
	ControlMode string      `json:"controlMode"`
}

func (r *roomFrame) state() state {
	s := state{exists: true, name: r.Name, mode: r.ControlMode, host: r.HostID}
	for _, user := range r.Users {
		s.seats = append(s.seats, seat{user.ID, user.Name})
	}
	return s
}

// wrong is a reply that the protocol does not allow here: a defect of the
// server or of this test, whether or not the server is being killed.
type wrong struct{ what string }

func (w *wrong) Error() string { return w.what }

func wrongf(format string, args ...any) error { return &wrong{fmt.Sprintf(format, args...)} }

// socket is one WebSocket of a participant. It is used by one goroutine.
type socket struct{ ws *websocket.Conn }

func dial(ctx context.Context, http *http.Client, address, room string) (*socket, error) {
	ws, _, err := websocket.Dial(ctx, "ws://"+address+"/ws?roomId="+room, &websocket.DialOptions{HTTPClient: http})
	if err != nil {
		return nil, err
	}
	return &socket{ws}, nil
}

func (s *socket) send(ctx context.Context, m protocol.ClientMessage) error {
	return s.ws.Write(ctx, websocket.MessageText, m.Append(nil))
}

// await reads until a frame that want accepts. What else comes is for others
// to look at, but no request of this test may be refused.
func (s *socket) await(ctx context.Context, want func(*frame) bool) (*frame, error) {
	for {
		_, bytes, err := s.ws.Read(ctx)
		if err != nil {
			if code := websocket.CloseStatus(err); code != -1 {
				err = wrongf("closed with %d", code)
			}
			return nil, err
		}
		f := new(frame)
		if err := json.Unmarshal(bytes, f); err != nil {
			return nil, wrongf("not JSON: %.64q", bytes)
		}
		switch {
		case f.Type == "ERROR" || f.Type == "UNDELIVERED":
			return nil, wrongf("%.300s", bytes)
		case want(f):
			return f, nil
		}
	}
}

// awaitClose reads until the server has closed with 1000.
func (s *socket) awaitClose(ctx context.Context) error {
	for {
		_, _, err := s.ws.Read(ctx)
		switch code := websocket.CloseStatus(err); {
		case code == websocket.StatusNormalClosure:
			return nil
		case code != -1:
			return wrongf("closed with %d instead of 1000", code)
		case err != nil:
			return err
		}
	}
}

// leave closes with 1000, which ends the seat.
func (s *socket) leave() error { return s.ws.Close(websocket.StatusNormalClosure, "") }

// drop ends the socket without a close frame, so that the seat is held.
func (s *socket) drop() { _ = s.ws.CloseNow() }
