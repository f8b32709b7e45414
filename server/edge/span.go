package edge

import (
	"net/http"
	"slices"
	"strconv"

	"usher/server/tracing"
)

// untraced are the routes that programs ask every few seconds.
var untraced = []string{"/metrics", "/health", "/healthz", "/readyz", "/cluster/owner", "/cluster/status"}

// beginSpan begins the span of a request, none for one that is not traced.
func beginSpan(tracer *tracing.Tracer, r *http.Request) tracing.Span {
	if tracer == nil || slices.Contains(untraced, r.URL.Path) {
		return tracing.Span{}
	}
	return tracer.Begin(parentOf(r), tracing.Server, methodOf(r))
}

// parentOf returns the span that the client says its request is part of. Browsers can set no header
// of a WebSocket's handshake, so its query may say it instead.
func parentOf(r *http.Request) *tracing.Context {
	switch lines := r.Header["Traceparent"]; {
	case len(lines) == 1:
		return tracing.ParseParent(lines[0])
	case len(lines) == 0 && r.Header["Upgrade"] != nil:
		return tracing.ParseParent(parameter(r.URL.RawQuery, "traceparent="))
	}
	return nil
}

// methodOf is one of few, whatever the client calls it.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "_OTHER"
}

// endSpan ends the span of a request with the route's pattern, because the path may have a room's
// id.
func endSpan(s tracing.Span, a *response, r *http.Request) {
	if !s.Exists() {
		return
	}
	method := methodOf(r)
	s.Text("http.request.method", method)
	if a.pattern != "" {
		s.Name(method + " " + a.pattern)
		s.Text("http.route", a.pattern)
	}
	switch {
	case a.status == 0:
		s.Fail("aborted")
	case a.status >= http.StatusInternalServerError:
		s.Fail(strconv.Itoa(a.status))
		fallthrough
	default:
		s.Number("http.response.status_code", a.status)
	}
	s.End()
}
