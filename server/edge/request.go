package edge

import (
	"net/http"
	"net/url"
	"strings"
)

// roomIDOf returns the room id of a query.
func roomIDOf(query string) string { return parameter(query, "roomId=") }

// parameter returns the value of a query's last parameter of a name, which ends in =. A legacy
// client doubles the query from its second connection on (roomId=OLD?roomId=NEW), so a question
// mark begins a parameter as well.
func parameter(query, name string) string {
	for end := len(query); ; {
		i := strings.LastIndex(query[:end], name)
		switch {
		case i < 0:
			return ""
		case i > 0 && query[i-1] != '&' && query[i-1] != '?':
			end = i
			continue
		}
		value, _, _ := strings.Cut(query[i+len(name):], "&")
		value, _ = url.QueryUnescape(value)
		return value
	}
}

// bearer returns the token of a request's Authorization (RFC 6750, section 2.1), and whether the
// request has that header at all: a malformed one proves nothing, but is meant to.
func bearer(r *http.Request) (token string, given bool) {
	authorization := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	return strings.TrimSpace(token), authorization != ""
}

// Bearer returns the bearer token of a request, "" if there is none.
func Bearer(r *http.Request) string {
	token, _ := bearer(r)
	return token
}
