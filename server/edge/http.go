package edge

import (
	"bytes"
	"encoding/json"
	stdlog "log"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/protocol"
)

// The bounds of an HTTP request. A handshake with every header that browsers
// and proxies add is under 4 KiB. None of the time-outs outlives a Hijack.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
	// retryAfter is what 429 and 503 ask clients to wait, in seconds.
	retryAfter = "2"
)

// errorBody is an error over HTTP: the ERROR message and the request's id.
type errorBody struct {
	Type      string        `json:"type"`
	Code      protocol.Code `json:"code"`
	Error     string        `json:"error"`
	Details   string        `json:"details,omitempty"`
	Retryable bool          `json:"retryable"`
	Timestamp int64         `json:"timestamp"`
	RequestID string        `json:"requestId,omitempty"`
}

// writeError answers by an error. code must have an HTTP status; details may
// be "" and must not repeat more than 64 bytes of the client's.
func writeError(w http.ResponseWriter, r *http.Request, code protocol.Code, details string) {
	refusal := code.Lookup()
	if refusal.Status == 0 {
		panic("server: " + string(code) + " has no HTTP status")
	}
	h := w.Header()
	// A handler may have set these for the answer that it did not get to give.
	for _, name := range []string{"Content-Encoding", "Content-Range", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	switch refusal.Status {
	case http.StatusUpgradeRequired: // RFC 9110, section 15.5.22
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", retryAfter)
		}
	}
	writeJSON(w, refusal.Status, errorBody{
		Type: "ERROR", Code: code, Error: refusal.Error, Details: details, Retryable: refusal.Retryable,
		Timestamp: time.Now().UnixMilli(), RequestID: requestID(r),
	})
}

// writeJSON answers by a value that encodes as JSON. Nothing that this server
// says is worth keeping in a cache.
func writeJSON(w http.ResponseWriter, status int, value any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("server: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client may be gone
}

// healthRoutes are /health, which the existing extension knows, /healthz (the
// process answers) and /readyz (new rooms are welcome). ready returns "", or
// the code that says why not: STORAGE_UNAVAILABLE or DRAINING.
func healthRoutes(ready func() protocol.Code) []route {
	say := func(status string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			writeJSON(w, http.StatusOK, struct {
				Status    string `json:"status"`
				Timestamp int64  `json:"timestamp"`
			}{status, time.Now().UnixMilli()})
		}
	}
	isReady := say("ready")
	return []route{
		// A supervisor on an address that floods the server must not take it for dead.
		{path: "/health", always: true, handler: say("healthy")},
		{path: "/healthz", always: true, handler: say("ok")},
		{path: "/readyz", always: true, handler: func(w http.ResponseWriter, r *http.Request) {
			if code := ready(); code != "" {
				writeError(w, r, code, "")
				return
			}
			isReady(w, r)
		}},
	}
}

// newHTTPServer returns a server with bounds on everything that a client can
// stretch. It speaks HTTP/1.1 alone: there is no Hijack in HTTP/2.
func newHTTPServer(handler http.Handler, g *gate, log *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         new(http.Protocols),
		ErrorLog:          stdlog.New(httpLog{log}, "", 0),
		// OPTIONS * gets CORS headers from the router, too.
		DisableGeneralOptionsHandler: true,
	}
	server.Protocols.SetHTTP1(true)
	g.watch(server)
	return server
}

// httpLog passes on what net/http has to say, without addresses: its lines
// about a connection name the client's.
type httpLog struct{ log *slog.Logger }

func (l httpLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	handshake, failed := strings.CutPrefix(text, "http: TLS handshake error from ")
	_, reason, _ := strings.Cut(handshake, ": ")
	switch {
	case failed && strings.HasPrefix(reason, "acme/") && !strings.Contains(reason, "not configured") && !strings.Contains(reason, "server name"):
		l.log.Warn("no certificate", "error", reason) // for the operator to mend
	case failed && strings.HasPrefix(reason, "acme/"): // for a name that the client made up
		l.log.Debug("TLS handshake failed", "error", clip(reason, maxLoggedPathBytes))
	case failed && (strings.HasPrefix(reason, "tls: ") || strings.HasPrefix(reason, "remote error: tls: ")):
		l.log.Debug("TLS handshake failed", "error", reason)
	case failed:
		l.log.Debug("TLS handshake failed") // the reason is the socket's, with both its addresses
	case strings.HasPrefix(text, "http: panic serving "):
		l.log.Error("panic outside of the router")
	default:
		l.log.Warn("net/http", "message", text)
	}
	return len(line), nil
}
