package doctor

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"usher/server"
	"usher/server/servertest"
)

// examine runs an examination, and fails if a finding is reported twice or not at all.
func examine(t *testing.T, plan Plan) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var told []Finding
	report, err := Run(ctx, plan, Watcher{Found: func(f Finding) { told = append(told, f) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != len(report.Findings) || report.Grade != worst(told) {
		t.Errorf("%d findings were told, %d are in the report, which is %s", len(told), len(report.Findings), report.Grade)
	}
	return report
}

func (r *Report) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s: %s. %s\n", f.Grade, f.Check, f.Found, f.Do)
	}
	return b.String()
}

// find returns the first finding of a check, and of a grade and with a text.
func (r *Report) find(check string, grade Grade, text string) *Finding {
	for i, f := range r.Findings {
		if f.Check == check && f.Grade == grade && strings.Contains(f.Found, text) {
			return &r.Findings[i]
		}
	}
	return nil
}

func TestAHealthyServerHasNoWarning(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	healthy := serve(t, relays)
	front := secure(t, behind(t, healthy, nil), a.issue("usher.test", time.Now().Add(60*24*time.Hour)))
	itself := strings.Replace(serve(t, a.certify), "http://127.0.0.1", "https://usher.test", 1)
	for name, plan := range map[string]Plan{
		"usher's TLS": {URL: itself, Authorities: a.pool, Resolver: nameServer(t)},
		"plain HTTP":  {URL: healthy, Idle: 50 * time.Millisecond},
		"WebSocket":   {URL: strings.Replace(healthy, "http", "ws", 1) + "/ws"},
		"TLS":         {URL: front, Authorities: a.pool, Resolver: nameServer(t), Origin: "https://elsewhere.example"},
	} {
		report := examine(t, plan)
		if report.Grade != OK {
			t.Errorf("%s:\n%v", name, report)
		}
		for _, check := range []string{"dns", "connect", "tls", "server", "ready", "clock", "page", "cors", "websocket", "origin", "frames",
			"room.create", "room.relay", "room.resume", "ice", "stun", "turn", "room.leave"} {
			if report.find(check, OK, "") == nil {
				t.Errorf("%s: no %s in\n%v", name, check, report)
			}
		}
		if name == "usher's TLS" && report.find("turn", OK, "over TLS") == nil {
			t.Errorf("no TURN over TLS in\n%v", report)
		}
		if report.find("room.resume", OK, "nothing sent meanwhile is lost") == nil {
			t.Errorf("%s: nothing was held:\n%v", name, report)
		}
	}
}

// host makes a room and stays in it.
func host(t *testing.T, url, room, more string) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url+"/ws?roomId="+room, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	request := `{"type":"CREATE_ROOM","roomId":"` + room + `","userId":"ann","userName":"Ann","protocol":1` + more + `}`
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(request)); err != nil {
		t.Fatal(err)
	}
	if _, text, err := ws.Read(t.Context()); err != nil || !bytes.Contains(text, []byte("ROOM_CREATED")) {
		t.Fatalf("%s %v", text, err)
	}
	go func() { // what others cause
		for err == nil {
			_, _, err = ws.Read(context.Background())
		}
	}()
}

func TestRefusalsOfRooms(t *testing.T) {
	t.Parallel()
	const room = "doctor-room-1"
	for name, f := range map[string]fault{
		"too many rooms": {plan: func(t *testing.T) Plan {
			url := serve(t, func(c *server.Config) { c.MaxRoomsPerAddress = 1 })
			host(t, url, room, "")
			return Plan{URL: url}
		}, check: "room.create", grade: Fail, found: "TOO_MANY_ROOMS", do: "--max-rooms-per-address"},
		"a room that is full": {plan: func(t *testing.T) Plan {
			url := serve(t, func(c *server.Config) { c.Room.MaxPeople = 2 })
			host(t, url, room, "")
			return Plan{URL: url, Room: room}
		}, check: "room.join", grade: Fail, found: "ROOM_FULL", do: "--max-people"},
		"a room with a passcode": {plan: func(t *testing.T) Plan {
			url := serve(t, nil)
			host(t, url, room, `,"door":{"passcode":"sesame"}`)
			return Plan{URL: url, Room: room}
		}, check: "room.join", grade: Warn, found: "PASSCODE_REQUIRED", do: "--passcode"},
		"a door where people knock": {plan: func(t *testing.T) Plan {
			url := serve(t, nil)
			host(t, url, room, `,"door":{"entry":"KNOCK"}`)
			return Plan{URL: url, Room: room}
		}, check: "room.join", grade: Warn, found: "have to knock", do: "admit"},
		"accounts": {plan: func(t *testing.T) Plan { return Plan{URL: withAccounts(t, true)} },
			check: "room.create", grade: Warn, found: "AUTH_REQUIRED", do: "--token"},
		"accounts that may create no room": {plan: func(t *testing.T) Plan { return Plan{URL: withAccounts(t, false), Tokens: []string{token("ann")}} },
			check: "room.create", grade: Warn, found: "CREATE_NOT_ALLOWED", do: "--room"},
		"a token of somebody else's": {plan: func(t *testing.T) Plan { return Plan{URL: withAccounts(t, true), Tokens: []string{token("ann") + "x"}} },
			check: "room.create", grade: Fail, found: "INVALID_TOKEN", do: "issuer"},
		"a token for a server without accounts": {plan: func(t *testing.T) Plan { return Plan{URL: serve(t, nil), Tokens: []string{token("ann")}} },
			check: "room.create", grade: Fail, found: "no accounts", do: "leave --token out"},
	} {
		t.Run(name, f.test)
	}
}

