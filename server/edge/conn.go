package edge

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/frame"
)

// begin starts reading from the socket. If the room has closed the connection in the meantime, that
// comes first.
func (c *Conn) begin(early []byte) {
	if !c.state.CompareAndSwap(opening, open) {
		code := protocol.CloseCode(c.state.Swap(open))
		c.shut(code)
	}
	c.socket.start(early)
}

// from implements reader.
func (c *Conn) from() *source {
	if c.place == nil {
		return nil
	}
	return c.place.source
}

// read handles the frames of one slice and returns how many bytes they had. A panic ends the
// connection.
func (c *Conn) read(data []byte, b *batch) (n int) {
	defer func() {
		if v := recover(); v != nil {
			c.edge.log.Error("a connection was given up", "panic", fmt.Sprint(v), "requestId", c.edge.requestIDOf(c), "stack", string(debug.Stack()))
			c.fail(protocol.CloseInternal)
			n = len(data)
		}
	}()
	for frames := 0; n < len(data); frames++ {
		switch {
		case c.broken.Load():
			return len(data)
		case c.closing.Load():
			c.skip(data[n:])
			return len(data)
		case frames == maxSliceFrames, frames > 0 && time.Since(b.begun) > maxSliceTime:
			return n
		}
		m, took, err := c.frames.Next(data[n:], c.edge.config.MaxFrameBytes)
		if err != nil {
			c.misread(err)
			return len(data)
		}
		n += took
		c.handle(m, b)
	}
	return n
}

// handle acts on a message or a control frame.
func (c *Conn) handle(m frame.Message, b *batch) {
	switch m.Op {
	case frame.Text:
		c.receivedText(m.Payload, b)
	case frame.Binary:
		c.edge.metrics.MessageReceived(0)
		if c.affords(1, len(m.Payload)) {
			c.session.ReceivedBinary()
		}
	case frame.Ping:
		c.seen()
		c.socket.send(frame.Pong, m.Payload, b)
	case frame.Pong:
		c.seen()
	case frame.Close:
		c.closed(protocol.CloseCode(m.Code))
	}
}

// receivedText hands one message to the room.
func (c *Conn) receivedText(payload []byte, b *batch) {
	f := &b.frame
	f.Bytes = payload
	if protocol.DecodeRelay(payload, &b.relay) {
		c.relayed(payload, b)
		return
	}
	f.Decode(payload)
	c.edge.metrics.MessageReceived(f.Message.Type)
	if c.affordsMessage(&f.Message, len(payload)) {
		c.session.Received(f, c.refuseSeat(&f.Message), b)
		b.handled(f.Message.Type)
	}
	*f = protocol.Frame{}
}

// relayed is receivedText for an offer, answer or candidate. Most do nothing but pass.
func (c *Conn) relayed(payload []byte, b *batch) {
	c.edge.metrics.MessageReceived(b.relay.Type)
	if c.affords(1, len(payload)) {
		if !c.session.Relayed(payload, &b.relay, b) {
			b.frame.Decode(payload)
			c.session.Received(&b.frame, "", b)
			b.frame = protocol.Frame{}
		}
		b.handled(b.relay.Type)
	}
	b.frame.Bytes, b.relay = nil, protocol.Relay{}
}

func (c *Conn) seen() {
	if c.affords(1, 0) {
		c.session.Seen()
	}
}

// skip looks for the client's close frame in reply to ours; everything else is too late.
func (c *Conn) skip(data []byte) {
	if c.frames.Skip(data) {
		c.broken.Store(true)
		c.socket.finish(true)
	}
}

// misread ends a connection whose client broke RFC 6455.
func (c *Conn) misread(err error) {
	var why *frame.Error
	if !errors.As(err, &why) {
		panic(err)
	}
	c.broken.Store(true)
	if why == frame.ErrText { // still a message: the room replies and closes
		c.edge.metrics.MessageReceived(0)
		c.session.Received(&protocol.Frame{Err: &protocol.DecodeError{Code: protocol.CodeInvalidUTF8}}, "", nil)
	}
	c.fail(protocol.CloseCode(why.Code))
}

// fail ends a connection whose bytes can no longer be understood. Whatever it still sends is
// discarded, even a close frame (RFC 6455, section 7.1.7).
func (c *Conn) fail(code protocol.CloseCode) {
	c.broken.Store(true)
	c.session.Close(code)
}

// closed handles the client's close frame, and replies to it unless it is itself a reply.
func (c *Conn) closed(code protocol.CloseCode) {
	c.disconnected(code)
	c.broken.Store(true)
	if !c.closing.Swap(true) {
		c.socket.shut(code, "") // without a code if it had none (RFC 6455, section 7.1.5)
	}
	c.socket.finish(true)
}

