package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// message is what doctor reads of what it receives.
type message struct {
	Type           string `json:"type"`
	Code           string `json:"code"`
	Error          string `json:"error"`
	Details        string `json:"details"`
	UserID         string `json:"userId"`
	LeftUserID     string `json:"leftUserId"`
	ResumeToken    string `json:"resumeToken"`
	Resumed        bool   `json:"resumed"`
	Recovered      bool   `json:"recovered"`
	PingIntervalMs int64  `json:"pingIntervalMs"`
	Offer          *struct {
		Number int `json:"number"`
	} `json:"offer"`
	// at is when it came.
	at time.Time
}

// socket is a WebSocket whose messages come by a channel, which is closed when it ends.
type socket struct {
	ws       *websocket.Conn
	messages chan message
	// ended is why, once messages is closed.
	ended error
}

// credential is one way in. The zero value is none.
type credential struct{ token, ticket, invite string }

// roomID is what nobody else has.
func roomID() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return "doctor-" + hex.EncodeToString(random[:])
}

// refusedUpgrade is a handshake that led to no WebSocket.
type refusedUpgrade struct {
	err error
	// status is 0 if there was no response.
	status         int
	statusText     string
	redirect, code string
	said           said
}

// open opens a WebSocket to a room. c and origin may be nil and "".
func (e *examination) open(ctx context.Context, c *credential, room, origin string) (*socket, *refusedUpgrade) {
	query := url.Values{"roomId": {room}}
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	if c != nil {
		for name, value := range map[string]string{"ticket": c.ticket, "invite": c.invite} {
			if value != "" {
				query.Set(name, value)
			}
		}
		if c.token != "" {
			header.Set("Authorization", "Bearer "+c.token)
		}
	}
	dialing, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ws, r, err := websocket.Dial(dialing, e.target.url("ws", "/ws?"+query.Encode()),
		&websocket.DialOptions{HTTPClient: e.client, HTTPHeader: header, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, newRefusedUpgrade(r, err)
	}
	const maxMessage, maxWaiting = 4 << 20, 4096
	ws.SetReadLimit(maxMessage)
	s := &socket{ws: ws, messages: make(chan message, maxWaiting)}
	go s.read(ctx)
	return s, nil
}

func newRefusedUpgrade(r *http.Response, err error) *refusedUpgrade {
	refused := &refusedUpgrade{err: err}
	if r == nil {
		return refused
	}
	refused.status, refused.statusText = r.StatusCode, printable(r.Status)
	if r.StatusCode >= 300 && r.StatusCode < 400 {
		refused.redirect = printable(r.Header.Get("Location"))
	}
	if r.Body != nil && r.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10))
		if json.Unmarshal(text, &refused.said) == nil {
			refused.code = refused.said.Code
		}
	}
	return refused
}

func (s *socket) read(ctx context.Context) {
	defer close(s.messages)
	defer s.ws.CloseNow()
	for {
		_, text, err := s.ws.Read(ctx)
		if err != nil {
			s.ended = err
			return
		}
		var m message
		if json.Unmarshal(text, &m) != nil {
			m.Type = "no JSON"
		}
		m.at = time.Now()
		select {
		case s.messages <- m:
		default: // nobody reads it
		}
	}
}

func (s *socket) send(ctx context.Context, format string, values ...any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, values...))
}

var (
	errEnded   = errors.New("the connection was closed")
	errNothing = errors.New("nothing came in time")
)

// await returns the next message of one of the types. An ERROR or an UNDELIVERED is returned, too.
func (s *socket) await(ctx context.Context, within time.Duration, types ...string) (message, error) {
	over := time.NewTimer(within)
	defer over.Stop()
	for {
		select {
		case m, ok := <-s.messages:
			if !ok {
				return message{}, s.end()
			}
			for _, t := range append(types, "ERROR", "UNDELIVERED") {
				if m.Type == t {
					return m, nil
				}
			}
		case <-over.C:
			return message{}, errNothing
		case <-ctx.Done():
			return message{}, ctx.Err()
		}
	}
}

