package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/protocol"
	"usher/server/auth"
	"usher/server/servertest"
)

// operator is somebody with accounts and a program with an API key.
type operator struct {
	*running
	keyFile, apiKey string
}

// withAccounts changes a server so that it has accounts, and returns their operator.
func withAccounts(t *testing.T, c *Config) *operator {
	t.Helper()
	dir := t.TempDir()
	key, hash := auth.NewAPIKey()
	o := &operator{keyFile: filepath.Join(dir, "jwt"), apiKey: key}
	c.Auth.KeyFile, c.APIKeyFile = o.keyFile, filepath.Join(dir, "api")
	for path, text := range map[string]string{c.Auth.KeyFile: strings.Repeat("s3cret", 6), c.APIKeyFile: "shop " + hash} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func serveAccounts(t *testing.T, change func(*Config)) *operator {
	t.Helper()
	var o *operator
	s := serve(t, func(c *Config) {
		o = withAccounts(t, c)
		if change != nil {
			change(c)
		}
	})
	o.running = s
	s.keepPrivate(o.apiKey, "s3cret")
	return o
}

// token makes a token of an hour, for any room; change may be nil.
func (o *operator) token(user string, change func(*auth.Claims)) string {
	o.t.Helper()
	claims := &auth.Claims{Claims: jwt.Claims{Subject: user, Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))}}
	if change != nil {
		change(claims)
	}
	token, err := auth.Issue(o.keyFile, claims)
	if err != nil {
		o.t.Fatal(err)
	}
	o.keepPrivate(token, token[strings.LastIndex(token, ".")+1:])
	return token
}

