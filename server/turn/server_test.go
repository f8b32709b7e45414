package turn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
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
