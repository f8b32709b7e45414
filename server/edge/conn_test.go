package edge

import (
	"bytes"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/frame"
)

// deafSession is a room that never sends anything.
type deafSession struct{ seen, ended int }

func (*deafSession) RoomID() string                               { return "deaf-room" }
func (*deafSession) Received(*protocol.Frame, protocol.Code, any) {}
func (*deafSession) Relayed([]byte, *protocol.Relay, any) bool    { return false }
func (*deafSession) ReceivedBinary()                              {}
func (s *deafSession) Seen()                                      { s.seen++ }
func (*deafSession) Exceeded()                                    {}
func (s *deafSession) Close(protocol.CloseCode)                   { s.ended++ }
func (s *deafSession) Disconnected(protocol.CloseCode)            { s.ended++ }

// muteSocket writes nothing.
type muteSocket struct{}

func (muteSocket) start([]byte)                      {}
func (muteSocket) send(frame.Opcode, []byte, *batch) {}
func (muteSocket) shut(protocol.CloseCode, string)   {}
func (muteSocket) finish(bool)                       {}
func (muteSocket) cut()                              {}
func (muteSocket) pending() int                      { return 0 }

// The amount read from one connection before the others get a turn is bounded.
func TestOneSliceIsBounded(t *testing.T) {
	config := testConfig()
	config.MaxFrameBytes = 64 << 10
	session := new(deafSession)
	c := &Conn{edge: &Edge{config: config, metrics: config.Metrics, log: config.Log}, session: session, socket: muteSocket{}}
	ping := []byte{0x89, 0x80, 1, 2, 3, 4}
	slices, data := 0, bytes.Repeat(ping, 10*maxSliceFrames)
	for ; len(data) > 0; slices++ {
		n := c.read(data, &batch{begun: time.Now()})
		if n == 0 || n > maxSliceFrames*len(ping) {
			t.Fatalf("a slice takes %d bytes", n)
		}
		data = data[n:]
	}
	if slices < 10 || session.seen != 10*maxSliceFrames {
		t.Errorf("%d slices, %d pings are seen", slices, session.seen)
	}
	if session.ended != 0 {
		t.Error("the connection is over")
	}
}

// closedSocket records the code with which it was shut.
type closedSocket struct {
	muteSocket
	codes []protocol.CloseCode
}

func (s *closedSocket) shut(code protocol.CloseCode, _ string) { s.codes = append(s.codes, code) }

// A room that is given up may close a connection again that it has already closed, before the
// handshake has produced a socket.
func TestSecondCloseWhileOpeningIsIgnored(t *testing.T) {
	config := testConfig()
	c := &Conn{edge: &Edge{config: config, metrics: config.Metrics, log: config.Log}, session: new(deafSession)}
	c.Close(protocol.CloseTryLater)
	c.Close(protocol.CloseInternal)
	socket := new(closedSocket)
	c.socket = socket
	c.begin(nil)
	c.Close(protocol.CloseRestart)
	if len(socket.codes) != 1 || socket.codes[0] != protocol.CloseTryLater {
		t.Errorf("shut with %d", socket.codes)
	}
}
