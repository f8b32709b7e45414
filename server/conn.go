package server

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/frame"
)

const (
	// closeGrace is how long a client has to answer a close frame, before
	// its socket is closed whatever it still sends.
	closeGrace = 2 * time.Second
	// maxTurnFrames and maxTurnTime bound what is read of one connection before
	// the others have their turns. Most reads bring a frame or two.
	maxTurnFrames = 4
	maxTurnTime   = 100 * time.Microsecond
)

// conn is one WebSocket of a client. Its frames are read on a poller's
// goroutine, or with TLS on one of its own, and written by whoever steps its room.
type conn struct {
	server *Server
	room   *liveRoom
	id     room.ConnID
	// socket is a *polledSocket or a *streamSocket.
	socket interface {
		start(early []byte)
		send(op frame.Opcode, payload []byte, held *heldWrites)
		shut(code protocol.CloseCode, reason string)
		finish(answered bool)
		cut()
		pending() int
	}
	// address stands for the client's network address, and place is among those of it, nil if it is not counted.
	address   uint64
	place     *place
	requestID string
	// frames is used by whoever reads the socket, so by one goroutine at a time.
	frames frame.Reader
	// closing: a close frame is on its way, and what still comes is not looked at.
	// broken: what still comes cannot be understood.
	closing, broken atomic.Bool
	// gone: the room has been told.
	gone atomic.Bool
	// outbox is what waits for a commit, nil if nothing does; cutOff: cut was called. The room's.
	outbox *outbox
	cutOff bool
}

// read takes the frames of one turn, and returns how many bytes that was. A
// panic ends the connection.
func (c *conn) read(data []byte, held *heldWrites) (n int) {
	defer func() {
		if v := recover(); v != nil {
			c.server.log.Error("a connection was given up", "panic", fmt.Sprint(v), "requestId", c.requestID, "stack", string(debug.Stack()))
			c.fail(protocol.CloseInternal)
			n = len(data)
		}
	}()
	begun := time.Now()
	for frames := 0; n < len(data); frames++ {
		switch {
		case c.broken.Load():
			return len(data)
		case c.closing.Load():
			c.skip(data[n:])
			return len(data)
		case frames == maxTurnFrames, frames > 0 && time.Since(begun) > maxTurnTime:
			return n
		}
		m, took, err := c.frames.Next(data[n:], c.server.config.MaxFrameBytes)
		if err != nil {
			c.misread(err)
			return len(data)
		}
		n += took
		c.handle(m, held)
	}
	return n
}

// handle acts on a message or a control frame.
func (c *conn) handle(m frame.Message, held *heldWrites) {
	switch m.Op {
	case frame.Text, frame.Binary:
		c.received(m.Op, m.Payload, held)
	case frame.Ping:
		c.seen()
		c.socket.send(frame.Pong, m.Payload, held)
	case frame.Pong:
		c.seen()
	case frame.Close:
		c.closed(protocol.CloseCode(m.Code))
	}
}

// skip looks for the client's answer to a close frame in what is otherwise too late.
func (c *conn) skip(data []byte) {
	if c.frames.Skip(data) {
		c.broken.Store(true)
		c.socket.finish(true)
	}
}

// misread ends a connection whose client broke RFC 6455.
func (c *conn) misread(err error) {
	var why *frame.Error
	if !errors.As(err, &why) {
		panic(err)
	}
	c.broken.Store(true)
	if why == frame.ErrText { // a message all the same: the room answers and closes
		c.server.metrics.messageReceived(0)
		c.room.step(room.Event{Kind: room.Received, Conn: c.id, Err: &protocol.DecodeError{Code: protocol.CodeInvalidUTF8}})
		if c.gone.Load() {
			return
		}
	}
	c.fail(protocol.CloseCode(why.Code))
}

// fail ends a connection whose bytes cannot be understood any more. What it
// still sends, an answer to the close frame too, is thrown away (RFC 6455, section 7.1.7).
func (c *conn) fail(code protocol.CloseCode) {
	c.broken.Store(true)
	c.close(code)
	c.disconnected(code)
}

// received hands one message to the room.
func (c *conn) received(op frame.Opcode, payload []byte, held *heldWrites) {
	t := turns.Get().(*turn)
	t.held = held
	event := room.Event{Kind: room.Received, Conn: c.id, Frame: payload}
	if op == frame.Text {
		t.message, event.Err = protocol.Decode(payload)
		event.Message = &t.message
	} else {
		event.Kind = room.ReceivedBinary
	}
	c.server.metrics.messageReceived(t.message.Type)
	if c.affords(event.Message, len(payload)) {
		c.room.turn(t, event)
	}
	t.release()
}

func (c *conn) seen() {
	if c.affords(nil, 0) {
		c.room.step(room.Event{Kind: room.Seen, Conn: c.id})
	}
}

// closed is the client's close frame; it is answered unless it is an answer itself.
func (c *conn) closed(code protocol.CloseCode) {
	c.disconnected(code)
	c.broken.Store(true)
	if !c.closing.Swap(true) {
		c.socket.shut(code, "") // without a code if it had none (RFC 6455, section 7.1.5)
	}
	c.socket.finish(true)
}

// ended is the end of the socket, with a close frame or without.
func (c *conn) ended() {
	c.disconnected(1006)
	c.release()
}

// release gives back the connection's place.
func (c *conn) release() {
	c.server.gate.vacate(c.place)
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

// send writes one text frame. What the client does not take at once is kept, up
// to a bound; past it the client is cut off. An error needs no handling: ended
// reports the end of the socket.
func (c *conn) send(message []byte) { c.socket.send(frame.Text, message, nil) }

// queue is send, but the frame may wait for the end of a reader's turn.
func (c *conn) queue(message []byte, held *heldWrites) { c.socket.send(frame.Text, message, held) }

// ping asks the client for a sign of life.
func (c *conn) ping() { c.socket.send(frame.Ping, nil, nil) }

// cut ends the connection without a close frame.
func (c *conn) cut() { c.socket.cut() }

// close sends a close frame and gives the client a while to answer it.
func (c *conn) close(code protocol.CloseCode) {
	if !c.closing.Swap(true) {
		closing, _ := code.Lookup()
		c.socket.shut(code, closing.Reason)
	}
	if c.broken.Load() {
		c.socket.finish(false)
	}
}
