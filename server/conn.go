package server

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"

	"usher/protocol"
	"usher/room"
)

const (
	// closeGrace is how long a client has to answer a close frame, before
	// its socket is closed whatever it still sends.
	closeGrace = 2 * time.Second
	// tlsWriteTimeout cuts off a TLS client that takes nothing at all for so long.
	tlsWriteTimeout = 15 * time.Second
)

// conn is one WebSocket of a client. Its frames are read on a poller's
// goroutine, or with TLS on one of its own, and written by whoever steps its room.
type conn struct {
	server *Server
	room   *liveRoom
	ws     *websocket.Conn
	id     room.ConnID
	// address stands for the client's; limitKey is what the limiters count it
	// by, 0 where they do not.
	address, limitKey uint64
	requestID         string
	// unfinished counts bytes since the last whole message. The reader's alone.
	unfinished int
	// closing: a close frame is on its way, and what still comes is not looked at.
	closing atomic.Bool
	// gone: the room has been told. over: the socket's end has been counted.
	gone, over atomic.Bool
	// outbox is what waits for a commit, nil if nothing does; cutOff: cut was called. The room's.
	outbox *outbox
	cutOff bool
	// pending is what a TLS connection has yet to write, nil without TLS.
	pending *atomic.Int64
}

// newUpgrader returns the callbacks that all connections share.
func newUpgrader(engine *nbhttp.Engine, maxFrameBytes int) *websocket.Upgrader {
	u := websocket.NewUpgrader()
	u.Engine = engine
	u.KeepaliveTime = 0 // the room sweeps idle connections
	u.MessageLengthLimit = maxFrameBytes
	u.BlockingModAsyncCloseDelay = closeGrace
	u.OnMessagePtr(func(ws *websocket.Conn, kind websocket.MessageType, data *[]byte) {
		ws.Session().(*conn).received(kind, *data)
		engine.BodyAllocator.Free(data)
	})
	u.SetPingHandler(func(ws *websocket.Conn, data string) {
		c := ws.Session().(*conn)
		c.seen()
		if !c.closing.Load() {
			_ = ws.WriteMessage(websocket.PongMessage, []byte(data))
		}
	})
	u.SetPongHandler(func(ws *websocket.Conn, _ string) { ws.Session().(*conn).seen() })
	u.SetCloseHandler(func(ws *websocket.Conn, code int, _ string) { ws.Session().(*conn).closed(code) })
	u.OnClose(func(ws *websocket.Conn, _ error) { ws.Session().(*conn).ended() })
	return u
}

// read takes bytes off the socket. A client that breaks RFC 6455 is told so;
// its bytes are then thrown away until it closes, because closing a socket
// with unread bytes would reset it and lose the close frame.
func (c *conn) read(data []byte) {
	if c.unfinished < 0 {
		return
	}
	c.unfinished += len(data)
	err := c.ws.Parse(data)
	switch {
	case errors.Is(err, net.ErrClosed):
	case err == nil && c.unfinished > 3*c.server.config.MaxFrameBytes:
		// Empty fragments without an end are no message that the room could count.
		c.fail(protocol.CloseTooLarge)
	case err == nil:
	case errors.Is(err, websocket.ErrMessageTooLarge), errors.Is(err, websocket.ErrControlMessageTooBig):
		c.closing.Store(true) // nbio has sent the close frame
		c.fail(protocol.CloseTooLarge)
	default:
		c.fail(protocol.CloseProtocol)
	}
}

// fail ends a connection whose bytes cannot be understood any more.
func (c *conn) fail(code protocol.CloseCode) {
	c.close(code)
	c.unfinished = -1 << 60
	c.disconnected(code)
}

// received hands one message to the room.
func (c *conn) received(kind websocket.MessageType, frame []byte) {
	c.unfinished = 0
	if c.closing.Load() {
		return
	}
	t := turns.Get().(*turn)
	event := room.Event{Kind: room.Received, Conn: c.id, Frame: frame}
	if kind == websocket.TextMessage {
		t.message, event.Err = protocol.Decode(frame)
		event.Message = &t.message
	} else {
		event.Kind = room.ReceivedBinary
	}
	c.server.metrics.messageReceived(t.message.Type)
	c.room.turn(t, event)
	t.release()
}

func (c *conn) seen() {
	c.unfinished = 0
	c.room.step(room.Event{Kind: room.Seen, Conn: c.id})
}

// closed is the client's close frame; it is answered unless it is an answer itself.
func (c *conn) closed(code int) {
	c.disconnected(protocol.CloseCode(code))
	if !c.closing.Swap(true) {
		answer := code
		if code == 1005 { // RFC 6455, section 7.1.5: there was none, so none is sent
			_ = c.ws.WriteMessage(websocket.CloseMessage, nil)
			return
		}
		_ = c.ws.WriteClose(answer, "")
	}
}

// ended is the end of the socket, with a close frame or without.
func (c *conn) ended() {
	if c.over.Swap(true) {
		return
	}
	c.disconnected(1006)
	c.release()
}

// release gives back the connection's place.
func (c *conn) release() {
	c.server.connLimit.release(c.limitKey)
	c.server.metrics.connections.Add(-1)
}

// disconnected tells the room once that the connection is of no use any more.
func (c *conn) disconnected(code protocol.CloseCode) {
	if !c.gone.Swap(true) {
		c.server.metrics.connClosed(counted(code))
		c.room.step(room.Event{Kind: room.Disconnected, Conn: c.id, CloseCode: code})
	}
}

// counted is the close code as the metrics know it: 1005 and 1006 stand for none.
func counted(code protocol.CloseCode) protocol.CloseCode {
	if code == 1005 || code == 1006 {
		return 0
	}
	return code
}

// send writes one text frame. What the socket does not take at once is kept,
// up to a bound; past it the client is cut off. An error needs no handling: the
// end of the socket is told by ended.
func (c *conn) send(frame []byte) {
	if c.pending != nil && c.pending.Add(int64(len(frame))) > int64(c.server.config.MaxPendingBytes) {
		_ = c.ws.Conn.Close()
		return
	}
	_ = c.ws.WriteMessage(websocket.TextMessage, frame)
}

// ping asks the client for a sign of life.
func (c *conn) ping() { _ = c.ws.WriteMessage(websocket.PingMessage, nil) }

// cut ends the connection without a close frame.
func (c *conn) cut() { _ = c.ws.Conn.Close() }

// close sends a close frame and gives the client a while to answer it.
func (c *conn) close(code protocol.CloseCode) {
	if !c.closing.Swap(true) {
		closing, _ := code.Lookup()
		_ = c.ws.WriteClose(int(code), closing.Reason)
	}
	time.AfterFunc(closeGrace, func() { _ = c.ws.Conn.Close() })
}

// meteredConn lets a TLS connection's writes, which nbio queues without a
// bound in bytes, be counted and be given up.
type meteredConn struct {
	net.Conn
	pending atomic.Int64
}

func (m *meteredConn) Write(frame []byte) (int, error) {
	_ = m.SetWriteDeadline(time.Now().Add(tlsWriteTimeout))
	n, err := m.Conn.Write(frame)
	m.pending.Add(-int64(payloadBytes(frame)))
	return n, err
}

// payloadBytes is what send counted of a frame that the server encoded (RFC 6455, section 5.2).
func payloadBytes(frame []byte) int {
	switch {
	case len(frame) < 2 || frame[0]&0x0f != byte(websocket.TextMessage):
		return 0
	case frame[1] < 126:
		return len(frame) - 2
	case frame[1] == 126:
		return len(frame) - 4
	}
	return len(frame) - 10
}
