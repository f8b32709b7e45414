package edge

import (
	"net/http"

	"usher/web"
)

// adminPolicy is the Content-Security-Policy of the admin page: everything comes from here, and
// nothing is written into the page as code or markup.
const adminPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// adminRoutes are /admin and the files that it loads. They say nothing of the server: the page asks
// the API, with a token.
func adminRoutes() ([]route, error) {
	routes, err := pageRoutes(web.AdminFiles())
	for i := range routes {
		rt := &routes[i]
		if rt.private = true; rt.path == "/{$}" {
			rt.path = ""
		}
		rt.path = "/admin" + rt.path
		serve := rt.handler
		rt.handler = func(w http.ResponseWriter, r *http.Request) { serve(&adminResponse{w}, r) }
	}
	return routes, err
}

// adminResponse sets the policy of the admin page.
type adminResponse struct{ http.ResponseWriter }

func (a *adminResponse) WriteHeader(status int) {
	a.Header().Set("Content-Security-Policy", adminPolicy)
	a.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	a.ResponseWriter.WriteHeader(status)
}
