package edge

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/auth"
	"usher/server/metrics"
	"usher/server/servertest"
)

// routed is a router on a real socket.
type routed struct {
	*httptest.Server
	log     *servertest.LogBuffer
	metrics *metrics.Metrics
}

// testConfig returns a Config without bounds.
func testConfig() Config {
	return Config{
		Auth:  &auth.Auth{Passes: auth.NewPasses([32]byte{}, nil)},
		Ready: func() protocol.Code { return "" }, Full: func() bool { return false }, RunningMs: func() int64 { return 0 },
		AllowOrigins: []string{"*"}, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler),
	}
}

func serveRoutes(t *testing.T, change func(*Config), routes ...route) *routed {
	t.Helper()
	log := new(servertest.LogBuffer)
	config := testConfig()
	config.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(&config)
	}
	origins, err := ParseOrigins(config.AllowOrigins)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(&config)
	h := newRouter(&config, origins, g, routes...)
	s := httptest.NewUnstartedServer(h)
	s.Config = newHTTPServer(h, g, config.Log)
	s.Start()
	t.Cleanup(s.Close)
	return &routed{s, log, config.Metrics}
}

// ask sends a request with headers given as "Name: value".
func (s *routed) ask(t *testing.T, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	response, err := s.Client().Transport.RoundTrip(r) // does not follow redirects
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func pong(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, 200, "pong") }

func TestMethodsAndPathsThatAreNotServedGetJSONErrors(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/ping", handler: pong}, route{path: "/rooms/{id}", handler: pong},
		route{path: "/post", methods: []string{"POST"}, handler: pong})
	for _, test := range []struct {
		method, path string
		code         protocol.Code
		allow        string
	}{
		{"POST", "/ping", protocol.CodeMethodNotAllowed, "GET, HEAD, OPTIONS"},
		{"BREW", "/rooms/abcdef", protocol.CodeMethodNotAllowed, "GET, HEAD, OPTIONS"},
		{"GET", "/post", protocol.CodeMethodNotAllowed, "POST, OPTIONS"},
		{"GET", "/", protocol.CodeNotFound, ""},
		{"GET", "//", protocol.CodeNotFound, ""},
		{"GET", "/ping/", protocol.CodeNotFound, ""},
		{"GET", "//ping", protocol.CodeNotFound, ""},
		{"GET", "/x/../ping", protocol.CodeNotFound, ""},
		{"GET", "/rooms//", protocol.CodeNotFound, ""},
		{"DELETE", "/nothing", protocol.CodeNotFound, ""},
	} {
		response, body := s.ask(t, test.method, test.path)
		servertest.WantError(t, response, body, test.code)
		if got := response.Header.Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow is %q", test.method, test.path, got)
		}
	}
	for _, method := range []string{"GET", "HEAD"} {
		response, body := s.ask(t, method, "/ping")
		if response.StatusCode != 200 || response.ContentLength != int64(len("\"pong\"\n")) || (body == "") != (method == "HEAD") {
			t.Errorf("%s /ping: %d, %d bytes, %q", method, response.StatusCode, response.ContentLength, body)
		}
	}
}

func TestEveryResponseHasCORSAndSecurityHeaders(t *testing.T) {
	listed := func(c *Config) { c.AllowOrigins = []string{"https://*.example.org", "null"} }
	// A page from elsewhere may ask a server in a private network only if the list names the
	// page's origin; * names none.
	named := func(origin string) bool { return origin == "https://a.example.org" || origin == "null" }
	for _, test := range []struct {
		change                    func(*Config)
		origin, wantAllow, wantVy string
	}{
		{nil, "", "*", ""},
		{nil, "https://a.test", "*", ""},
		{func(c *Config) { c.AllowOrigins = []string{"*", "https://b.example.org"} }, "https://a.test", "*", ""},
		{func(c *Config) { c.AllowOrigins = []string{"*", "https://a.example.org"} }, "https://a.example.org", "*", ""},
		{listed, "https://a.example.org", "https://a.example.org", "Origin"},
		{listed, "null", "null", "Origin"},
		{listed, "https://evil.test", "", "Origin"},
		{listed, "", "", "Origin"},
	} {
		s := serveRoutes(t, test.change, route{path: "/ping", handler: pong})
		for _, path := range []string{"/ping", "/nothing"} {
			for _, method := range []string{"GET", "OPTIONS"} {
				var headers []string
				if test.origin != "" {
					headers = []string{"Origin: " + test.origin, "Access-Control-Request-Private-Network: true"}
				}
				response, _ := s.ask(t, method, path, headers...)
				h := response.Header
				if h.Get("Access-Control-Allow-Origin") != test.wantAllow || h.Get("Vary") != test.wantVy {
					t.Errorf("%s %s from %q: %v", method, path, test.origin, h)
				}
				if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Security-Policy") == "" {
					t.Errorf("%s %s: %v", method, path, h)
				}
				if method == "GET" {
					continue
				}
				private := h.Get("Access-Control-Allow-Private-Network") == "true"
				if response.StatusCode != 204 || h.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" || h.Get("Access-Control-Allow-Headers") == "" ||
					h.Get("Access-Control-Max-Age") == "" || private != named(test.origin) {
					t.Errorf("preflight %s from %q: %d %v", path, test.origin, response.StatusCode, h)
				}
			}
		}
	}
}

