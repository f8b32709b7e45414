package server

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/server/auth"
)

// program is a program of the operator, with a key for each set of scopes.
type program struct {
	*running
	keys map[string]string
	file string
}

const adminToken = "0123456789abcdef0123456789abcdef"

func servePrograms(t *testing.T) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{keys: map[string]string{"": adminToken, "none": "usher_nobody"}, file: filepath.Join(dir, "keys")}
	var lines strings.Builder
	for _, scope := range []string{"read", "rooms", "moderate", "admin"} {
		key, hash := auth.NewAPIKey()
		p.keys[scope] = key
		lines.WriteString(scope + " " + hash + " " + scope + "\n")
	}
	token := filepath.Join(dir, "token")
	for path, text := range map[string]string{p.file: lines.String(), token: adminToken + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.running = serve(t, func(c *Config) { c.APIKeyFile, c.AdminTokenFile = p.file, token })
	for _, key := range p.keys {
		p.keepPrivate(key)
	}
	return p
}

// call makes a request with the key of a scope, and returns the status and the body.
func (p *program) call(scope, method, path, body string) (int, string) {
	p.t.Helper()
	request, err := http.NewRequest(method, p.url("/api/v1"+path), strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.keys[scope])
	response, err := p.web.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	_, _ = bufio.NewReader(response.Body).WriteTo(&text)
	return response.StatusCode, text.String()
}

// ok is call for what must succeed with a status.
func (p *program) ok(status int, scope, method, path, body string) string {
	p.t.Helper()
	got, text := p.call(scope, method, path, body)
	if got != status {
		p.t.Fatalf("%s %s: %d %s", method, path, got, text)
	}
	return text
}

func TestWithoutKeysThereIsNoAPI(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for _, path := range []string{"/api/v1/server", "/api/v1/openapi.json", "/admin", "/api/v1/rooms"} {
		if response, text := s.ask("GET", path, "Authorization: Bearer x"); response.StatusCode != 404 || !strings.Contains(text, "NOT_FOUND") {
			t.Errorf("%s: %s %s", path, response.Status, text)
		}
	}
}

// A key opens what its scopes say, and the admin token everything. Pages of other origins learn
// nothing.
func TestKeysOpenWhatTheirScopesSay(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	for _, c := range []struct{ method, path, body, scope string }{
		{"GET", "/server", "", "read"}, {"GET", "/rooms", "", "read"},
		{"POST", "/rooms", `{}`, "rooms"}, {"DELETE", "/rooms/room-9", "", "moderate"},
		{"POST", "/drain", `{"node":"no-such-node"}`, "admin"}, {"POST", "/tokens", `{"userId":"ann"}`, "admin"},
	} {
		for scope := range p.keys {
			status, text := p.call(scope, c.method, c.path, c.body)
			switch {
			case scope == "none" && (status != 401 || !strings.Contains(text, "INVALID_API_KEY")),
				scope != "none" && scope != "" && scope != c.scope && (status != 403 || !strings.Contains(text, "SCOPE_MISSING") || !strings.Contains(text, `"details":"`+c.scope)),
				(scope == "" || scope == c.scope) && (status == 401 || status == 403):
				t.Errorf("%s %s with %q: %d %s", c.method, c.path, scope, status, text)
			}
		}
	}
	for _, method := range []string{"OPTIONS", "GET"} {
		response, _ := p.ask(method, "/api/v1/server", "Origin: https://evil.example", "Access-Control-Request-Method: GET")
		for name := range response.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s gets %s", method, name)
			}
		}
	}
}

