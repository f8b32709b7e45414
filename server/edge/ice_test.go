package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/protocol"

	"usher/server/servertest"
)

func TestParseICEServer(t *testing.T) {
	for in, want := range map[string]ICEServer{
		"stun:stun.example.org":                             {URLs: []string{"stun:stun.example.org"}},
		" STUN:stun.example.org:3478 ":                      {URLs: []string{"stun:stun.example.org:3478"}},
		"stuns:[2001:db8::1]:5349":                          {URLs: []string{"stuns:[2001:db8::1]:5349"}},
		"stun:192.0.2.1;stun:[2001:db8::1]":                 {URLs: []string{"stun:192.0.2.1", "stun:[2001:db8::1]"}},
		"turn:t.example.org:3478?transport=udp":             {URLs: []string{"turn:t.example.org:3478?transport=udp"}},
		"turns:t.example.org?transport=tcp":                 {URLs: []string{"turns:t.example.org?transport=tcp"}},
		"turn:t:1;username=alice;credential=a;b,c=d":        {[]string{"turn:t:1"}, "alice", "a;b,c=d"},
		`{"urls":"turn:t","username":"a","credential":"b"}`: {[]string{"turn:t"}, "a", "b"},
		`{"urls":["stun:s","turn:t"],"username":"a","credential":"b","credentialType":"password"}`: {[]string{"stun:s", "turn:t"}, "a", "b"},
	} {
		if got, err := ParseICEServer(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, %v", in, got, err)
		}
	}
}

func TestParseICEServerRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "has no URL",
		"{":                                    "not a JSON RTCIceServer",
		`{"urls":1}`:                           "not a JSON RTCIceServer",
		`{}`:                                   "has no URL",
		`{"urls":[]}`:                          "has no URL",
		"http://example.org":                   "must begin with one of stun:",
		"example.org:3478":                     "must begin with one of stun:",
		"stun:":                                "host must be",
		"stun://example.org":                   "no // after stun:",
		"stun:example.org?transport=udp":       "stun takes no ?",
		"turn:example.org?transport=sctp":      "only transport=udp or transport=tcp",
		"turn:example.org?":                    "only transport=udp or transport=tcp",
		"turn:alice:hunter2@example.org":       "no user and password",
		"turn:t,username=a,credential=hunter2": "by semicolons",
		"stun:exa mple.org":                    "host must be",
		"stun:-x.org":                          "host must be",
		"stun:a..b":                            "host must be",
		"stun:example.org:0":                   "port must be",
		"stun:example.org:65536":               "port must be",
		"stun:example.org:":                    "port must be",
		"stun:2001:db8::1":                     "goes in [ ]",
		"stun:[192.0.2.1]":                     "must be an IPv6 address",
		"stun:[fe80::1%eth0]":                  "must be an IPv6 address",
		"stun:[2001:db8::1":                    "must be an IPv6 address",
		"stun:[2001:db8::1]3478":               "only :port may follow",
		"turn:t;username=a":                    "needs both",
		"turn:t;credential=hunter2":            "needs both",
		"stun:s;username=a;credential=hunter2": "are for turn and turns",
		"turn:t;credental=hunter2":             "must begin with one of stun:",
		"turn:t;username=" + strings.Repeat("u", 509) + ";credential=hunter2": "longer than 508 bytes",
	} {
		_, err := ParseICEServer(in)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestICEServerNeverShowsItsCredential(t *testing.T) {
	server := ICEServer{[]string{"turn:t"}, "alice", "hunter2"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "server", server)
	if text := log.String() + fmt.Sprintf("%v %+v %s", server, &server, []ICEServer{server}); strings.Contains(text, "hunter2") || !strings.Contains(text, "turn:t") {
		t.Error(text)
	}
}

// This computed the vector: printf %s 1700003600:user-1 | openssl dgst -sha1 -hmac north -binary |
// base64
func TestTURNCredentialIsThatOfTheRESTAPI(t *testing.T) {
	provider := &configuredICE{
		servers: []ICEServer{{URLs: []string{"stun:s"}}, {URLs: []string{"turn:t"}}, {[]string{"turns:own"}, "alice", "static"}},
		secret:  []byte("north"),
		now:     func() time.Time { return time.Unix(1_700_000_000, 0) },
	}
	got, err := provider.ICEServers(t.Context(), "user-1", time.Hour)
	want := []ICEServer{{URLs: []string{"stun:s"}}, {[]string{"turn:t"}, "1700003600:user-1", "xSNMCz+RrHHdTRWq4GHtfh7Is3s="}, {[]string{"turns:own"}, "alice", "static"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
	if provider.servers[1].Username != "" {
		t.Error("the configuration was changed")
	}
}

type fakeICE struct {
	userID string
	ttl    time.Duration
	err    error
}

func (f *fakeICE) ICEServers(ctx context.Context, userID string, ttl time.Duration) ([]ICEServer, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("no deadline")
	}
	f.userID, f.ttl = userID, ttl
	return []ICEServer{{URLs: []string{"stun:s"}}}, f.err
}

func originsOf(t *testing.T, list ...string) *OriginList {
	t.Helper()
	l, err := ParseOrigins(list)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTURNCredentialsChecksWhatItIsAsked(t *testing.T) {
	provider := new(fakeICE)
	s := serveRoutes(t, nil, turnRoute(provider, originsOf(t, "https://a.test"), slog.New(slog.DiscardHandler)))
	for _, test := range []struct {
		query, origin string
		code          protocol.Code
		ttl           time.Duration
	}{
		{"?userId=user-1_a.b:c", "", "", defaultCredentialTTL},
		{"?userId=u&ttl=300", "https://a.test", "", 300 * time.Second},
		{"?userId=u&ttl=86400", "", "", 86400 * time.Second},
		{"?userId=u", "https://b.test", protocol.CodeOriginNotAllowed, 0},
		{"", "", protocol.CodeInvalidUserID, 0},
		{"?userId=", "", protocol.CodeInvalidUserID, 0},
		{"?userId=a%20b", "", protocol.CodeInvalidUserID, 0},
		{"?userId=" + strings.Repeat("a", 65), "", protocol.CodeInvalidUserID, 0},
		{"?userId=u&ttl=", "", protocol.CodeInvalidTTL, 0},
		{"?userId=u&ttl=299", "", protocol.CodeInvalidTTL, 0},
		{"?userId=u&ttl=86401", "", protocol.CodeInvalidTTL, 0},
		{"?userId=u&ttl=300.5", "", protocol.CodeInvalidTTL, 0},
		{"?userId=u&ttl=%2B300", "", protocol.CodeInvalidTTL, 0},
		{"?userId=u&ttl=99999999999999999999", "", protocol.CodeInvalidTTL, 0},
	} {
		headers := []string{"X-Test: 1"}
		if test.origin != "" {
			headers = append(headers, "Origin: "+test.origin)
		}
		*provider = fakeICE{}
		response, body := s.ask(t, "GET", "/turn-credentials"+test.query, headers...)
		if !response.Close || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", test.query, response.Header)
		}
		if provider.ttl != test.ttl {
			t.Errorf("%s: ttl %s", test.query, provider.ttl)
		}
		if test.code != "" {
			// The second list of origins belongs to the edge, and is * here.
			servertest.WantError(t, response, body, test.code)
		} else if response.StatusCode != 200 || body != `{"iceServers":[{"urls":["stun:s"]}]}`+"\n" {
			t.Errorf("%s: %d %s", test.query, response.StatusCode, body)
		}
	}
}

func TestTURNCredentialsOfAFailingProvider(t *testing.T) {
	s := serveRoutes(t, nil, turnRoute(&fakeICE{err: errors.New("provider is down")}, originsOf(t, "*"), slog.New(slog.DiscardHandler)))
	response, body := s.ask(t, "GET", "/turn-credentials?userId=u")
	servertest.WantError(t, response, body, protocol.CodeICEUnavailable)
	if strings.Contains(body, "down") {
		t.Error(body)
	}
}

func TestTURNCredentialsOfNoServerIsAnEmptyList(t *testing.T) {
	for _, secret := range []string{"", "north"} {
		cfg := testConfig()
		cfg.TURNSecret = secret
		s := serveRoutes(t, nil, turnRoute(newConfiguredICE(&cfg), originsOf(t, "*"), cfg.Log))
		if _, body := s.ask(t, "GET", "/turn-credentials?userId=u"); body != `{"iceServers":[]}`+"\n" {
			t.Error(body)
		}
	}
}

func FuzzParseICEServer(f *testing.F) {
	f.Add("turn:t.example.org:3478?transport=udp;username=a;credential=b")
	f.Add(`{"urls":["stun:[2001:db8::1]:3478"]}`)
	f.Fuzz(func(t *testing.T, s string) {
		server, err := ParseICEServer(s)
		if err != nil {
			return
		}
		// An accepted server survives the way to a browser and back.
		encoded, err := json.Marshal(server)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseICEServer(string(encoded))
		if err == nil && reflect.DeepEqual(again.URLs, server.URLs) {
			return
		}
		t.Errorf("%q became %s: %v", s, encoded, err)
	})
}