// This server has no time-out: a response that waits for the body never comes.
func TestABodyThatNobodyReadsIsNotAwaited(t *testing.T) {
	config := testConfig()
	origins, err := ParseOrigins(config.AllowOrigins)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(newRouter(&config, origins, nil, route{path: "/here", handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }}))
	defer s.Close()
	for _, request := range []string{
		"GET /here HTTP/1.1\r\nContent-Length: 10",
		"GET /here HTTP/1.1\r\nContent-Length: 100000",
		"GET /here HTTP/1.1\r\nTransfer-Encoding: chunked",
		"HEAD /here HTTP/1.1\r\nContent-Length: 10",
		"OPTIONS /here HTTP/1.1\r\nTransfer-Encoding: chunked",
		"GET /nowhere HTTP/1.1\r\nContent-Length: 10",
		"POST /here HTTP/1.1\r\nContent-Length: 10",
		"POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked",
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(servertest.Patience))
		_, _ = io.WriteString(conn, request+"\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		if !response.Close {
			t.Errorf("%q: the connection goes on, and the body would be its next request", request)
		}
	}
}

func TestPanicAnswersInternalAndStackStaysInTheLog(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/boom", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		panic("kaboom")
	}})
	response, body := s.ask(t, "GET", "/boom")
	servertest.WantError(t, response, body, protocol.CodeInternal)
	if strings.Contains(body, "kaboom") || response.Header.Get("Content-Encoding") != "" {
		t.Errorf("leaks: %v %s", response.Header, body)
	}
	log := s.log.String()
	if !strings.Contains(log, "kaboom") || !strings.Contains(log, "router_test.go") || strings.Count(log, response.Header.Get("X-Request-Id")) != 2 {
		t.Errorf("log: %s", log)
	}
}

func TestPanicAfterHalfAResponseCutsItOff(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/half", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("kaboom")
	}})
	response, err := s.Client().Get(s.URL + "/half")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("a whole answer: %q", body)
	}
}

func TestHijackWorksAndAPanicAfterItClosesTheSocket(t *testing.T) {
	hijack := map[string]func(http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error){
		"asserted": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) { return w.(http.Hijacker).Hijack() },
		"controller": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
			return http.NewResponseController(w).Hijack()
		},
	}
	for name, take := range hijack {
		s := serveRoutes(t, nil, route{path: "/rooms/{id}/ws", handler: func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := take(w)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nroom %s", r.PathValue("id"))
			panic("after the hijack")
		}})
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /rooms/secret-room/ws?userId=somebody HTTP/1.1\r\nHost: x\r\n\r\n")
		got, err := io.ReadAll(conn) // ends because the edge closed it
		if err != nil || !strings.HasSuffix(string(got), "room secret-room") || strings.Contains(string(got), "ERROR") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		s.Close()
		if log := s.log.String(); !strings.Contains(log, "path=/rooms/{id}/ws status=101") || strings.Contains(log, "secret-room") || strings.Contains(log, "somebody") {
			t.Errorf("%s: log: %s", name, log)
		}
	}
}

func TestLogHasNeitherQueryNorAddressNorLongPath(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/ping", handler: pong})
	response, _ := s.ask(t, "GET", "/ping?roomId=secret")
	s.ask(t, "GET", "/"+strings.Repeat("x", 500))
	s.Close()
	log := s.log.String()
	if strings.Contains(log, "secret") || strings.Contains(log, "127.0.0.1") || strings.Contains(log, strings.Repeat("x", 64)) {
		t.Errorf("log: %s", log)
	}
	if !strings.Contains(log, "method=GET path=/ping status=200") || !strings.Contains(log, "requestId="+response.Header.Get("X-Request-Id")) {
		t.Errorf("log: %s", log)
	}
}

func TestRequestIDOfAClientIsBelievedOnlyFromATrustedProxy(t *testing.T) {
	proxied := func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	for _, test := range []struct {
		change  func(*Config)
		id      string
		believe bool
	}{
		{nil, "0123456789abcdef", false},
		{proxied, "0123456789abcdef", true},
		{proxied, "4bf92f35-77b3-4da6", true},
		{proxied, "short", false},
		{proxied, `abc"def ghi`, false},
		{proxied, strings.Repeat("a", 65), false},
	} {
		s := serveRoutes(t, test.change, route{path: "/ping", handler: pong})
		response, _ := s.ask(t, "GET", "/ping", "X-Request-Id: "+test.id)
		got := response.Header.Get("X-Request-Id")
		if (got == test.id) != test.believe || !test.believe && len(got) != 16 {
			t.Errorf("%q became %q", test.id, got)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := serveRoutes(t, nil, route{path: "/post", methods: []string{"POST"}, handler: func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		WriteJSON(w, 200, fmt.Sprint(n, err != nil))
	}})
	for size, want := range map[int]string{maxBodyBytes: "16384 false", maxBodyBytes + 1: "16384 true"} {
		response, err := s.Client().Post(s.URL+"/post", "text/plain", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%d bytes: %s", size, body)
		}
	}
}

func TestOptionsOfTheWholeServerIsAnswered(t *testing.T) {
	s := serveRoutes(t, nil)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	got, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(got), "HTTP/1.1 204") || !strings.Contains(string(got), "Access-Control-Allow-Origin: *") {
		t.Errorf("%q", got)
	}
}
