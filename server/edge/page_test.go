package edge

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"usher/protocol"
	"usher/server/servertest"
	"usher/web"
)

// startPage serves a small page with the same edge as the real page.
func startPage(t *testing.T) *routed {
	t.Helper()
	routes, err := pageRoutes(fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html><title>usher</title>")},
		"page.js":    {Data: []byte(strings.Repeat("go();", 100))},
		"page.css":   {Data: []byte("p { color: red }")},
		"film.mp4":   {Data: []byte("0123456789")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return serveRoutes(t, nil, append(routes, healthRoutes(func() protocol.Code { return "" })...)...)
}

func TestPageIsServed(t *testing.T) {
	s := startPage(t)
	for _, test := range []struct {
		path, contentType, body string
	}{
		{"/", "text/html; charset=utf-8", "<!doctype html><title>usher</title>"},
		{"/?from=a-friend", "text/html; charset=utf-8", "<!doctype html><title>usher</title>"},
		{"/page.js", "text/javascript; charset=utf-8", strings.Repeat("go();", 100)},
		{"/page.css", "text/css; charset=utf-8", "p { color: red }"},
		{"/film.mp4", "video/mp4", "0123456789"},
	} {
		response, body := s.ask(t, "GET", test.path, "Accept-Encoding: identity")
		if response.StatusCode != 200 || body != test.body {
			t.Errorf("%s: %d %q", test.path, response.StatusCode, body)
		}
		for name, want := range map[string]string{
			"Content-Type": test.contentType, "Cache-Control": "no-cache", "Content-Security-Policy": pagePolicy,
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Encoding": "",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", test.path, name, got, want)
			}
		}
		if head, body := s.ask(t, "HEAD", test.path); head.StatusCode != 200 || body != "" || head.Header.Get("Etag") == "" {
			t.Errorf("HEAD %s: %d %q", test.path, head.StatusCode, body)
		}
	}
}

func TestPageIsAskedForAgainButNotSentAgain(t *testing.T) {
	s := startPage(t)
	for _, path := range []string{"/", "/page.js", "/film.mp4"} {
		for _, coding := range []string{"identity", "gzip"} {
			first, _ := s.ask(t, "GET", path, "Accept-Encoding: "+coding)
			again, body := s.ask(t, "GET", path, "Accept-Encoding: "+coding, "If-None-Match: "+first.Header.Get("Etag"))
			if again.StatusCode != 304 || body != "" || again.Header.Get("Content-Security-Policy") != pagePolicy {
				t.Errorf("%s, %s: %d %q", path, coding, again.StatusCode, body)
			}
			other, _ := s.ask(t, "GET", path, "Accept-Encoding: "+coding, `If-None-Match: "another"`)
			if other.StatusCode != 200 {
				t.Errorf("%s, %s, another version: %d", path, coding, other.StatusCode)
			}
		}
	}
}

func TestPageIsPackedForWhoTakesIt(t *testing.T) {
	s := startPage(t)
	for _, test := range []struct {
		path, accept, coding string
	}{
		{"/page.js", "gzip, deflate, br, zstd", "gzip"},
		{"/page.js", "br, GZIP", "gzip"},
		{"/page.js", "gzip;q=0", ""},
		{"/page.js", "br", ""},
		{"/page.js", "", ""},
		{"/film.mp4", "gzip", ""},
	} {
		response, body := s.ask(t, "GET", test.path, "Accept-Encoding: "+test.accept)
		if got := response.Header.Get("Content-Encoding"); got != test.coding {
			t.Errorf("%s for %q: Content-Encoding %q, want %q", test.path, test.accept, got, test.coding)
		}
		if packs := strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Accept-Encoding"); packs != (test.path == "/page.js") {
			t.Errorf("%s for %q: Vary %q", test.path, test.accept, response.Header.Values("Vary"))
		}
		if test.coding == "gzip" {
			r, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if whole, err := io.ReadAll(r); err != nil || !bytes.Equal(whole, []byte(strings.Repeat("go();", 100))) {
				t.Errorf("%s unpacked: %q, %v", test.path, whole, err)
			}
		}
	}
}

