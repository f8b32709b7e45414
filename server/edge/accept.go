package edge

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/protocol"
	"usher/room"
)

// handshakeTimeout bounds the write of the response to a handshake.
const handshakeTimeout = 5 * time.Second

func (e *Edge) wsRoutes() []route {
	return []route{
		{path: "/ws", socket: true, handler: func(w http.ResponseWriter, r *http.Request) { e.accept(w, r, roomIDOf(r.URL.RawQuery)) }},
		{path: "/rooms/{id}/ws", socket: true, handler: func(w http.ResponseWriter, r *http.Request) { e.accept(w, r, r.PathValue("id")) }},
	}
}

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

// accept upgrades a request to a WebSocket and connects it to its room.
func (e *Edge) accept(w http.ResponseWriter, r *http.Request, roomID string) {
	e.handshakes.Add(1) // before draining is read
	defer e.handshakes.Add(-1)
	key, refusal, details := handshake(r)
	switch {
	case refusal != "":
	case !protocol.ValidRoomID(roomID):
		refusal = protocol.CodeInvalidRoomID
	case !e.origins.AllowsRequest(r):
		refusal = protocol.CodeOriginNotAllowed
	case e.draining.Load():
		refusal = protocol.CodeDraining
	case e.config.Full():
		refusal = protocol.CodeServerFull
	}
	var who *room.Identity
	if refusal == "" {
		who, refusal, details = e.identify(r, roomID)
	}
	if refusal != "" {
		if refusal == protocol.CodeUpgradeRequired { // RFC 6455, section 4.4
			w.Header().Set("Sec-WebSocket-Version", "13")
		}
		writeError(w, r, refusal, details)
		return
	}
	from := senderOf(r)
	place, ok := e.gate.occupy(from)
	if !ok {
		writeError(w, r, protocol.CodeTooManyConnections, "")
		return
	}
	c := &Conn{edge: e, place: place}
	if e.debug {
		e.requestIDs.Store(c, requestID(r))
	}
	// The room knows the connection before its client does, so that nothing has to be undone if the
	// handshake hangs.
	session, refusal := e.config.Rooms.Open(r.Context(), roomID, Opening{from.address, place == nil, requestID(r), who}, c)
	if refusal != "" {
		e.requestIDs.Delete(c)
		e.gate.release(place)
		writeError(w, r, refusal, "")
		return
	}
	c.session = session
	e.metrics.Connections.Add(1)
	connected := false
	defer func() {
		if !connected {
			session.Disconnected(1006)
			c.release()
		}
	}()
	if offers(r, protocol.AuthSubprotocol) {
		w.Header().Set("Sec-WebSocket-Protocol", protocol.AuthSubprotocol)
	}
	buffered, err := c.upgrade(w, key)
	if err != nil {
		e.log.Debug("handshake failed", "requestId", requestID(r), "error", bare(err))
		return
	}
	connected = true
	e.log.Debug("connection opened", "requestId", requestID(r))
	place.upgraded(c)
	c.begin(buffered)
	if e.draining.Load() { // Drain may have listed the connections before this one was among them
		session.Close(protocol.CloseRestart)
	}
}

// handshake checks the request (RFC 6455, section 4.2.1) and returns its key.
func handshake(r *http.Request) (key string, refusal protocol.Code, details string) {
	keys, versions := r.Header.Values("Sec-WebSocket-Key"), r.Header.Values("Sec-WebSocket-Version")
	switch {
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
	case !r.ProtoAtLeast(1, 1):
		details = "a WebSocket needs HTTP/1.1"
	case r.ContentLength != 0: // -1 in chunks; its bytes are not the client's first frames
		details = "a handshake has no body"
	case len(versions) != 1 || versions[0] != "13":
		details = "Sec-WebSocket-Version must be 13, in one header"
	case len(keys) != 1:
		details = "there must be one Sec-WebSocket-Key"
	default:
		if nonce, err := base64.StdEncoding.DecodeString(keys[0]); err == nil && len(nonce) == 16 {
			return keys[0], "", ""
		}
		details = "Sec-WebSocket-Key must be 16 bytes in base64"
	}
	return "", protocol.CodeUpgradeRequired, details
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}

// upgrade takes the socket over from net/http and completes the handshake.
func (c *Conn) upgrade(w http.ResponseWriter, key string) (buffered []byte, err error) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil, errors.New("no Hijack")
	}
	socket, rw, err := hijacker.Hijack()
	if err != nil {
		return nil, err
	}
	_ = socket.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := writeHandshake(rw.Writer, w.Header(), key); err != nil {
		_ = socket.Close()
		return nil, err
	}
	_ = socket.SetDeadline(time.Time{})
	if n := rw.Reader.Buffered(); n > 0 {
		buffered, _ = rw.Reader.Peek(n)
	}
	return buffered, c.attach(socket)
}

// writeHandshake writes the 101 (RFC 6455, section 4.2.2) with the headers that the router has set.
func writeHandshake(w *bufio.Writer, h http.Header, key string) error {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid))
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	_, _ = w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(w)
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}

// bare returns an error without the addresses that errors of sockets contain.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