// end is why the connection ended.
func (s *socket) end() error {
	var closed websocket.CloseError
	if errors.As(s.ended, &closed) {
		return fmt.Errorf("%w with %d %s", errEnded, closed.Code, printable(closed.Reason))
	}
	return errEnded
}

// close ends the connection, and with it the seat that it may have.
func (s *socket) close() { _ = s.ws.Close(websocket.StatusNormalClosure, "") }

// checkWebSocket opens a WebSocket, and expects PONG for a PING.
func (e *examination) checkWebSocket(ctx context.Context) bool {
	const check = "websocket"
	s, refused := e.open(ctx, nil, roomID(), "")
	if refused != nil {
		e.report(e.refusedSocket(check, refused))
		return false
	}
	defer s.close()
	began := time.Now()
	err := s.send(ctx, ping)
	if err == nil {
		var m message
		if m, err = s.await(ctx, pongPatience, "PONG"); err == nil && m.Type == "PONG" {
			e.report(good(check, "opens, and a PING has its PONG in %s", ms(m.at.Sub(began))))
			e.beginSilence(ctx)
			return true
		}
	}
	if !errors.Is(err, errNothing) {
		e.report(failure(check, "look at the log of the server, and of the proxy", "it opens, but a PING gets no PONG: %v", err))
		return false
	}
	if held := s.pushOut(ctx); held > 0 {
		f := failure("frames", "turn its buffering off", "a PONG came only after %d more: a proxy holds frames back until it has enough of them", held)
		f.Add = e.linesFor(bufferLines)
		e.report(f)
		return false
	}
	e.report(failure(check, "does the proxy send WebSockets to usher, and let bytes pass in both directions?", "it opens, but a PING gets no PONG"))
	return false
}

// refusedSocket says why a handshake led to no WebSocket.
func (e *examination) refusedSocket(check string, r *refusedUpgrade) Finding {
	lost := func(what string) Finding {
		f := failure(check, "pass the handshake on", "%s", what)
		f.Add = e.linesFor(upgradeLines)
		return f
	}
	switch {
	case r.code == "UPGRADE_REQUIRED" && r.said.Details != "":
		return lost("a proxy changes the handshake: usher says that " + printable(r.said.Details))
	case r.code == "UPGRADE_REQUIRED":
		return lost("a proxy drops Upgrade or Connection: usher got a plain request (426)")
	case r.code != "":
		return refused(check, "no WebSocket", r.code, r.said.Error, r.said.Details)
	case r.redirect != "":
		return failure(check, "use the address that it redirects to", "it redirects to %s, which WebSockets do not follow", r.redirect)
	case r.status == http.StatusSwitchingProtocols:
		return lost("a proxy drops headers of the response: " + printable(cause(r.err).Error()))
	case r.status == http.StatusBadGateway || r.status == http.StatusGatewayTimeout || r.status == http.StatusServiceUnavailable:
		return failure(check, "does the proxy send /ws to where usher listens?", "a proxy responds %s to the handshake", r.statusText)
	case r.status == http.StatusBadRequest || r.status == http.StatusUpgradeRequired || r.status == http.StatusOK:
		return lost(fmt.Sprintf("the handshake gets %s instead of 101: something in front takes no WebSockets", r.statusText))
	case r.status == http.StatusForbidden:
		return failure(check, "look for a rule of the proxy or a firewall that forbids WebSockets", "something in front of usher responds %s", r.statusText)
	case r.status != 0:
		return failure(check, "does the proxy send /ws to usher?", "the handshake gets %s", r.statusText)
	case strings.Contains(r.err.Error(), "EOF"), strings.Contains(r.err.Error(), "reset"):
		return lost("the connection is closed instead of a response to the handshake")
	}
	return failure(check, "look at the log of the server, and of the proxy", "%v", cause(r.err))
}
