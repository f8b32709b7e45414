package edge

import (
	"net/http"
	"strings"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
)

// identify returns what the credentials of a request say about whoever wants into a room, nil if
// there are none. Without any, only the path that legacy clients use leads on: there the room
// refuses by an ERROR, because a browser shows nobody the response to a handshake.
func (e *Edge) identify(r *http.Request, roomID string) (who *room.Identity, refusal protocol.Code, details string) {
	c, ok := credentialsOf(r)
	switch {
	case !ok:
		return nil, protocol.CodeInvalidToken, "send one token, ticket or invite"
	case c != auth.Credentials{}:
		beforeWaiting(r.Context()) // the keys may have to be fetched
		who, refused := e.config.Auth.Identify(r.Context(), roomID, c)
		if refused != nil {
			return nil, refused.Code, refused.Details
		}
		return who, "", ""
	case e.config.Auth.Required() && !isLegacyPath(r):
		return nil, protocol.CodeAuthRequired, ""
	}
	return nil, "", ""
}

func isLegacyPath(r *http.Request) bool {
	return strings.TrimSuffix(r.URL.Path, "/") == "/ws" && !offers(r, protocol.AuthSubprotocol)
}

// credentialsOf returns the credentials of a request, and false if there is more than one.
func credentialsOf(r *http.Request) (c auth.Credentials, ok bool) {
	c.Token, _ = bearer(r)
	c.Ticket, c.Invite = parameter(r.URL.RawQuery, "ticket="), parameter(r.URL.RawQuery, "invite=")
	count := 0
	for _, offered := range subprotocols(r) {
		if token, ok := strings.CutPrefix(offered, protocol.TokenSubprotocolPrefix); ok {
			if c.Token != "" {
				count++
			}
			c.Token = token
		}
	}
	for _, credential := range []string{c.Token, c.Ticket, c.Invite} {
		if credential != "" {
			count++
		}
	}
	return c, count <= 1
}

// subprotocols are those that a handshake offers (RFC 6455, section 11.3.4). A browser lets a page
// set no other header, so a token may be among them. The server selects the one beside it: Chromium
// fails the connection if none is selected.
func subprotocols(r *http.Request) (offered []string) {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.TrimSpace(name))
		}
	}
	return offered
}

func offers(r *http.Request, name string) bool {
	for _, offered := range subprotocols(r) {
		if offered == name {
			return true
		}
	}
	return false
}

// ticketRoute is POST /tickets if there are accounts.
func (e *Edge) ticketRoute() (routes []route) {
	if e.config.Auth.GivesTickets() {
		routes = append(routes, route{path: "/tickets", methods: []string{http.MethodPost}, handler: e.giveTicket})
	}
	return routes
}

// ticketBody is the response to POST /tickets.
type ticketBody struct {
	Ticket    string `json:"ticket"`
	ExpiresAt int64  `json:"expiresAt"`
	// UserID, UserName and Role are what the token says. UserName and Role may be missing.
	UserID   string `json:"userId"`
	UserName string `json:"userName,omitempty"`
	Role     string `json:"role,omitempty"`
}

// giveTicket is POST /tickets?roomId=ROOM: it makes a ticket for a room from the token in
// Authorization. It also tells a page why its token is refused.
func (e *Edge) giveTicket(w http.ResponseWriter, r *http.Request) {
	roomID := roomIDOf(r.URL.RawQuery)
	token, _ := bearer(r)
	switch {
	case !protocol.ValidRoomID(roomID):
		WriteError(w, r, protocol.CodeInvalidRoomID, "")
		return
	case !e.origins.AllowsRequest(r):
		WriteError(w, r, protocol.CodeOriginNotAllowed, "")
		return
	case token == "":
		WriteError(w, r, protocol.CodeAuthRequired, "")
		return
	}
	who, refusal := e.config.Auth.Identify(r.Context(), roomID, auth.Credentials{Token: token})
	if refusal != nil {
		WriteError(w, r, refusal.Code, refusal.Details)
		return
	}
	body := ticketBody{UserID: who.UserID, UserName: who.Name}
	body.Ticket, body.ExpiresAt = e.config.Auth.Ticket(roomID, who)
	if who.HasRole {
		body.Role = who.Role.String()
	}
	WriteJSON(w, http.StatusOK, body)
}