// A key whose line is gone opens nothing once the file is read again.
func TestAKeyIsRevoked(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	p.ok(200, "read", "GET", "/server", "")
	_, hash := auth.NewAPIKey()
	if err := os.WriteFile(p.file, []byte("other "+hash), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	if status, text := p.call("read", "GET", "/server", ""); status != 401 {
		t.Error(status, text)
	}
	if err := os.WriteFile(p.file, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(); err == nil || !strings.Contains(err.Error(), "api-key-file") {
		t.Error(err)
	}
	p.ok(200, "", "GET", "/server", "")
}

// Everything that an operator does to a room reaches the people in it.
func TestAProgramActsOnARoom(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	created := p.ok(201, "rooms", "POST", "/rooms", `{"roomId":"room-1","roomName":"Film","invites":[{"role":"HOST"}]}`)
	if !strings.Contains(created, `"invite":`) {
		t.Error(created)
	}
	ann, bob := p.open("room-1", "ann"), p.open("room-1", "bob")
	ann.create(`"protocol":1`)
	bob.join(`"protocol":1`)
	ann.expect("USER_JOINED")
	if text := p.ok(200, "read", "GET", "/rooms?q=FIL", ""); !strings.Contains(text, `"roomId":"room-1","roomName":"Film","people":2,"connected":2,"entry":"OPEN"`) {
		t.Error(text)
	}
	if text := p.ok(200, "read", "GET", "/rooms?q=other", ""); !strings.Contains(text, `"rooms":[]`) {
		t.Error(text)
	}
	p.ok(204, "moderate", "POST", "/rooms/room-1/announcements", `{"text":"Soon over"}`)
	ann.expect("ANNOUNCEMENT")
	bob.expect("ANNOUNCEMENT")
	if text := p.ok(200, "moderate", "PATCH", "/rooms/room-1", `{"entry":"LOCKED","maxPeople":3,"controlMode":"FREE_FOR_ALL"}`); !strings.Contains(text, `"controlMode":"FREE_FOR_ALL","entry":"LOCKED"`) {
		t.Error(text)
	}
	for _, c := range []*client{ann, bob} {
		c.expect("DOOR_CHANGED")
		c.expect("CONTROL_MODE_CHANGE")
	}
	p.ok(204, "moderate", "PATCH", "/rooms/room-1/people/bob", `{"role":"HOST"}`)
	ann.expect("HOST_CHANGED")
	bob.expect("HOST_CHANGED")
	for _, reason := range []string{"%ff", "a%c3", "%ed%a0%80"} { // not UTF-8: the room goes on
		if text := p.ok(400, "moderate", "PUT", "/rooms/room-1/bans/ann?reason="+reason, ""); !strings.Contains(text, "INVALID_MESSAGE") {
			t.Error(text)
		}
	}
	p.ok(204, "moderate", "PUT", "/rooms/room-1/bans/ann?reason=Enough", "")
	ann.expect("KICKED")
	bob.expect("USER_LEFT")
	if text := p.ok(200, "read", "GET", "/rooms/room-1", ""); !strings.Contains(text, `"bans":[{"userId":"ann"`) || !strings.Contains(text, `"role":"HOST"`) {
		t.Error(text)
	}
	p.ok(204, "moderate", "DELETE", "/rooms/room-1/bans/ann", "")
	p.ok(201, "rooms", "POST", "/rooms/room-1/invites", `{"invites":[{"once":true}]}`)
	p.ok(204, "moderate", "DELETE", "/rooms/room-1?reason=Over", "")
	bob.expect("ERROR")
	bob.closed(4004)
	if text := p.ok(404, "moderate", "DELETE", "/rooms/room-1", ""); !strings.Contains(text, "ROOM_NOT_FOUND") {
		t.Error(text)
	}
	var server struct {
		Counts struct{ Refusals []struct{ Code string } }
	}
	if err := json.Unmarshal([]byte(p.ok(200, "read", "GET", "/server", "")), &server); err != nil || len(server.Counts.Refusals) == 0 {
		t.Error(err, server)
	}
}

func TestAProgramIsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	p.pair("room-1")
	for _, c := range []struct{ method, path, body, code string }{
		{"GET", "/rooms?limit=0", "", "INVALID_PAGE"}, {"GET", "/rooms?limit=201", "", "INVALID_PAGE"}, {"GET", "/rooms?cursor=!", "", "INVALID_PAGE"},
		{"GET", "/rooms/no", "", "INVALID_ROOM_ID"}, {"GET", "/rooms/room-2", "", "ROOM_NOT_FOUND"},
		{"PATCH", "/rooms/room-1", `{"entry":"AJAR"}`, "INVALID_MESSAGE"}, {"PATCH", "/rooms/room-1", `{"maxPeople":51}`, "INVALID_MESSAGE"},
		{"PATCH", "/rooms/room-1", `{"colour":1}`, "INVALID_MESSAGE"}, {"PATCH", "/rooms/room-1", `{}{}`, "INVALID_MESSAGE"},
		{"POST", "/rooms/room-1/announcements", `{"text":""}`, "INVALID_MESSAGE"},
		{"PATCH", "/rooms/room-1/people/ann", `{"role":"GUEST"}`, "NOT_ALLOWED"}, {"PATCH", "/rooms/room-1/people/ann", `{"role":"KING"}`, "INVALID_MESSAGE"},
		{"DELETE", "/rooms/room-1/people/cem", "", "TARGET_NOT_FOUND"}, {"DELETE", "/rooms/room-1/people/%20", "", "INVALID_USER_ID"},
		{"PUT", "/rooms/room-1", "", "METHOD_NOT_ALLOWED"}, {"GET", "/nothing", "", "NOT_FOUND"}, {"POST", "/drain", `{"node":"other"}`, "NOT_FOUND"},
		{"GET", "/events?room=no", "", "INVALID_ROOM_ID"}, {"GET", "/rooms/room-2/signaling", "", "ROOM_NOT_FOUND"},
	} {
		if status, text := p.call("", c.method, c.path, c.body); status < 400 || !strings.Contains(text, `"code":"`+c.code+`"`) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
	}
}

// eventStream reads server-sent events.
type eventStream struct {
	*program
	lines *bufio.Scanner
}

func (p *program) stream(path, last string) *eventStream {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, "GET", p.url("/api/v1"+path), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.keys["read"])
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := p.web.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		p.t.Fatal(response.Status, response.Header)
	}
	s := &eventStream{p, bufio.NewScanner(response.Body)}
	s.lines.Scan() // retry: it shows that the stream is open
	return s
}

