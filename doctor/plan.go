package doctor

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Plan is what to examine. Only URL is required.
type Plan struct {
	// URL is the server's: https://usher.example.org or wss://usher.example.org/ws.
	URL string
	// Origin is that of the pages that connect; "" for the server's own page.
	Origin string
	// Tokens are JSON Web Tokens for a server with accounts, one for each of at most two people.
	Tokens []string
	// Ticket and Invite are the other ways in, for one person.
	Ticket, Invite string
	// Room is an existing room to join instead of a new one, and Passcode its passcode.
	Room, Passcode string
	// Idle is for how long a connection is silent, to find out who closes it; 0 for no time.
	Idle time.Duration
	// Authorities are trusted instead of the system's.
	Authorities *x509.CertPool
	// Resolver looks names up; nil for the system's.
	Resolver *net.Resolver
}

// Error is a plan that cannot be carried out, with advice.
type Error struct{ Problem, Hint string }

// Error returns the problem, without the hint.
func (e *Error) Error() string { return e.Problem }

// target is the server's address in its parts.
type target struct {
	secure     bool
	host, port string
	// prefix is the path in front of the server's own paths, usually "".
	prefix string
}

// parseTarget reads the URL of a page, a WebSocket or a server.
func parseTarget(text string) (target, error) {
	const hint = "such as https://usher.example.org or wss://usher.example.org/ws"
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil {
		return target{}, &Error{fmt.Sprintf("%q is not the URL of a server", text), hint}
	}
	t := target{host: u.Hostname(), port: u.Port(), prefix: strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/ws")}
	switch u.Scheme {
	case "https", "wss":
		t.secure = true
	case "http", "ws":
	default:
		return target{}, &Error{fmt.Sprintf("%q is not the URL of a server", text), hint}
	}
	if t.port == "" {
		t.port = map[bool]string{true: "443", false: "80"}[t.secure]
	}
	return t, nil
}

// url returns the URL of one of the server's paths, with the scheme http or ws, or their secure
// forms.
func (t target) url(scheme, path string) string {
	if t.secure {
		scheme += "s"
	}
	return scheme + "://" + t.authority() + t.prefix + path
}

// authority is host and port as they stand in a URL.
func (t target) authority() string {
	if t.port == (map[bool]string{true: "443", false: "80"})[t.secure] {
		if strings.Contains(t.host, ":") {
			return "[" + t.host + "]"
		}
		return t.host
	}
	return net.JoinHostPort(t.host, t.port)
}

// origin is what a browser sends for the server's own page.
func (t target) origin() string {
	t.prefix = ""
	return t.url("http", "")
}

// isLocal reports whether the server is on this machine.
func (t target) isLocal() bool {
	address, err := netip.ParseAddr(t.host)
	return err == nil && address.IsLoopback() || strings.EqualFold(t.host, "localhost") || strings.HasSuffix(strings.ToLower(t.host), ".localhost")
}

func (p *Plan) check() (target, error) {
	switch {
	case len(p.Tokens) > 2:
		return target{}, &Error{fmt.Sprintf("%d tokens for two people", len(p.Tokens)), "one or two"}
	case boolCount(len(p.Tokens) > 0, p.Ticket != "", p.Invite != "") > 1:
		return target{}, &Error{"tokens, a ticket and an invite are different ways in", "use one of them"}
	case p.Idle < 0:
		return target{}, &Error{"a silence cannot be negative", "0s for none"}
	}
	return parseTarget(p.URL)
}

func boolCount(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}
