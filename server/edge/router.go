package edge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"usher/protocol"
	"usher/server/metrics"
	"usher/server/tracing"
)

const (
	maxBodyBytes = 16 << 10
	// maxLoggedPathBytes bounds how many of a client's bytes a log line repeats.
	maxLoggedPathBytes = 64
	// corsMaxAge is the longest time that Chromium keeps a preflight's response, in seconds.
	corsMaxAge = "7200"
	// RefusalDelay is how long a request waits to be refused if its address has used up its budget.
	RefusalDelay = 500 * time.Millisecond
	// ReliefDelay is the same for probes, which may have a time-out of a second.
	ReliefDelay = 100 * time.Millisecond
)

// corsHeaders are what lets a page of another origin read a response.
var corsHeaders = []string{"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Allow-Private-Network"}

// router handles what every HTTP request needs: request id, CORS and security headers, method
// check, recovery, log and metrics. It keeps nothing of a request whose handler has returned, so a
// hijacked connection costs it nothing.
type router struct {
	mux *http.ServeMux
	// sockets are the patterns of WebSockets.
	sockets []string
	origins *OriginList
	trusted []netip.Prefix
	log     *slog.Logger
	metrics *metrics.Metrics
	tracer  *tracing.Tracer
	// page is set if links to rooms lead to a page here.
	page bool
	// gate has the budgets of addresses. It is nil in tests without budgets.
	gate *gate
}

// newRouter returns the handler of all routes.
func newRouter(c *Config, origins *OriginList, g *gate, routes ...route) *router {
	e := &router{mux: http.NewServeMux(), origins: origins, trusted: c.TrustedProxies, log: c.Log, metrics: c.Metrics, tracer: c.Tracer, page: c.Page, gate: g}
	for _, rt := range routes {
		e.mux.HandleFunc(rt.path, e.guard(rt))
		if rt.socket {
			e.mux.HandleFunc(rt.path+"/{$}", e.guard(rt))
			e.sockets = append(e.sockets, rt.path, rt.path+"/{$}")
		}
	}
	if !slices.ContainsFunc(routes, func(rt route) bool { return rt.path == "/" }) {
		e.mux.HandleFunc("/", e.notFound)
	}
	return e
}

// guard charges the request, checks its method and responds to OPTIONS (RFC 9110, section 9.3.7).
func (e *router) guard(rt route) http.HandlerFunc {
	allow := rt.allow()
	methods := strings.Split(allow, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		if a, ok := w.(*response); ok {
			a.pattern = rt.path
		}
		if rt.private {
			for _, name := range corsHeaders {
				w.Header().Del(name)
			}
		}
		switch {
		case !e.affords(r, rt):
			WriteError(w, r, protocol.CodeRateLimited, "")
		case r.Method == http.MethodOptions && rt.private:
			w.Header().Set("Allow", allow)
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodOptions:
			e.preflight(w, allow)
		case !slices.Contains(methods, r.Method):
			w.Header().Set("Allow", allow)
			WriteError(w, r, protocol.CodeMethodNotAllowed, "")
		default:
			rt.handler(w, r)
		}
	}
}

// notFound responds with 404, but lets a preflight pass, because otherwise a page could not read
// the 404.
func (e *router) notFound(w http.ResponseWriter, r *http.Request) {
	if !e.affords(r, route{}) {
		WriteError(w, r, protocol.CodeRateLimited, "")
		return
	}
	if r.Method == http.MethodOptions {
		e.preflight(w, (&route{}).allow())
		return
	}
	if e.page && mendLink(w, r) {
		return
	}
	WriteError(w, r, protocol.CodeNotFound, "")
}

// affords charges a request to the budget of its address, and returns false if that is used up. A
// client that keeps asking then has to wait for each response, because a refusal costs as much as
// most responses do.
func (e *router) affords(r *http.Request, rt route) bool {
	s := senderOf(r).source
	if s == nil || e.gate.spend(s, requests, max(1, rt.cost)) {
		return true
	}
	delay := RefusalDelay
	if rt.always {
		delay = ReliefDelay
	}
	e.gate.delay(r.Context(), s, delay)
	return rt.always
}

