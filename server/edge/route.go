package edge

import (
	"net/http"
	"slices"
	"strings"
)

// route is one path of the server.
type route struct {
	// path is a http.ServeMux pattern without method and host: "/rooms/{id}/ws".
	path string
	// methods are the allowed ones; empty means GET. GET allows HEAD; OPTIONS never gets here.
	methods []string
	// socket marks the path of a WebSocket, for which only GET is allowed (RFC 6455, section 4.1),
	// and which may end with a slash.
	socket  bool
	handler http.HandlerFunc
	// cost is how many requests one counts as; 0 means 1.
	cost int
	// private: no page of another origin may use it.
	private bool
	// always is set if even an address that has used up its budget gets a response.
	always bool
}

// allow is the value of Allow and Access-Control-Allow-Methods.
func (rt *route) allow() string {
	methods := rt.methods
	if len(methods) == 0 {
		methods = []string{http.MethodGet}
	}
	if !rt.socket && slices.Contains(methods, http.MethodGet) && !slices.Contains(methods, http.MethodHead) {
		methods = append([]string{http.MethodGet, http.MethodHead}, slices.DeleteFunc(slices.Clone(methods),
			func(m string) bool { return m == http.MethodGet })...)
	}
	return strings.Join(append(slices.Clone(methods), http.MethodOptions), ", ")
}