// post makes a request with a bearer token.
func (o *operator) post(path, bearer, body string) (*http.Response, string) {
	o.t.Helper()
	request, err := http.NewRequest(http.MethodPost, o.url(path), strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := o.web.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(response.Body)
	return response, text.String()
}

// ticket exchanges a token for a ticket.
func (o *operator) ticket(roomID, token string) string {
	o.t.Helper()
	response, body := o.post("/tickets?roomId="+roomID, token, "")
	var got struct {
		Ticket, UserID string
		ExpiresAt      int64
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || response.StatusCode != 200 || got.Ticket == "" || got.ExpiresAt == 0 || got.UserID == "" {
		o.t.Fatal(response.StatusCode, body)
	}
	if response.Header.Get("Cache-Control") != "no-store" {
		o.t.Error("a cache may keep a ticket")
	}
	o.keepPrivate(got.Ticket, got.Ticket[strings.LastIndex(got.Ticket, ".")+1:])
	return got.Ticket
}

// A token comes in Authorization, as a subprotocol or as a ticket.
func TestATokenOpensTheDoor(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	ann := o.open("auth-1", "ann", "Authorization: Bearer "+o.token("ann", nil))
	ann.say("CREATE_ROOM", `"userName":"Ann","protocol":1`)
	ann.expect("ROOM_CREATED")

	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	ws, response, err := websocket.Dial(ctx, o.url("/ws?roomId=auth-1"), &websocket.DialOptions{
		HTTPClient: o.web, Subprotocols: []string{"usher.1", "usher.jwt." + o.token("bob", func(c *auth.Claims) { c.Name = "Bob B" })},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if ws.Subprotocol() != "usher.1" || strings.Contains(response.Header.Get("Sec-WebSocket-Protocol"), "jwt") {
		t.Error(response.Header)
	}
	bob := &client{t: t, ws: ws, server: o.running, room: "auth-1", user: "bob"}
	bob.say("JOIN_ROOM", `"userName":"x","protocol":1`)
	if users := bob.expect("ROOM_JOINED").RoomState.Users; users[1].Name != "Bob B" {
		t.Errorf("%+v", users)
	}

	ticket := o.ticket("auth-1", o.token("cem", nil))
	cem := o.openAt("/ws?roomId=auth-1&ticket="+ticket, "auth-1", "cem")
	cem.say("JOIN_ROOM", `"userName":"Cem","protocol":1`)
	cem.expect("ROOM_JOINED")
	// It was for once.
	thief := o.openAt("/rooms/auth-1/ws?ticket="+ticket, "auth-1", "cem")
	thief.say("JOIN_ROOM", `"userName":"Cem","protocol":1`)
	thief.refused(protocol.CodeTicketUsed)
	thief.closedAtLast(protocol.CloseTokenExpired)
}

// wantRefused fails unless a handshake is refused by HTTP.
func (o *operator) wantRefused(path string, code protocol.Code, headers ...string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	ws, response, err := websocket.Dial(ctx, o.url(path), &websocket.DialOptions{HTTPClient: o.web, HTTPHeader: headersOf(headers)})
	if err == nil {
		ws.CloseNow()
		o.t.Fatalf("%s %v is let in", path, headers)
	}
	var body struct{ Code protocol.Code }
	if response == nil || json.NewDecoder(response.Body).Decode(&body) != nil || body.Code != code || response.StatusCode != code.Lookup().Status {
		o.t.Errorf("%s: %v, %+v", path, err, body)
	}
}

func TestForeignAndExpiredTokensAreRefusedBeforeTheUpgrade(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	other := serveAccounts(t, nil)
	if err := os.WriteFile(other.keyFile, []byte(strings.Repeat("another", 6)), 0o600); err != nil {
		t.Fatal(err)
	}
	expired := o.token("ann", func(c *auth.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Minute)) })
	elsewhere := o.token("ann", func(c *auth.Claims) { c.Room = []string{"auth-2"} })
	good := o.token("ann", nil)
	o.wantRefused("/rooms/auth-1/ws", protocol.CodeAuthRequired)
	o.wantRefused("/ws?roomId=auth-1", protocol.CodeAuthRequired, "Sec-WebSocket-Protocol: usher.1")
	for code, token := range map[protocol.Code]string{
		protocol.CodeTokenExpired: expired, protocol.CodeRoomNotAllowed: elsewhere, protocol.CodeInvalidToken: other.token("ann", nil),
	} {
		o.wantRefused("/ws?roomId=auth-1", code, "Authorization: Bearer "+token)
		o.wantRefused("/ws?roomId=auth-1", code, "Sec-WebSocket-Protocol: usher.1, usher.jwt."+token)
		response, body := o.post("/tickets?roomId=auth-1", token, "")
		servertest.WantError(t, response, body, code)
	}
	o.wantRefused("/ws?roomId=auth-1", protocol.CodeInvalidToken, "Authorization: Bearer "+good, "Sec-WebSocket-Protocol: usher.1, usher.jwt."+good)
	o.wantRefused("/ws?roomId=auth-1&ticket=x&invite=y", protocol.CodeInvalidToken)
	o.wantRefused("/ws?roomId=auth-1&ticket=made.up.ticket", protocol.CodeInvalidTicket)
	o.wantRefused("/ws?roomId=auth-1&invite=made.up.invite", protocol.CodeInvalidInvite)
	o.wantRefused("/ws?roomId=auth-1&ticket="+o.ticket("auth-2", good), protocol.CodeRoomNotAllowed)
	response, body := o.post("/tickets?roomId=auth-1", "", "")
	servertest.WantError(t, response, body, protocol.CodeAuthRequired)
	response, body = o.post("/tickets", good, "")
	servertest.WantError(t, response, body, protocol.CodeInvalidRoomID)
	response, body = o.ask("GET", "/rooms/auth-1")
	servertest.WantError(t, response, body, protocol.CodeAuthRequired)
}

// A legacy client cannot read the response to its handshake, so it is told by an ERROR, and a close
// that is final for it.
func TestALegacyClientIsToldThatItCannotSignIn(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	leo := o.open("auth-1", "leo")
	leo.say("JOIN_ROOM", `"userName":"Leo"`)
	leo.refused(protocol.CodeAuthRequired)
	leo.closedAtLast(protocol.CloseNormal)
}

func TestATokenIsRenewedOverTheSocket(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	ann := o.open("auth-1", "ann", "Authorization: Bearer "+o.token("ann", nil))
	ann.say("CREATE_ROOM", `"userName":"Ann","protocol":1`)
	ann.expect("ROOM_CREATED")
	ann.say("RENEW_AUTH", `"ref":"1","token":"`+o.token("ann", func(c *auth.Claims) { c.Room = []string{"auth-2"} })+`"`)
	if got := ann.expect("ERROR"); got.Code != string(protocol.CodeRoomNotAllowed) || !strings.Contains(got.raw, `"ref":"1"`) {
		t.Error(got.raw)
	}
	ann.say("RENEW_AUTH", `"token":"`+o.token("bob", nil)+`"`)
	ann.refused(protocol.CodeWrongUser)
	ann.say("RENEW_AUTH", `"token":"`+o.token("ann", nil)+`"`)
	ann.expect("AUTH_RENEWED")
}

// A program creates a room ahead of its people, and invites them.
func TestARoomIsCreatedAheadOfItsPeople(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	created := o.createRoom(`{"roomId":"auth-1","roomName":"Film night","controlMode":"FREE_FOR_ALL","waitMs":60000,
		"invites":[{"role":"HOST","once":true},{"role":"VIEWER","expiresMs":60000}]}`)
	if len(created.Invites) != 2 || created.CreatedAt == 0 || !strings.HasPrefix(created.Invites[0].URL, o.url("/#auth-1?invite=")) {
		t.Fatalf("%+v", created)
	}
	host, viewer := created.Invites[0].Invite, created.Invites[1].Invite
	if response, body := o.ask("GET", "/rooms/auth-1?invite="+viewer); response.StatusCode != 200 || !strings.Contains(body, "Film night") {
		t.Error(body)
	}
	ann := o.openAt("/ws?roomId=auth-1&invite="+host, "auth-1", "ann")
	ann.say("JOIN_ROOM", `"userName":"Ann","protocol":1`)
	if got := ann.expect("ROOM_JOINED").RoomState; got.Name != "Film night" || got.HostID != "ann" || got.ControlMode != "FREE_FOR_ALL" {
		t.Errorf("%+v", got)
	}
	bob := o.openAt("/ws?roomId=auth-1&invite="+host, "auth-1", "bob")
	bob.say("JOIN_ROOM", `"userName":"Bob","protocol":1`)
	bob.refused(protocol.CodeInviteUsed)
	for _, name := range []string{"cem", "dan"} {
		c := o.openAt("/ws?roomId=auth-1&invite="+viewer, "auth-1", name)
		c.say("JOIN_ROOM", `"userName":"C","protocol":1`)
		c.expect("ROOM_JOINED")
	}
	response, body := o.post("/rooms", o.apiKey, `{"roomId":"auth-1"}`)
	servertest.WantError(t, response, body, protocol.CodeRoomExists)
	if created := o.createRoom(`{}`); !protocol.ValidRoomID(created.RoomID) || created.AwaitedUntil == 0 {
		t.Errorf("%+v", created)
	}
}

type createdRoom struct {
	RoomID                  string
	CreatedAt, AwaitedUntil int64
	Invites                 []struct{ Invite, URL string }
}

func (o *operator) createRoom(body string) (created createdRoom) {
	o.t.Helper()
	response, text := o.post("/rooms", o.apiKey, body)
	if err := json.Unmarshal([]byte(text), &created); err != nil || response.StatusCode != http.StatusCreated {
		o.t.Fatal(response.StatusCode, text)
	}
	o.keepPrivate(created.RoomID)
	for _, i := range created.Invites {
		o.keepPrivate(i.Invite, i.Invite[strings.LastIndex(i.Invite, ".")+1:])
	}
	return created
}

func TestBadRequestsForARoom(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, nil)
	for _, key := range []string{"", "usher_made_up", o.token("ann", nil)} {
		response, body := o.post("/rooms", key, `{}`)
		servertest.WantError(t, response, body, protocol.CodeInvalidAPIKey)
	}
	for body, code := range map[string]protocol.Code{
		"": protocol.CodeInvalidMessage, "[]": protocol.CodeInvalidMessage, `{"unknown":1}`: protocol.CodeInvalidMessage,
		`{"roomId":"a b"}`: protocol.CodeInvalidRoomID, `{"roomName":"\u202e"}`: protocol.CodeInvalidMessage,
		`{"controlMode":"ALL"}`: protocol.CodeInvalidMessage, `{"waitMs":-1}`: protocol.CodeInvalidMessage, `{"waitMs":99999999999}`: protocol.CodeInvalidMessage,
		`{"invites":[{"role":"KING"}]}`: protocol.CodeInvalidMessage, `{"invites":[{"expiresMs":5}]}`: protocol.CodeInvalidMessage,
		`{"invites":[` + strings.Repeat(`{},`, 100) + `{}]}`: protocol.CodeInvalidMessage, `{"roomName":"` + strings.Repeat("x", 20<<10) + `"}`: protocol.CodeInvalidMessage,
	} {
		response, text := o.post("/rooms", o.apiKey, body)
		servertest.WantError(t, response, text, code)
	}
}

// Without accounts a token is not ignored: its owner believes to be somebody.
func TestTokensWithoutAccountsAreRefused(t *testing.T) {
	t.Parallel()
	o := &operator{running: serve(t, nil)}
	o.wantRefused("/ws?roomId=auth-1", protocol.CodeInvalidToken, "Authorization: Bearer a.b.c")
	o.wantRefused("/ws?roomId=auth-1&ticket=a.b.c", protocol.CodeInvalidToken)
	for _, path := range []string{"/tickets?roomId=auth-1", "/rooms"} {
		response, body := o.post(path, "", "")
		servertest.WantError(t, response, body, protocol.CodeNotFound)
	}
}

// Tickets and invites hold on every node: the keys come from the store, which all nodes share. What
// has been used is the room's to know, also after a restart.
func TestInvitesSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var o *operator
	first := launch(t, dir, func(c *Config) { o = withAccounts(t, c) })
	o.running = first
	created := o.createRoom(`{"roomId":"auth-1","invites":[{"once":true},{}]}`)
	ann := o.openAt("/ws?roomId=auth-1&invite="+created.Invites[0].Invite, "auth-1", "ann")
	ann.say("JOIN_ROOM", `"userName":"Ann","protocol":1`)
	ann.expect("ROOM_JOINED")
	first.stop()
	keyFile, apiKeyFile := first.config.Auth.KeyFile, first.config.APIKeyFile
	o.running = launch(t, dir, func(c *Config) { c.Auth.KeyFile, c.APIKeyFile = keyFile, apiKeyFile })
	bob := o.openAt("/ws?roomId=auth-1&invite="+created.Invites[0].Invite, "auth-1", "bob")
	bob.say("JOIN_ROOM", `"userName":"Bob","protocol":1`)
	bob.refused(protocol.CodeInviteUsed)
	cem := o.openAt("/ws?roomId=auth-1&invite="+created.Invites[1].Invite, "auth-1", "cem")
	cem.say("JOIN_ROOM", `"userName":"Cem","protocol":1`)
	cem.expect("ROOM_JOINED")
}