func TestFilmIsSentInParts(t *testing.T) {
	s := startPage(t)
	for _, test := range []struct {
		asked, part, body string
		status            int
	}{
		{"bytes=2-4", "bytes 2-4/10", "234", 206},
		{"bytes=7-", "bytes 7-9/10", "789", 206},
		{"bytes=-2", "bytes 8-9/10", "89", 206},
		{"bytes=10-", "bytes */10", "", 416},
	} {
		response, body := s.ask(t, "GET", "/film.mp4", "Range: "+test.asked)
		if response.StatusCode != test.status || response.Header.Get("Content-Range") != test.part || test.status == 206 && body != test.body {
			t.Errorf("%s: %d %q %q", test.asked, response.StatusCode, response.Header.Get("Content-Range"), body)
		}
	}
	packed, body := s.ask(t, "GET", "/page.js", "Range: bytes=0-4", "Accept-Encoding: gzip")
	if packed.StatusCode != 206 || body != "go();" {
		t.Errorf("a part of what is packed otherwise: %d %q", packed.StatusCode, body)
	}
}

func TestPageLeavesOtherPathsAlone(t *testing.T) {
	s := startPage(t)
	for _, test := range []struct {
		method, path string
		want         protocol.Code
	}{
		{"GET", "/index.html", protocol.CodeNotFound}, // it is only at /
		{"GET", "/nothing", protocol.CodeNotFound},
		{"GET", "/page.js/", protocol.CodeNotFound},
		{"GET", "//page.js", protocol.CodeNotFound},
		{"GET", "/../page.js", protocol.CodeNotFound},
		{"POST", "/", protocol.CodeMethodNotAllowed},
		{"PUT", "/page.js", protocol.CodeMethodNotAllowed},
	} {
		response, body := s.ask(t, test.method, test.path)
		servertest.WantError(t, response, body, test.want)
		if got := response.Header.Get("Content-Security-Policy"); got == pagePolicy {
			t.Errorf("%s %s: the page's policy", test.method, test.path)
		}
	}
	if response, _ := s.ask(t, "GET", "/health"); response.StatusCode != 200 {
		t.Errorf("/health: %d", response.StatusCode)
	}
	if response, _ := s.ask(t, "OPTIONS", "/"); response.StatusCode != http.StatusNoContent {
		t.Errorf("OPTIONS /: %d", response.StatusCode)
	}
}

func TestFileOfUnknownTypeIsRefused(t *testing.T) {
	if _, err := pageRoutes(fstest.MapFS{"notes.doc": {}}); err == nil || !strings.Contains(err.Error(), "notes.doc") {
		t.Errorf("%v", err)
	}
}

// TestBuiltPage checks the page in the program: it must be complete, load nothing that does not
// exist, and have the same policy on Cloudflare.
func TestBuiltPage(t *testing.T) {
	routes, err := pageRoutes(web.Files())
	if err != nil {
		t.Fatal(err)
	}
	s := serveRoutes(t, nil, routes...)
	_, page := s.ask(t, "GET", "/", "Accept-Encoding: identity")
	if strings.Contains(page, "<style") || strings.Contains(page, " style=") || strings.Contains(page, "<script>") {
		t.Error("the page has a style or script in it that its policy forbids")
	}
	for _, path := range []string{"/page.js", "/page.css", "/favicon.svg"} {
		if response, _ := s.ask(t, "GET", path); response.StatusCode != 200 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
		if !strings.Contains(page, `="`+path[1:]+`"`) {
			t.Errorf("the page does not ask for %s", path)
		}
	}
	if film, _ := s.ask(t, "GET", "/leader.mp4", "Range: bytes=0-99"); film.StatusCode != 206 {
		t.Errorf("the film: %d", film.StatusCode)
	}
	headers, err := os.ReadFile("../../web/dist/_headers")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(headers), "  Content-Security-Policy: "+pagePolicy+"\n") {
		t.Errorf("web/src/_headers has another policy than %s", pagePolicy)
	}
}