func (e *router) preflight(w http.ResponseWriter, allow string) {
	h, headers := w.Header(), "Authorization, Content-Type"
	if e.tracer != nil {
		headers += ", Traceparent"
	}
	h.Set("Allow", allow)
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", headers)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
}

func (e *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 && !takesBody(r.Method) {
		unawaited(w)
	}
	if sendRecorded(w, r) {
		return
	}
	start := time.Now()
	v := &visit{id: e.requestID(r), span: beginSpan(e.tracer, r)}
	if e.gate != nil {
		v.from = e.gate.sender(r)
		defer e.gate.letGo(v.from)
	}
	a := &response{ResponseWriter: w, hasBody: r.ContentLength != 0}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	}
	e.setHeaders(w.Header(), r, v.id)
	defer e.finish(a, r, start)
	if !isClean(r.URL.EscapedPath()) {
		e.notFound(a, r)
		return
	}
	e.mux.ServeHTTP(a, r)
}

// takesBody reports whether some route reads the body of a request with this method.
func takesBody(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// unawaited has the response sent at once. Otherwise net/http waits for a body that nobody has
// read, to use the connection again.
func unawaited(w http.ResponseWriter) { w.Header().Set("Connection", "close") }

// takesSocket reports whether a request is for a WebSocket's path.
func (e *router) takesSocket(r *http.Request) bool {
	if !isClean(r.URL.EscapedPath()) {
		return false
	}
	_, pattern := e.mux.Handler(r)
	return slices.Contains(e.sockets, pattern)
}

// isClean reports whether ServeMux takes the path as it is. It would respond to any other with a
// redirect in HTML, or with an empty 400.
func isClean(p string) bool {
	cleaned := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == cleaned || p == cleaned+"/" && cleaned != "/")
}

// setHeaders sets the headers that every response has. A route that serves pages replaces the
// Content-Security-Policy with its own.
func (e *router) setHeaders(h http.Header, r *http.Request, id string) {
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	// Whoever knows a room id can join, and the URLs of pages contain room ids.
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
	origin := r.Header.Get("Origin")
	// "*" names no origin: with "*" any web page could reach into the network that the server is
	// in.
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Private-Network") == "true" && e.origins.Names(origin) {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	if e.origins.Any() {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Set("Vary", "Origin")
	if origin != "" && e.origins.AllowsRequest(r) {
		h.Set("Access-Control-Allow-Origin", origin)
	}
}

// finish ends a request: it responds in place of a handler that panicked, and counts and logs. The
// log has the route's pattern instead of the path, because whoever knows a room's id can join.
func (e *router) finish(a *response, r *http.Request, start time.Time) {
	id := requestID(r)
	v := recover()
	if v != nil && v != http.ErrAbortHandler {
		e.log.Error("request handler panicked", "panic", fmt.Sprint(v), "requestId", id, "stack", string(debug.Stack()))
		if a.status == 0 {
			WriteError(a, r, protocol.CodeInternal, "")
			v = nil
		}
	}
	if a.status == 0 && v == nil {
		a.status = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
	where := a.pattern
	if where == "" {
		where = clip(r.URL.Path, maxLoggedPathBytes)
	}
	level := slog.LevelDebug
	if a.status >= http.StatusInternalServerError {
		level = slog.LevelInfo
	}
	e.metrics.Requested(a.pattern, a.status)
	endSpan(visitOf(r).span, a, r)
	e.log.LogAttrs(context.Background(), level, "request", slog.String("method", clip(r.Method, 16)), slog.String("path", where),
		slog.Int("status", a.status), slog.Duration("duration", time.Since(start)), slog.String("requestId", id))
	if v != nil && a.hijacked != nil {
		// net/http no longer closes it.
		_ = a.hijacked.Close()
	}
	if v != nil {
		// Half a response has been sent: net/http cuts it off, so that nobody mistakes it for a
		// whole one.
		panic(http.ErrAbortHandler)
	}
}

func clip(s string, maxBytes int) string {
	if len(s) > maxBytes {
		s = strings.ToValidUTF8(s[:maxBytes], "") + "…"
	}
	return s
}

// requestID makes an id, or takes over the one of a trusted proxy. An id chosen by a client could
// forge the log.
func (e *router) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); len(id) >= 8 && protocol.ValidUserID(id) && inNetworks(e.trusted, remoteAddress(r)) {
		return id
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}
