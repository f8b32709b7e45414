package turn

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxUsernameBytes is the bound of a USERNAME (RFC 8489, section 14.3).
const maxUsernameBytes = 508

// ICEServer is a STUN or TURN server as browsers take it: a W3C RTCIceServer. Printing or logging
// one shows only its URLs.
type ICEServer struct {
	// URLs are stun: and stuns: (RFC 7064) or turn: and turns: (RFC 7065) URLs. There is at least
	// one.
	URLs []string `json:"urls"`
	// Username and Credential are needed for turn: and turns: if no provider makes them.
	Username   string `json:"username,omitempty"`
	Credential string `json:"credential,omitempty"`
}

// ParseICEServer parses one server, in either of two forms: the members separated by semicolons,
// the credential last because it may hold semicolons,
//
//	turn:turn.example.org:3478?transport=udp;turns:turn.example.org;username=alice;credential=c
//
// or a JSON RTCIceServer. Errors never hold the credential.
func ParseICEServer(s string) (ICEServer, error) {
	s = strings.TrimSpace(s)
	var server ICEServer
	if strings.HasPrefix(s, "{") {
		// encoding/json's own error may quote a value.
		if json.Unmarshal([]byte(s), &server) != nil {
			return ICEServer{}, errors.New("ICE server is not a JSON RTCIceServer with urls, username and credential")
		}
	} else {
		for rest := s; rest != ""; {
			var part string
			if credential, ok := strings.CutPrefix(rest, "credential="); ok {
				server.Credential = credential
				break
			}
			part, rest, _ = strings.Cut(rest, ";")
			if name, ok := strings.CutPrefix(part, "username="); ok {
				server.Username = name
			} else {
				server.URLs = append(server.URLs, part)
			}
		}
	}
	if err := server.Normalize(); err != nil {
		return ICEServer{}, err
	}
	return server, nil
}

// UnmarshalJSON takes urls as a string or as a list, as the W3C allows.
func (s *ICEServer) UnmarshalJSON(data []byte) error {
	var server struct {
		URLs                 json.RawMessage
		Username, Credential string
	}
	if err := json.Unmarshal(data, &server); err != nil {
		return err
	}
	*s = ICEServer{Username: server.Username, Credential: server.Credential}
	if len(server.URLs) > 0 && server.URLs[0] == '"' {
		s.URLs = make([]string, 1)
		return json.Unmarshal(server.URLs, &s.URLs[0])
	}
	if len(server.URLs) == 0 {
		return nil
	}
	return json.Unmarshal(server.URLs, &s.URLs)
}

// String returns only the URLs.
func (s ICEServer) String() string { return strings.Join(s.URLs, ";") }

// LogValue returns only the URLs, so that no log ever contains the credential.
func (s ICEServer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Normalize checks the server and brings its URLs into one form.
func (s *ICEServer) Normalize() error {
	if len(s.URLs) == 0 {
		return errors.New("ICE server has no URL")
	}
	urls := make([]string, len(s.URLs))
	for i, url := range s.URLs {
		var err error
		if urls[i], err = parseICEURL(url); err != nil {
			return fmt.Errorf("ICE server URL %d: %w", i+1, err)
		}
	}
	s.URLs = urls
	switch {
	case (s.Username == "") != (s.Credential == ""):
		return fmt.Errorf("ICE server %s needs both username and credential, or neither", s)
	case len(s.Username) > maxUsernameBytes:
		return fmt.Errorf("ICE server %s: username is longer than %d bytes", s, maxUsernameBytes)
	case s.Username != "" && !s.Relays():
		return fmt.Errorf("ICE server %s: username and credential are for turn and turns", s)
	}
	return nil
}

// Relays reports whether any URL is a TURN one.
func (s *ICEServer) Relays() bool {
	return slices.ContainsFunc(s.URLs, func(url string) bool { return strings.HasPrefix(url, "turn") })
}

// parseICEURL checks a URL against RFC 7064, section 3.1, and RFC 7065, section 3.1. Its errors
// quote nothing, because the mistyped text may be a secret.
func parseICEURL(url string) (string, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "stun", "stuns", "turn", "turns":
	default:
		return "", errors.New("must begin with one of stun: stuns: turn: turns: and a host")
	}
	switch {
	case strings.HasPrefix(rest, "//"):
		return "", fmt.Errorf("no // after %s: (RFC 7065)", scheme)
	case strings.Contains(rest, "@"):
		return "", errors.New("no user and password in the URL; add ;username=…;credential=…")
	case strings.Contains(rest, ","):
		return "", errors.New("separate URLs, username and credential by semicolons")
	}
	address, query, found := strings.Cut(rest, "?")
	if found && scheme[0] == 's' {
		return "", fmt.Errorf("%s takes no ?", scheme)
	}
	if found && query != "transport=udp" && query != "transport=tcp" {
		return "", errors.New("after ? only transport=udp or transport=tcp")
	}
	if err := checkICEAddress(address); err != nil {
		return "", err
	}
	return scheme + ":" + rest, nil
}

// checkICEAddress checks host [ ":" port ].
func checkICEAddress(address string) error {
	host, port, hasPort := strings.Cut(address, ":")
	if strings.HasPrefix(address, "[") {
		inner, after, closed := strings.Cut(address[1:], "]")
		ip, err := netip.ParseAddr(inner)
		if !closed || err != nil || !ip.Is6() || ip.Zone() != "" {
			return errors.New("the text in [ ] must be an IPv6 address")
		}
		if after != "" && after[0] != ':' {
			return errors.New("only :port may follow [IPv6 address]")
		}
		_, port, hasPort = strings.Cut(after, ":")
	} else if strings.Contains(port, ":") {
		return errors.New("host, or host:port; an IPv6 address goes in [ ]")
	} else if !ValidHost(host) {
		return errors.New("host must be a domain name or an address")
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return errors.New("port must be 1 to 65535")
	}
	return nil
}

// ValidHost reports whether s can be an ASCII domain name or an IPv4 address.
func ValidHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