// The owner of a room may be another node than the one that a person comes to.
func TestAccountsOverALink(t *testing.T) {
	t.Parallel()
	var o *operator
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		o = withAccounts(t, s.Config)
		linked(t, s)
	})
	o.running = s
	created := o.createRoom(`{"roomId":"auth-1","invites":[{"role":"COHOST"}]}`)
	response, body := o.post("/rooms", o.apiKey, `{"roomId":"auth-1"}`)
	servertest.WantError(t, response, body, protocol.CodeRoomExists)
	ann := o.open("auth-1", "ann", "Authorization: Bearer "+o.token("ann", func(c *auth.Claims) { c.Role = "HOST" }))
	ann.say("JOIN_ROOM", `"userName":"Ann","protocol":1`)
	ann.expect("ROOM_JOINED")
	bob := o.openAt("/ws?roomId=auth-1&invite="+created.Invites[0].Invite, "auth-1", "bob")
	bob.say("JOIN_ROOM", `"userName":"Bob","protocol":1`)
	if users := bob.expect("ROOM_JOINED").RoomState.Users; users[1].Role != protocol.Cohost {
		t.Errorf("%+v", users)
	}
	ann.expect("USER_JOINED")
	ann.say("RENEW_AUTH", `"token":"`+o.token("ann", nil)+`"`)
	ann.expect("AUTH_RENEWED")
}