// next returns the next event.
func (s *eventStream) next() (id, name, data string) {
	s.t.Helper()
	for s.lines.Scan() {
		key, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch {
		case key == "id":
			id = value
		case key == "event":
			name = value
		case key == "data":
			data = value
		case data != "":
			return id, name, data
		}
	}
	s.t.Fatal("the stream has ended: ", s.lines.Err())
	return "", "", ""
}

// What happens is streamed, and whoever comes back gets what it has missed, or is told that some of
// it is gone.
func TestEventsAreResumed(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	events := p.stream("/events", "")
	ann, _ := p.pair("room-1")
	var first string
	for i, want := range []string{"room.created", "user.joined", "user.joined"} {
		id, name, data := events.next()
		if name != want || !strings.Contains(data, `"roomId":"room-1"`) {
			t.Fatal(id, name, data)
		}
		if i == 0 {
			first = id
		}
	}
	ann.leave()
	if _, name, data := events.next(); name != "user.left" || !strings.Contains(data, `"reason":"left"`) {
		t.Error(name, data)
	}
	again := p.stream("/events?type=user.left", first)
	if _, name, _ := again.next(); name != "user.left" {
		t.Error(name)
	}
	gone := p.stream("/events", "another-1")
	if _, name, data := gone.next(); name != "gap" || !strings.Contains(data, first) {
		t.Error(name, data)
	}
	if id, name, _ := gone.next(); id != first || name != "room.created" {
		t.Error(id, name)
	}
}

// What was read before a key is taken away is all that it reads.
func TestAStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	ann, bob := p.pair("room-1")
	streams := []*eventStream{p.stream("/events", ""), p.stream("/rooms/room-1/signaling", "")}
	_, hash := auth.NewAPIKey()
	if err := os.WriteFile(p.file, []byte("other "+hash), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	ann.offer("bob", "v=0")
	bob.expect("WEBRTC_OFFER")
	ann.leave()
	for _, s := range streams {
		for s.lines.Scan() {
			if strings.HasPrefix(s.lines.Text(), "data") {
				t.Fatal(s.lines.Text())
			}
		}
	}
}

// Watching shows types and sizes, and never what is in a message.
func TestSignalingIsWatchedWithoutContents(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	ann, bob := p.pair("room-1")
	watching := p.stream("/rooms/room-1/signaling", "")
	ann.offer("bob", "v=0 private")
	bob.expect("WEBRTC_OFFER")
	for _, want := range []string{`"sent":false,"userId":"ann","type":"WEBRTC_OFFER"`, `"sent":true,"userId":"bob","type":"WEBRTC_OFFER"`} {
		if _, _, data := watching.next(); !strings.Contains(data, want) || strings.Contains(data, "private") {
			t.Error(data)
		}
	}
}

func TestAProgramDrainsTheServer(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	ann := p.open("room-1", "ann")
	ann.create()
	events := p.stream("/events", "")
	p.ok(202, "admin", "POST", "/drain", `{}`)
	ann.closed(1012)
	for events.lines.Scan() {
	}
}

// The admin page is served with its own policy, to pages of this origin only.
func TestTheAdminPageHasAStrictPolicy(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	for path, want := range map[string]string{"/admin": "text/html", "/admin/admin.js": "text/javascript", "/admin/plot.js": "text/javascript", "/admin/admin.css": "text/css"} {
		response, _ := p.ask("GET", path, "Origin: https://evil.example")
		policy := response.Header.Get("Content-Security-Policy")
		if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), want) || response.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s %v", path, response.Status, response.Header)
		}
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: %s", path, policy)
		}
	}
}
