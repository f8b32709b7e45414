package edge

import (
	stdlog "log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"usher/protocol"
)

// The bounds of an HTTP request. A handshake with every header that browsers and proxies add is
// under 4 KiB. None of the time-outs outlives a Hijack.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
)

// healthRoutes are /health, which legacy clients use, /healthz (the process responds) and /readyz
// (new rooms are welcome). ready returns "", or the code that says why not: STORAGE_UNAVAILABLE or
// DRAINING.
func healthRoutes(ready func() protocol.Code) []route {
	say := func(status string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			WriteJSON(w, http.StatusOK, struct {
				Status    string `json:"status"`
				Timestamp int64  `json:"timestamp"`
			}{status, time.Now().UnixMilli()})
		}
	}
	isReady := say("ready")
	return []route{
		// A supervisor at an address that floods the server must not conclude that the server is
		// dead.
		{path: "/health", always: true, handler: say("healthy")},
		{path: "/healthz", always: true, handler: say("ok")},
		{path: "/readyz", always: true, handler: func(w http.ResponseWriter, r *http.Request) {
			if code := ready(); code != "" {
				WriteError(w, r, code, "")
				return
			}
			isReady(w, r)
		}},
	}
}

// newHTTPServer returns a server that bounds everything that a client can stretch. It speaks only
// HTTP/1.1, because HTTP/2 has no Hijack.
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
		// OPTIONS * gets CORS headers from the router too.
		DisableGeneralOptionsHandler: true,
	}
	server.Protocols.SetHTTP1(true)
	g.watch(server)
	return server
}

// httpLog passes on the messages of net/http without addresses: its lines about a connection name
// the client's.
type httpLog struct{ log *slog.Logger }

func (l httpLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	handshake, failed := strings.CutPrefix(text, "http: TLS handshake error from ")
	_, reason, _ := strings.Cut(handshake, ": ")
	switch {
	case failed && strings.HasPrefix(reason, "acme/") && !strings.Contains(reason, "not configured") && !strings.Contains(reason, "server name"):
		l.log.Warn("no certificate", "error", reason) // for the operator to fix
	case failed && strings.HasPrefix(reason, "acme/"): // for a name that the client made up
		l.log.Debug("TLS handshake failed", "error", clip(reason, maxLoggedPathBytes))
	case failed && (strings.HasPrefix(reason, "tls: ") || strings.HasPrefix(reason, "remote error: tls: ")):
		l.log.Debug("TLS handshake failed", "error", reason)
	case failed:
		// the reason is a socket error, which has both addresses
		l.log.Debug("TLS handshake failed")
	case strings.HasPrefix(text, "http: panic serving "):
		l.log.Error("panic outside of the router")
	default:
		l.log.Warn("net/http", "message", text)
	}
	return len(line), nil
}
