package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// iceServer is one as browsers take it.
type iceServer struct {
	URLs       urls   `json:"urls"`
	Username   string `json:"username"`
	Credential string `json:"credential"`
}

// urls are one or a list of them.
type urls []string

func (u *urls) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*u = urls{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(u))
}

// iceAddress is a URL of RFC 7064 or RFC 7065.
type iceAddress struct {
	text             string
	relays, secure   bool
	host, port       string
	transport        string // udp or tcp
	username, secret string
}

// maxICEAddresses bounds how many servers are asked.
const maxICEAddresses = 16

func parseICE(text string, server iceServer) (iceAddress, error) {
	a := iceAddress{text: printable(text), username: server.Username, secret: server.Credential, transport: "udp"}
	scheme, rest, _ := strings.Cut(text, ":")
	rest, query, _ := strings.Cut(rest, "?")
	switch scheme {
	case "stun", "turn":
		a.port = "3478"
	case "stuns", "turns":
		a.port, a.secure, a.transport = "5349", true, "tcp"
	default:
		return a, fmt.Errorf(`%q begins neither with "stun:" nor with "turn:"`, a.text)
	}
	a.relays = strings.HasPrefix(scheme, "turn")
	values, err := url.ParseQuery(query)
	if err != nil {
		return a, err
	}
	if values.Has("transport") {
		a.transport = values.Get("transport")
	}
	if a.secure && a.transport == "udp" {
		return a, fmt.Errorf("%s is over DTLS, which browsers do not speak", a.text)
	}
	a.host = strings.Trim(rest, "[]")
	if host, port, err := net.SplitHostPort(rest); err == nil {
		a.host, a.port = host, port
	}
	if a.host == "" {
		return a, fmt.Errorf("%s names no host", a.text)
	}
	return a, nil
}

// checkICE asks for the ICE servers of a seat, and tries each.
func (e *examination) checkICE(ctx context.Context) bool {
	const check = "ice"
	path, headers := "/turn-credentials?userId="+roomID(), []string{}
	if len(e.people) > 0 {
		p := e.people[0]
		path = "/turn-credentials?" + url.Values{"roomId": {p.room}, "userId": {p.id}}.Encode()
		headers = []string{"Authorization", "Bearer " + p.token}
	}
	r, err := e.ask(ctx, http.MethodGet, path, headers...)
	if err != nil {
		e.report(failure(check, "look at the log of the server, and of the proxy", "no ICE servers: %v", cause(err)))
		return true
	}
	var body struct {
		Servers []iceServer `json:"iceServers"`
	}
	if r.StatusCode != http.StatusOK || json.Unmarshal(r.body, &body) != nil {
		e.report(refusal(check, r))
		return true
	}
	e.tryICE(ctx, check, body.Servers)
	return true
}

func (e *examination) tryICE(ctx context.Context, check string, servers []iceServer) {
	var addresses []iceAddress
	stun, turn := 0, 0
	for _, server := range servers {
		for _, text := range server.URLs {
			a, err := parseICE(text, server)
			switch {
			case err != nil:
				e.report(failure(check, "correct --ice-server", "%v", err))
				continue
			case a.relays:
				turn++
			default:
				stun++
			}
			addresses = append(addresses, a)
		}
	}
	e.report(e.handedOut(check, stun, turn))
	addresses = addresses[:min(len(addresses), maxICEAddresses)]
	findings := make([]Finding, len(addresses))
	together(len(addresses), func(i int) {
		findings[i] = e.try(ctx, addresses[i])
	})
	for _, f := range findings {
		e.report(f)
	}
}

// handedOut judges which servers there are.
func (e *examination) handedOut(check string, stun, turn int) Finding {
	switch {
	case e.target.isLocal() && stun+turn == 0:
		return good(check, "no STUN or TURN servers, which is enough on this machine")
	case e.target.isLocal() && turn == 0:
		return good(check, "STUN servers: %d, and no TURN servers, which is enough on this machine", stun)
	case stun+turn == 0:
		return warning(check, "--turn-listen for usher's own STUN and TURN server, or --ice-server", "no STUN or TURN servers: people meet only within one network")
	case turn == 0 && len(e.people) == 0:
		return good(check, "STUN servers: %d; TURN servers are for those with a seat", stun)
	case turn == 0:
		return warning(check, "--turn-listen for usher's own TURN server, or --ice-server turn:… with --turn-secret-file",
			"no TURN server: some people find no way to each other")
	}
	return good(check, "addresses for whoever has a seat: %d for STUN, %d for TURN", stun, turn)
}
