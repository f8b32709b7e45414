package edge

import (
	"net/http"
	"strings"
	"testing"
)

func TestOrigins(t *testing.T) {
	for _, test := range []struct {
		list         string
		allows, bars string
	}{
		{"*", "https://a.test null chrome-extension://abc anything", ""},
		{"https://a.test *", "https://b.test", ""},
		{"", "", "https://a.test null"},
		{"null", "null", "https://a.test NULLx file://"},
		{"file://", "file:// FILE://", "null https://a.test file:///x file://a.test"},
		{"https://a.test null file://", "null file:// https://a.test", "https://b.test"},
		{"https://a.test", "https://a.test HTTPS://A.Test https://a.test:443", "http://a.test https://a.test:8443 https://a.test.evil https://b.test null https://a.test/"},
		{"HTTPS://A.Test:443 http://b.test:80", "https://a.test http://b.test", "https://a.test:80"},
		{"chrome-extension://abcdefgh", "chrome-extension://abcdefgh", "chrome-extension://abcdefghi moz-extension://abcdefgh"},
		{"chrome-extension://*", "chrome-extension://abc", "https://abc"},
		{"https://*.a.test", "https://x.a.test https://x.y.a.test", "https://a.test https://xa.test https://x.a.test:8443 https://evil/.a.test http://x.a.test https://x.a.test.evil"},
		{"http://localhost:*", "http://localhost:5173", "http://localhost.evil:1 http://localhost:1/x"},
		{"https://*", "https://a.test https://a.test:8443", "http://a.test"},
		{"*://a.test", "https://a.test http://a.test", "https://b.test"},
		{"https://a*b*c.test", "https://abc.test https://axbxbc.test https://abbc.test", "https://acb.test https://abc.tes"},
		{"https://[::1]:8443", "https://[::1]:8443", "https://[::1]"},
	} {
		l, err := ParseOrigins(strings.Fields(test.list))
		if err != nil {
			t.Errorf("%s: %v", test.list, err)
			continue
		}
		for _, origin := range strings.Fields(test.allows) {
			if !l.Allows(origin) {
				t.Errorf("%q bars %s", test.list, origin)
			}
		}
		for _, origin := range strings.Fields(test.bars) {
			if l.Allows(origin) {
				t.Errorf("%q allows %s", test.list, origin)
			}
		}
		if l.Any() != strings.Contains(" "+test.list+" ", " * ") {
			t.Errorf("%q: Any is %v", test.list, l.Any())
		}
		if long := "https://" + strings.Repeat("x", maxOriginBytes) + ".a.test"; l.Allows(long) && !l.Any() {
			t.Errorf("%q allows an endless origin", test.list)
		}
	}
}

func TestOriginsThatCannotBeMeantAreRefused(t *testing.T) {
	for entry, want := range map[string]string{
		"":                       "want *, null, file:// or",
		"a.test":                 "want *, null, file:// or",
		"https://":               "want *, null, file:// or",
		"://a.test":              "want *, null, file:// or",
		"file:///":               "no path",
		"https://a.test/":        "no path",
		"https://a.test?x":       "no path",
		"https://u@a.test":       "no user name",
		"https://a test":         "a character",
		"https://bücher.example": "xn--",
		"https://a.test:":        "port",
		"https://a.test:http":    "port",
		"https://:8443":          "host is missing",
		"https://a.test*":        "at the end of a host",
		"https://a.*":            "at the end of a host",
		"https://a.*:8443":       "at the end of a host",
		"https://[x]":            "IPv6",
		"https://" + strings.Repeat("x", maxOriginBytes): "longer than",
	} {
		if _, err := ParseOrigins([]string{"https://ok.test", entry}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func TestRequestWithoutAnOriginIsLetIn(t *testing.T) {
	l := originsOf(t, "https://a.test")
	for _, test := range []struct {
		origins []string
		want    bool
	}{
		{nil, true},
		{[]string{"https://a.test"}, true},
		{[]string{"https://b.test"}, false},
		{[]string{""}, false},
		{[]string{"https://a.test", "https://b.test"}, false},
	} {
		if got := l.AllowsRequest(&http.Request{Header: http.Header{"Origin": test.origins}}); got != test.want {
			t.Errorf("%q: %v", test.origins, got)
		}
	}
}

func TestExactOriginIsCheckedWithoutAllocation(t *testing.T) {
	l := originsOf(t, "https://a.test", "https://*.b.test")
	if n := testing.AllocsPerRun(100, func() { l.Allows("https://a.test"); l.Allows("https://x.b.test") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