const accountsKey = "a secret of at least 32 bytes, for tests only"

func withAccounts(t *testing.T, mayCreate bool) string {
	t.Helper()
	return serve(t, func(c *server.Config) {
		c.Auth.KeyFile = filepath.Join(t.TempDir(), "jwt.secret")
		c.Auth.MayCreate = mayCreate
		if err := os.WriteFile(c.Auth.KeyFile, []byte(accountsKey), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

// token is a JSON Web Token with HS256.
func token(user string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":%q,"exp":%d}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(accountsKey))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

func TestTheWaysInAreTried(t *testing.T) {
	t.Parallel()
	url := withAccounts(t, true)
	request, _ := http.NewRequest(http.MethodPost, url+"/tickets?roomId=doctor-room-2", nil)
	request.Header.Set("Authorization", "Bearer "+token("zoe"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct{ Ticket string }
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	open := serve(t, nil)
	host(t, open, "doctor-room-3", `,"door":{"passcode":"sesame"}`)
	for name, c := range map[string]struct {
		plan          Plan
		check, wanted string
	}{
		"a ticket":   {Plan{URL: url, Ticket: body.Ticket}, "room.resume", "a ticket is for one seat"},
		"one token":  {Plan{URL: url, Tokens: []string{token("ann")}}, "room.resume", "gets the seat back"},
		"two tokens": {Plan{URL: url, Tokens: []string{token("ann"), token("bob")}}, "room.relay", "an offer passes"},
		"a passcode": {Plan{URL: open, Room: "doctor-room-3", Passcode: "sesame"}, "room.relay", "an offer passes"},
	} {
		if report := examine(t, c.plan); report.Grade != OK || report.find(c.check, OK, c.wanted) == nil {
			t.Errorf("%s:\n%v", name, report)
		}
	}
}

func TestPlainHTTPShouldLeadToHTTPS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	healthy := serve(t, relays)
	front := secure(t, behind(t, healthy, nil), a.issue("usher.test", time.Now().Add(60*24*time.Hour)))
	leading := plain(t, http.RedirectHandler(front, http.StatusMovedPermanently))
	for second, want := range map[string]Grade{healthy: Warn, leading: OK, "http://" + servertest.FreeAddresses(t, 1)[0]: OK} {
		plan := Plan{URL: front, Authorities: a.pool, Resolver: nameServer(t)}
		target, err := plan.check()
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(second, "http://"))
		e := &examination{plan: plan, target: target, plainPort: port}
		if report := e.run(t.Context()); report.Grade != want || report.find("redirect", want, "") == nil {
			t.Errorf("%s:\n%v", second, report)
		}
	}
}

func TestAnExaminationThatIsStoppedSaysSo(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	report, err := Run(ctx, Plan{URL: serve(t, nil)}, Watcher{Began: func(step string, _, _ int) {
		if step == "frames" {
			stop()
		}
	}})
	if err != nil || report.Grade != Fail || report.find("deadline", Fail, "stopped at frames") == nil {
		t.Errorf("%v\n%v", err, report)
	}
}

func TestPlansAreChecked(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]Plan{
		"no scheme": {URL: "localhost:8787"}, "no host": {URL: "https://"}, "another scheme": {URL: "ftp://a.example"},
		"a user": {URL: "https://ann@a.example"}, "three tokens": {URL: "ws://a.example", Tokens: make([]string, 3)},
		"two ways in": {URL: "ws://a.example", Ticket: "t", Invite: "i"}, "a negative silence": {URL: "ws://a.example", Idle: -1},
	} {
		if _, err := Run(t.Context(), plan, Watcher{}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for text, want := range map[string]string{
		"wss://a.example/ws": "https://a.example/healthz", "https://a.example/": "https://a.example/healthz", "http://a.example:80/usher/ws": "http://a.example/usher/healthz",
		"ws://[::1]:8787/ws": "http://[::1]:8787/healthz", "https://[::1]/": "https://[::1]/healthz",
	} {
		if target, err := parseTarget(text); err != nil || target.url("http", "/healthz") != want {
			t.Errorf("%s is %s, %v; want %s", text, target.url("http", "/healthz"), err, want)
		}
	}
}
