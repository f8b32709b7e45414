package server

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/servertest"
	"usher/server/turn"
)

// withTURN gives a server a TURN server with a shared secret.
func withTURN(c *Config) {
	c.ICEServers = []turn.ICEServer{{URLs: []string{"stun:stun.example.org"}}, {URLs: []string{"turn:turn.example.org"}}}
	c.TURNSecret = "north"
}

// iceServers asks for the ICE servers of a user, with a token or without.
func (r *running) iceServers(query, token string) (status int, servers []turn.ICEServer) {
	r.t.Helper()
	request, err := http.NewRequest("GET", r.url("/turn-credentials?"+query), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := r.web.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	var body struct{ ICEServers []turn.ICEServer }
	if err != nil || json.Unmarshal(text, &body) != nil {
		r.t.Fatalf("%v, %s", err, text)
	}
	return response.StatusCode, body.ICEServers
}

func TestOnlyWhoHasASeatGetsTURNServers(t *testing.T) {
	t.Parallel()
	s := serve(t, withTURN)
	ann, bob := s.open("turn-room-1", "ann"), s.open("turn-room-1", "bob")
	ann.create()
	token := bob.join().ResumeToken
	const query = "roomId=turn-room-1&userId=bob"
	status, servers := s.iceServers(query, token)
	if status != http.StatusOK || len(servers) != 2 || servers[1].Credential == "" {
		t.Errorf("%d %v", status, servers)
	}
	if status, servers := s.iceServers(query, ""); status != http.StatusOK || len(servers) != 1 || servers[0].Relays() {
		t.Errorf("without a token: %d %v", status, servers)
	}
	ann.send(`{"type":"KICK_USER","roomId":"turn-room-1","userId":"ann","targetUserId":"bob"}`)
	servertest.Eventually(t, "the seat ends", func() bool { status, _ = s.iceServers(query, token); return status != http.StatusOK })
	if status != protocol.CodeInvalidResumeToken.Lookup().Status {
		t.Error(status)
	}
}

func TestNewICEServersArePushed(t *testing.T) {
	t.Parallel()
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		withTURN(s.Config)
		s.tune = func(c *Config) { c.TURNTTL = 200 * time.Millisecond }
	})
	ann := s.open("turn-room-2", "ann")
	ann.create(`"protocol":1`)
	for range 2 {
		var message protocol.IceServersMessage
		if err := json.Unmarshal([]byte(ann.expect("ICE_SERVERS").raw), &message); err != nil {
			t.Fatal(err)
		}
		if len(message.IceServers) != 2 || message.IceServers[1].Credential == "" {
			t.Errorf("%+v", message)
		}
	}
}
