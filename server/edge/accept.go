package edge

import (
	"errors"
	"net"
	"net/http"
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

// accept upgrades a request to a WebSocket and connects it to its room.
func (e *Edge) accept(w http.ResponseWriter, r *http.Request, roomID string) {
	e.beginHandshake(r.Context())
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
		WriteError(w, r, refusal, details)
		return
	}
	from := senderOf(r)
	place, ok := e.gate.occupy(from)
	if !ok {
		WriteError(w, r, protocol.CodeTooManyConnections, "")
		return
	}
	c := &Conn{edge: e, place: place}
	if e.debug {
		e.requestIDs.Store(c, requestID(r))
	}
	// The room knows the connection before its client does, so that nothing has to be undone if the
	// handshake hangs.
	session, refusal := e.config.Rooms.Open(r.Context(), roomID, Opening{from.address, place == nil, requestID(r), who, visitOf(r).span.Context(), shiftOf(r.Context())}, c)
	if refusal != "" {
		e.requestIDs.Delete(c)
		e.gate.release(place)
		WriteError(w, r, refusal, "")
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
	c.endIfDraining()
}

// endIfDraining closes a new connection if Drain may have listed the connections before this one
// was among them.
func (c *Conn) endIfDraining() {
	if !c.edge.draining.Load() {
		return
	}
	c.session.Close(protocol.CloseRestart)
	if c.edge.left.Load() {
		c.Close(protocol.CloseRestart) // the room does not
	}
}

// taker is a response to a request that a poller has read.
type taker interface {
	// take completes the handshake and returns the socket, which r reads after start, and what has
	// been read after the request.
	take(r reader, key string) (s connSocket, early []byte, err error)
}

// upgrade takes the socket over from whoever has read the request, and completes the handshake.
func (c *Conn) upgrade(w http.ResponseWriter, key string) (early []byte, err error) {
	if a, ok := w.(*response); ok {
		if polled, ok := a.ResponseWriter.(taker); ok {
			a.status = http.StatusSwitchingProtocols
			c.socket, early, err = polled.take(c, key)
			return early, err
		}
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil, errors.New("no Hijack")
	}
	socket, rw, err := hijacker.Hijack()
	if err != nil {
		return nil, err
	}
	_ = socket.SetDeadline(time.Now().Add(handshakeTimeout))
	out := buffers.Get().(*buffer)
	writeHandshake(out, w.Header(), key)
	_, err = socket.Write(out.bytes)
	out.release()
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	_ = socket.SetDeadline(time.Time{})
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ = rw.Reader.Peek(n)
	}
	if gated, ok := socket.(*gatedSocket); ok {
		early = append(early, gated.early...)
	}
	return early, c.attach(socket)
}

// bare returns an error without the addresses that errors of sockets contain.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// attach gives the connection its socket. On Linux a poller reads it, so that an idle client costs
// no goroutine.
func (c *Conn) attach(socket net.Conn) error {
	p := c.edge.poller()
	if p == nil {
		c.socket = newStreamSocket(socket, &c.edge.sockets, &c.edge.streams, c)
		return nil
	}
	polled, err := p.take(socket, c)
	if err != nil {
		_ = socket.Close()
		return err
	}
	c.socket = polled
	return nil
}