// ended handles the end of the socket, with or without a close frame.
func (c *Conn) ended() {
	c.disconnected(1006)
	c.release()
}

// release gives back the connection's place.
func (c *Conn) release() {
	c.edge.gate.vacate(c.place)
	c.edge.requestIDs.Delete(c)
	c.edge.metrics.Connections.Add(-1)
}

// disconnected tells the room that the connection is no longer of use.
func (c *Conn) disconnected(code protocol.CloseCode) {
	if !c.counted.Swap(true) {
		c.edge.metrics.ConnClosed(known(code))
	}
	c.session.Disconnected(code)
}

// known returns the close code for the metrics, in which 0 stands for no code (1005 and 1006).
func known(code protocol.CloseCode) protocol.CloseCode {
	if code == 1005 || code == 1006 {
		return 0
	}
	return code
}

// Send implements Socket. What the client does not take at once is queued, up to a bound, beyond
// which the client is cut off. Send reports no errors; ended reports the end of the socket.
func (c *Conn) Send(message []byte, b any) {
	if c.state.Load() == open {
		held, _ := b.(*batch)
		held.sends(message)
		c.socket.send(frame.Text, message, held)
	}
}

// Pending returns how many bytes are queued.
func (c *Conn) Pending() int {
	if c.state.Load() != open {
		return 0
	}
	return c.socket.pending()
}

// Ping implements Socket.
func (c *Conn) Ping() {
	if c.state.Load() == open {
		c.socket.send(frame.Ping, nil, nil)
	}
}

// Cut implements Socket.
func (c *Conn) Cut() {
	if c.state.Load() == open {
		c.socket.cut()
	}
}

// Stands implements Socket.
func (c *Conn) Stands(s room.Standing) { c.standing.Store(uint32(s)) }

// Close implements Socket: it sends a close frame and gives the client a while to reply to it.
func (c *Conn) Close(code protocol.CloseCode) {
	if !c.counted.Swap(true) {
		c.edge.metrics.ConnClosed(code)
	}
	if !c.state.CompareAndSwap(opening, uint32(code)) && c.state.Load() == open {
		c.shut(code) // otherwise begin carries out an earlier Close
	}
}

func (c *Conn) shut(code protocol.CloseCode) {
	if !c.closing.Swap(true) {
		closing, _ := code.Lookup()
		c.socket.shut(code, closing.Reason)
	}
	if c.broken.Load() {
		c.socket.finish(false)
	}
}

// giveWay closes a connection that has no seat with 1013, or, if parked is set, one that is parked
// with 1000. It returns false for any other. A connection that is about to end no longer has a
// seat.
func (c *Conn) giveWay(parked bool) bool {
	if c.counted.Load() {
		return !parked
	}
	switch standing := room.Standing(c.standing.Load()); {
	case !parked && standing == room.Unseated:
		c.session.Close(protocol.CloseTryLater)
	case parked && standing == room.Parked:
		// The only code after which a legacy client does not reconnect with yet another socket.
		c.session.Close(protocol.CloseNormal)
	default:
		return false
	}
	return true
}

// affords charges the given cost and size to the budgets of the client's address. If they are used
// up, the room closes the connection and affords returns false.
func (c *Conn) affords(cost, size int) bool {
	if c.place == nil || c.edge.gate.spendMessage(c.place.source, cost, size) {
		return true
	}
	c.session.Exceeded()
	return false
}

// affordsMessage is affords for a message.
func (c *Conn) affordsMessage(m *protocol.Message, size int) bool {
	if m.Type.Request() {
		return c.affords(RequestCost, size)
	}
	return c.affords(1, size)
}

// refuseSeat charges a join, and returns the reason that the client's address may not take a new
// seat now, or "". A return by token is charged too: only the room knows whether the token is
// valid.
func (c *Conn) refuseSeat(m *protocol.Message) protocol.Code {
	switch {
	case !m.Type.Seats() || c.place == nil:
	case !c.edge.gate.spend(c.place.source, joins, 1):
		return protocol.CodeRateLimited
	case !c.edge.gate.mayJoin(c.place):
		return protocol.CodeTooManyConnections
	}
	return ""
}

// requestIDOf returns the id of the request that opened a connection, "" if it is not kept.
func (e *Edge) requestIDOf(c *Conn) string {
	id, _ := e.requestIDs.Load(c)
	text, _ := id.(string)
	return text
}
