package edge

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

func TestEveryCodeWithAStatusAnswersTheSameShape(t *testing.T) {
	for _, row := range protocol.Codes {
		if row.Status == 0 {
			continue
		}
		s := serveRoutes(t, nil, route{path: "/x", handler: func(w http.ResponseWriter, r *http.Request) {
			WriteError(w, r, row.Code, "because")
		}})
		response, body := s.ask(t, "GET", "/x")
		servertest.WantError(t, response, body, row.Code)
		if !strings.Contains(body, `"details":"because"`) {
			t.Errorf("%s: %s", row.Code, body)
		}
		if again := response.Header.Get("Retry-After") != ""; again != (row.Status == 429 || row.Status == 503) {
			t.Errorf("%s: Retry-After %v", row.Code, again)
		}
		if upgrade := response.Header.Get("Upgrade"); (upgrade == "websocket") != (row.Status == 426) {
			t.Errorf("%s: Upgrade %q", row.Code, upgrade)
		}
		s.Close()
	}
}

func TestErrorWithoutAStatusIsADefect(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	WriteError(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), protocol.CodeRoomFull, "")
}

func TestHealth(t *testing.T) {
	code := protocol.Code("")
	s := serveRoutes(t, nil, healthRoutes(func() protocol.Code { return code })...)
	for path, want := range map[string]string{
		"/health":  `^\{"status":"healthy","timestamp":\d{13}\}\n$`,
		"/healthz": `^\{"status":"ok","timestamp":\d{13}\}\n$`,
		"/readyz":  `^\{"status":"ready","timestamp":\d{13}\}\n$`,
	} {
		response, body := s.ask(t, "GET", path)
		if response.StatusCode != 200 || !regexp.MustCompile(want).MatchString(body) || response.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
		if response, body = s.ask(t, "HEAD", path); response.StatusCode != 200 || body != "" {
			t.Errorf("HEAD %s: %d %s", path, response.StatusCode, body)
		}
	}
	for _, code = range []protocol.Code{protocol.CodeDraining, protocol.CodeStorageUnavailable} {
		response, body := s.ask(t, "GET", "/readyz")
		servertest.WantError(t, response, body, code)
		if response, _ := s.ask(t, "GET", "/healthz"); response.StatusCode != 200 {
			t.Errorf("not alive while %s", code)
		}
	}
}

func TestHeadersAreBounded(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/ping", handler: pong})
	for size, status := range map[int]int{8 << 10: 200, 32 << 10: 431} {
		response, _ := s.ask(t, "GET", "/ping", "X-Long: "+strings.Repeat("x", size))
		if response.StatusCode != status {
			t.Errorf("header of %d bytes: %d", size, response.StatusCode)
		}
	}
}

func TestHTTPLogNeverHoldsAddresses(t *testing.T) {
	for line, want := range map[string]string{
		"http: TLS handshake error from 192.0.2.7:5000: read tcp 10.0.0.1:443->192.0.2.7:5000: i/o timeout": `msg="TLS handshake failed"`,
		"http: TLS handshake error from [2001:db8::7]:5000: tls: no supported versions":                     `error="tls: no supported versions"`,
		"http: TLS handshake error from 192.0.2.7:5000: acme/autocert: host not configured":                 `error="acme/autocert: host not configured"`,
		"http: panic serving 192.0.2.7:5000: oops":                                                          `msg="panic outside of the router"`,
		"http: Accept error: too many open files; retrying in 5ms":                                          "too many open files",
	} {
		log := new(servertest.LogBuffer)
		_, _ = httpLog{slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}.Write([]byte(line + "\n"))
		got := log.String()
		if !strings.Contains(got, want) || strings.Contains(got, "192.0.2.7") || strings.Contains(got, "2001:db8") {
			t.Errorf("%s\nis logged as %s", line, got)
		}
	}
}

func TestMalformedRequestIsNotLoggedWithItsAddress(t *testing.T) {
	s := serveRoutes(t, nil)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "nonsense\r\n\r\n")
	if got, _ := io.ReadAll(conn); !strings.HasPrefix(string(got), "HTTP/1.1 400") {
		t.Errorf("%q", got)
	}
	s.Close()
	if log := s.log.String(); strings.Contains(log, "127.0.0.1") {
		t.Errorf("log: %s", log)
	}
}
