package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// maxOriginBytes bounds the Origin headers that are looked at: a scheme, the longest domain name
// and a port fit.
const maxOriginBytes = 320

// OriginList is Config.AllowOrigins, compiled. It never changes.
type OriginList struct {
	all      bool
	exact    map[string]struct{}
	patterns []string
}

// ParseOrigins compiles a list of origins: "*", "null", "file://", exact origins and
// patterns, as Config.AllowOrigins says. An empty list allows no origin.
func ParseOrigins(list []string) (*OriginList, error) {
	l := &OriginList{exact: make(map[string]struct{})}
	for _, entry := range list {
		origin, err := parseOrigin(entry)
		switch {
		case err != nil:
			return nil, fmt.Errorf("origin %q: %w", entry, err)
		case origin == "*":
			l.all = true
		case strings.Contains(origin, "*"):
			l.patterns = append(l.patterns, origin)
		default:
			l.exact[origin] = struct{}{}
		}
	}
	return l, nil
}

// parseOrigin checks one entry and returns it as a browser serializes it (RFC 6454, section 6.2).
func parseOrigin(entry string) (string, error) {
	if entry == "*" || entry == "null" {
		return entry, nil
	}
	if len(entry) > maxOriginBytes {
		return "", fmt.Errorf("is longer than %d bytes", maxOriginBytes)
	}
	for _, c := range []byte(entry) {
		if c <= ' ' || c >= 0x7f {
			return "", errors.New("has a character that no origin has; write international names in their xn-- form")
		}
	}
	scheme, rest, found := strings.Cut(entry, "://")
	switch {
	// some webviews send this for a page without a host
	case rest == "" && strings.EqualFold(entry, "file://"):
		return "file://", nil
	case !found || scheme == "" || rest == "":
		return "", errors.New(`want *, null, file:// or scheme://host[:port], such as https://example.org`)
	case strings.ContainsAny(rest, "/?#"):
		return "", errors.New("an origin has no path; end after the host or port, without a slash")
	case strings.Contains(rest, "@"):
		return "", errors.New("an origin has no user name")
	}
	host, port := splitOriginHost(rest)
	if host[0] == ':' {
		return "", errors.New("the host is missing")
	}
	if port != "" && strings.Trim(port[1:], "0123456789*") != "" || port == ":" {
		return "", errors.New("the port must be a number or *")
	}
	if strings.HasSuffix(host, "*") && host != "*" {
		return "", errors.New("a * at the end of a host also allows longer names, of anybody; put the name's end after it")
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); host[0] == '[' && !strings.Contains(host, "*") && (err != nil || !ip.Is6()) {
		return "", errors.New("the text in [ ] must be an IPv6 address")
	}
	return canonicalOrigin(entry), nil
}

// splitOriginHost splits host [ ":" port ]; the colon stays with the port.
func splitOriginHost(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') && i > 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// canonicalOrigin lowers the case of scheme and host and drops the scheme's default port, which
// browsers never send.
func canonicalOrigin(origin string) string {
	origin = strings.ToLower(origin)
	switch {
	case strings.HasPrefix(origin, "https://"):
		return strings.TrimSuffix(origin, ":443")
	case strings.HasPrefix(origin, "http://"):
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}

// Any reports whether every origin is allowed.
func (l *OriginList) Any() bool { return l.all }

// Allows reports whether a browser's Origin is allowed. It does not allocate for the lower-case
// origins that browsers send.
func (l *OriginList) Allows(origin string) bool { return l.all || l.Names(origin) }

// Names reports whether an entry other than "*" allows the origin.
func (l *OriginList) Names(origin string) bool {
	if len(origin) > maxOriginBytes {
		return false
	}
	origin = canonicalOrigin(origin)
	if _, ok := l.exact[origin]; ok {
		return true
	}
	for _, pattern := range l.patterns {
		if matchOrigin(pattern, origin) {
			return true
		}
	}
	return false
}

// AllowsRequest reports whether the origin of a request may be served. A request without an Origin
// does not come from a browser's page and is allowed.
func (l *OriginList) AllowsRequest(r *http.Request) bool {
	switch origins := r.Header.Values("Origin"); len(origins) {
	case 0:
		return true
	case 1:
		return l.Allows(origins[0])
	}
	return l.all
}

// matchOrigin matches a pattern in which * stands for any run of characters except "/". When a
// character does not match, the last * takes one more: the time is at most the product of the
// lengths.
func matchOrigin(pattern, origin string) bool {
	star, taken := -1, 0
	p, o := 0, 0
	for o < len(origin) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, o
			p++
		case p < len(pattern) && pattern[p] == origin[o]:
			p++
			o++
		case star >= 0 && origin[taken] != '/':
			taken++
			p, o = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
