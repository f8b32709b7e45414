package edge

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/frame"
)

const (
	closeGrace = 2 * time.Second // see Config.CloseGrace
	// maxSliceFrames and maxSliceTime bound what is read of one connection before
	// the others are read. Most reads bring a frame or two.
	maxSliceFrames = 4
	maxSliceTime   = 100 * time.Microsecond
)

// Conn is one WebSocket of a client. Its frames are read on a poller's goroutine, or with TLS on one
// of its own, and written by whoever steps its room.
type Conn struct {
	edge    *Edge
	session Session
	// socket is a *polledSocket or a *streamSocket. Its other methods are for the room, which must look
	// at state before.
	socket interface {
		start(early []byte)
		send(op frame.Opcode, payload []byte, b *batch)
		shut(code protocol.CloseCode, reason string)
		finish(answered bool)
		cut()
		pending() int
	}
	// place is among those of the client's address, nil if it is not counted.
	place *place
	// frames is used by whoever reads the socket, so by one goroutine at a time.
	frames frame.Reader
	// state is opening, open, or the code of a Close that came while it was opening.
	state    atomic.Uint32
	standing atomic.Uint32
	// closing: a close frame is on its way, and what still comes is not looked at.
	// broken: what still comes cannot be understood.
	// counted: the room knows of the end, or has brought it about; and the metrics do.
	closing, broken, counted atomic.Bool
}

const (
	opening = iota
	open
)

// attach gives the connection its socket. A plain TCP one will be read by a
// poller, so that an idle client costs no goroutine.
func (c *Conn) attach(socket net.Conn) error {
	tcp := plainTCP(socket)
	if p := c.edge.poller(); p != nil && tcp != nil {
		polled, err := p.take(tcp, c)
		if err != nil {
			_ = socket.Close()
			return err
		}
		c.socket = polled
		return nil
	}
	c.socket = newStreamSocket(socket, &c.edge.sockets, &c.edge.streams, c)
	return nil
}

// begin reads from the socket. A room that has closed the connection meanwhile is obeyed first.
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

// read takes the frames of one slice, and returns how many bytes that was. A
// panic ends the connection.
func (c *Conn) read(data []byte, b *batch) (n int) {
	defer func() {
		if v := recover(); v != nil {
			c.edge.log.Error("a connection was given up", "panic", fmt.Sprint(v), "requestId", c.edge.requestIDOf(c), "stack", string(debug.Stack()))
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
		case frames == maxSliceFrames, frames > 0 && time.Since(begun) > maxSliceTime:
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
	f.Decode(payload)
	c.edge.metrics.MessageReceived(f.Message.Type)
	if c.affordsMessage(&f.Message, len(payload)) {
		c.session.Received(f, c.refuseSeat(&f.Message), b)
	}
	*f = protocol.Frame{}
}

func (c *Conn) seen() {
	if c.affords(1, 0) {
		c.session.Seen()
	}
}

// skip looks for the client's answer to a close frame in what is otherwise too late.
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
	if why == frame.ErrText { // a message all the same: the room answers and closes
		c.edge.metrics.MessageReceived(0)
		c.session.Received(&protocol.Frame{Err: &protocol.DecodeError{Code: protocol.CodeInvalidUTF8}}, "", nil)
	}
	c.fail(protocol.CloseCode(why.Code))
}

// fail ends a connection whose bytes cannot be understood any more. What it
// still sends, an answer to the close frame too, is thrown away (RFC 6455, section 7.1.7).
func (c *Conn) fail(code protocol.CloseCode) {
	c.broken.Store(true)
	c.session.Close(code)
}

// closed is the client's close frame; it is answered unless it is an answer itself.
func (c *Conn) closed(code protocol.CloseCode) {
	c.disconnected(code)
	c.broken.Store(true)
	if !c.closing.Swap(true) {
		c.socket.shut(code, "") // without a code if it had none (RFC 6455, section 7.1.5)
	}
	c.socket.finish(true)
}

// ended is the end of the socket, with a close frame or without.
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

// disconnected tells the room that the connection is of no use any more.
func (c *Conn) disconnected(code protocol.CloseCode) {
	if !c.counted.Swap(true) {
		c.edge.metrics.ConnClosed(known(code))
	}
	c.session.Disconnected(code)
}

// known is the close code as the metrics know it: 1005 and 1006 stand for none.
func known(code protocol.CloseCode) protocol.CloseCode {
	if code == 1005 || code == 1006 {
		return 0
	}
	return code
}

// Send implements Socket. What the client does not take at once is kept, up to a bound; past it the
// client is cut off. Nothing is reported: ended reports the end of the socket.
func (c *Conn) Send(message []byte, b any) {
	if c.state.Load() == open {
		held, _ := b.(*batch)
		c.socket.send(frame.Text, message, held)
	}
}

// Pending returns how many bytes wait to be written.
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

// Close implements Socket: it sends a close frame and gives the client a while to answer it.
func (c *Conn) Close(code protocol.CloseCode) {
	if !c.counted.Swap(true) {
		c.edge.metrics.ConnClosed(code)
	}
	if !c.state.CompareAndSwap(opening, uint32(code)) {
		c.shut(code)
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

// affords charges something of that cost and size to the budgets of the client's address. If they
// are used up the room closes the connection, and it returns false.
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

// refuseSeat charges a join, and returns why the client's address may take no new seat now, or "".
// A return by a token is charged, too; whether the token is good, the room knows.
func (c *Conn) refuseSeat(m *protocol.Message) protocol.Code {
	switch {
	case m.Type != protocol.CreateRoom && m.Type != protocol.JoinRoom || c.place == nil:
	case !c.edge.gate.spend(c.place.source, joins, 1):
		return protocol.CodeRateLimited
	case !c.edge.gate.mayJoin(c.place):
		return protocol.CodeTooManyConnections
	}
	return ""
}

// giveWay closes a connection that has no seat with 1013, or else one that is parked with 1000. It
// returns false for any other. One that is about to end has no seat any more.
func (c *Conn) giveWay(parked bool) bool {
	if c.counted.Load() {
		return !parked
	}
	switch standing := room.Standing(c.standing.Load()); {
	case !parked && standing == room.Unseated:
		c.session.Close(protocol.CloseTryLater)
	case parked && standing == room.Parked:
		// The only code after which a legacy client does not come back with yet another socket.
		c.session.Close(protocol.CloseNormal)
	default:
		return false
	}
	return true
}
