package server

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/server/servertest"
)

// The tables in this file are what RFC 6455 requires of a server in sections 5 to 8, on real
// sockets. server/frame tests each frame rule, with the input cut everywhere; these tests show what
// the client gets, and how the socket ends.

// The first bytes of frames: FIN and opcode (section 5.2).
const (
	wsText, wsTextPart   = 0x81, 0x01
	wsBinary, wsBinPart  = 0x82, 0x02
	wsLast, wsMore       = 0x80, 0x00
	wsClose              = 0x88
	wsPing, wsPong       = 0x89, 0x8a
	wsPingPart, wsClosed = 0x09, 0x08
)

// withoutReplies makes a server wait for ever for the reply to a close frame, so every socket of a
// test must end through what the client does.
func withoutReplies(t *testing.T, change func(*Config), test func(*testing.T, *running)) {
	t.Helper()
	onBothSetUp(t, func(s *setup) {
		s.closeGrace = time.Hour
		if change != nil {
			change(s.Config)
		}
	}, test)
}

// next reads a frame and describes it. A server's frames are whole, without reserved bits and not
// masked (sections 5.1, 5.2).
func (c *rawConn) next() string {
	c.t.Helper()
	first, payload, err := c.read()
	switch {
	case err != nil:
		return "end: " + err.Error()
	case first == wsPing:
		return "ping " + string(payload)
	case first == wsPong:
		return "pong " + string(payload)
	case first == wsClose && len(payload) == 0:
		return "close"
	case first == wsClose:
		return strings.TrimSpace(fmt.Sprint("close ", binary.BigEndian.Uint16(payload), " ", string(payload[2:])))
	case first != wsText:
		return fmt.Sprintf("frame %#x", first)
	}
	var h heard
	if err := json.Unmarshal(payload, &h); err != nil {
		return "text " + err.Error()
	}
	return strings.TrimSpace("text " + h.Type + " " + h.Code)
}

// over fails unless the stream ends and nothing more comes. The end must not be a reset, nor with
// TLS one that an attacker could have caused.
func (c *rawConn) over(rule string) {
	c.t.Helper()
	first, payload, err := c.read()
	if err != io.EOF {
		c.t.Errorf("%s: instead of the end comes %#x %q, %v", rule, first, payload, err)
	}
}

// halfClose ends the stream that the server reads.
func (c *rawConn) halfClose() {
	switch socket := c.Conn.(type) {
	case *tls.Conn:
		_ = socket.CloseWrite()
	case *net.TCPConn:
		_ = socket.CloseWrite()
	}
}

const (
	pingMessage  = `{"type":"PING"}`
	gotPong      = "text PONG"
	notJSON      = "text ERROR INVALID_JSON"
	notUTF8      = "text ERROR INVALID_UTF8"
	isBinary     = "text ERROR BINARY_FRAME"
	broken       = "close 1002 protocol error"
	binaryClosed = "close 1003 text frames only"
	badText      = "close 1007 invalid UTF-8"
	tooLarge     = "close 1009 frame too large"
)

// exchange is what a client sends and the response that it must get.
type exchange struct {
	rule string
	send []byte
	want []string
}

func cat(frames ...[]byte) []byte { return slices.Concat(frames...) }

// length64 is the head of a masked frame with a length of 64 bits.
func length64(first byte, size uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{first, 0xff}, size)
}

// padded returns a PING with the given number of bytes.
func padded(size int) string {
	const head, tail = `{"type":"PING","x":"`, `"}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

// inBytes cuts a message into fragments of one byte.
func inBytes(message string) []byte {
	frames := masked(wsTextPart, message[:1])
	for i := 1; i < len(message)-1; i++ {
		frames = append(frames, masked(wsMore, message[i:i+1])...)
	}
	return append(frames, masked(wsLast, message[len(message)-1:])...)
}

func coded(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

func framingRules() []exchange {
	return []exchange{
		{"5.1: a frame that is not masked", []byte{wsText, 2}, []string{broken}},
		{"5.1: a ping that is not masked", []byte{wsPing, 0}, []string{broken}},
		{"5.1: a close frame that is not masked", []byte{wsClose, 0}, []string{broken}},
		{"5.2: reserved bit 1", []byte{0xc1}, []string{broken}},
		{"5.2: reserved bit 2", []byte{0xa1}, []string{broken}},
		{"5.2: reserved bit 3", []byte{0x91}, []string{broken}},
		{"5.2: a reserved bit of a control frame", []byte{0xd9}, []string{broken}},
		{"5.2: a reserved opcode of data", []byte{0x83}, []string{broken}},
		{"5.2: the last reserved opcode of data", []byte{0x87}, []string{broken}},
		{"5.2: a reserved opcode of control", []byte{0x8b}, []string{broken}},
		{"5.2: the last reserved opcode of control", []byte{0x8f}, []string{broken}},
		{"5.2: 16 bits of length for 125 bytes", []byte{wsText, 0xfe, 0, 125}, []string{broken}},
		{"5.2: 64 bits of length for 65535 bytes", length64(wsText, 0xffff), []string{broken}},
		{"5.2: the top bit of the length", length64(wsText, 1<<63), []string{broken}},
		{"5.2: 126 bytes have 16 bits of length", masked(wsText, padded(126)), []string{gotPong}},
		{"5.2: 65536 bytes have 64 bits of length", masked(wsText, padded(65_536)), []string{gotPong}},
		{"5.2: what came before an error is handled", cat(masked(wsText, pingMessage), []byte{0xc1}), []string{gotPong, broken}},
		{"5.3: any mask will do", cat([]byte{wsText, 0x80 | byte(len(pingMessage)), 0, 0, 0, 0}, []byte(pingMessage)), []string{gotPong}},
		{"5.4: fragments are one message", cat(masked(wsTextPart, `{"type":`), masked(wsMore, ``), masked(wsLast, `"PING"}`)), []string{gotPong}},
		{"5.4: control frames come amid fragments", cat(masked(wsTextPart, `{"type":`), masked(wsPing, "amid"), masked(wsPong, ""), masked(wsLast, `"PING"}`)), []string{"pong amid", gotPong}},
		{"5.4: 64 KiB in fragments of a byte", inBytes(padded(65_536)), []string{gotPong}},
		{"5.4: a close frame amid fragments", cat(masked(wsTextPart, `{`), masked(wsClose, coded(1000, ""))), []string{"close 1000"}},
		{"5.4: a continuation of nothing", []byte{wsLast}, []string{broken}},
		{"5.4: a continuation of nothing that is not final", []byte{wsMore}, []string{broken}},
		{"5.4: a continuation of what is over", cat(masked(wsTextPart, `{"type":`), masked(wsLast, `"PING"}`), []byte{wsLast}), []string{gotPong, broken}},
		{"5.4: text inside a message", cat(masked(wsTextPart, "{"), []byte{wsText}), []string{broken}},
		{"5.4: binary data inside a message", cat(masked(wsTextPart, "{"), []byte{wsBinary}), []string{broken}},
		{"5.4: another first fragment inside a message", cat(masked(wsBinPart, "{"), []byte{wsBinPart}), []string{broken}},
		{"5.5: a ping over 125 bytes", []byte{wsPing, 0xfe}, []string{broken}},
		{"5.5: a pong over 125 bytes", []byte{wsPong, 0xff}, []string{broken}},
		{"5.5: a close frame over 125 bytes", []byte{wsClose, 0xfe}, []string{broken}},
		{"5.5: a ping in fragments", []byte{wsPingPart}, []string{broken}},
		{"5.5: a close frame in fragments", []byte{wsClosed}, []string{broken}},
		{"5.5.2: a ping is answered with its payload", masked(wsPing, strings.Repeat("p", 125)), []string{"pong " + strings.Repeat("p", 125)}},
		{"5.5.2: an empty ping is answered", masked(wsPing, ""), []string{"pong "}},
		{"5.5.3: a ping's payload need not be text", masked(wsPing, "\xff\x00"), []string{"pong \xff\x00"}},
		{"5.5.3: a pong that nobody asked for", cat(masked(wsPong, "x"), masked(wsText, pingMessage)), []string{gotPong}},
		{"5.6: an empty message is a message", masked(wsText, ""), []string{notJSON}},
		{"5.6: an empty message in fragments is one", cat(masked(wsTextPart, ""), masked(wsLast, "")), []string{notJSON}},
		{"5.6: binary data", masked(wsBinary, "{}"), []string{isBinary, binaryClosed}},
		{"5.6: binary data that is empty", masked(wsBinary, ""), []string{isBinary, binaryClosed}},
		{"5.6: binary data in fragments", cat(masked(wsBinPart, "\xff"), masked(wsLast, "")), []string{isBinary, binaryClosed}},
		{"10.4: a message over the limit, at its header", length64(wsText, 65_537), []string{tooLarge}},
		{"10.4: 2^63-1 bytes", length64(wsBinary, 1<<63-1), []string{tooLarge}},
		{"10.4: 2^63-1 bytes more", cat(masked(wsTextPart, "{"), length64(wsLast, 1<<63-1)), []string{tooLarge}},
		{"10.4: a fragment over the limit, at its header", cat(masked(wsTextPart, "{"), length64(wsMore, 65_536)), []string{tooLarge}},
		{"10.4: fragments without an end", cat(masked(wsTextPart, ""), bytes.Repeat(masked(wsMore, ""), 10_000)), []string{tooLarge}},
	}
}

func closingRules() (rules []exchange) {
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		rules = append(rules, exchange{fmt.Sprint("5.5.1: a close with ", code, " is answered"), masked(wsClose, coded(code, "")), []string{fmt.Sprint("close ", code)}})
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535} {
		rules = append(rules, exchange{fmt.Sprint("7.4: a close with ", code), masked(wsClose, coded(code, "")), []string{broken}})
	}
	return append(rules, []exchange{
		{"5.5.1: a close without a code is answered without one", masked(wsClose, ""), []string{"close"}},
		{"5.5.1: a close with a reason", masked(wsClose, coded(1000, "schön war's")), []string{"close 1000"}},
		{"5.5.1: a close with the longest reason", masked(wsClose, coded(1000, strings.Repeat("x", 123))), []string{"close 1000"}},
		{"5.5.1: a close of one byte", []byte{wsClose, 0x81}, []string{broken}},
		{"5.5.1: what follows a close frame is not looked at", cat(masked(wsClose, coded(1000, "")), masked(wsText, pingMessage), masked(wsPing, "")), []string{"close 1000"}},
		{"5.5.1: a second close frame is not answered", cat(masked(wsClose, coded(1000, "")), masked(wsClose, coded(1001, ""))), []string{"close 1000"}},
		{"5.5.1: nonsense after a close frame is not answered", cat(masked(wsClose, coded(1000, "")), []byte{0xff, 0xff}), []string{"close 1000"}},
		{"5.5.1: what follows the server's close frame is not looked at", cat(masked(wsBinary, ""), masked(wsText, pingMessage), masked(wsPing, "")), []string{isBinary, binaryClosed}},
		{"7.1.7: what follows an error is not looked at", cat([]byte{0xc1, 0x80, 0, 0, 0, 0}, masked(wsText, pingMessage), masked(wsClose, coded(1000, ""))), []string{broken}},
		{"8.1: text that is not UTF-8", masked(wsText, "{\"type\":\"\xff\"}"), []string{notUTF8, badText}},
		{"8.1: text that ends inside a character", masked(wsText, "\"\xe2\x82"), []string{notUTF8, badText}},
		{"8.1: a surrogate", masked(wsText, "\"\xed\xa0\x80\""), []string{notUTF8, badText}},
		{"8.1: a character in two fragments", cat(masked(wsTextPart, "{\"type\":\"PING\",\"x\":\"\xe2"), masked(wsLast, "\x82\xac\"}")), []string{gotPong}},
		{"8.1: at the fragment, not at the end", masked(wsTextPart, "\"\xf4\x90"), []string{notUTF8, badText}},
		{"8.1: at the second fragment", cat(masked(wsTextPart, "\"\xe2\x82"), masked(wsMore, "x")), []string{notUTF8, badText}},
		{"8.1: inside a frame, not at its end", masked(wsText, "\"\xff"+strings.Repeat("x", 100))[:20], []string{notUTF8, badText}},
		{"8.1: a reason that is not UTF-8", masked(wsClose, coded(1000, "\xff")), []string{badText}},
		{"8.1: binary data need not be", masked(wsBinary, "\xff"), []string{isBinary, binaryClosed}},
	}...)
}

// TestSections5To8 sends the input of each rule, answers the server's close frame if the server has
// begun to close, and fails unless the socket ends.
func TestSections5To8(t *testing.T) {
	withoutReplies(t, nil, func(t *testing.T, s *running) {
		for n, test := range slices.Concat(framingRules(), closingRules()) {
			c := s.raw(fmt.Sprint("rfc-room-", n))
			s.keepPrivate(fmt.Sprint("rfc-room-", n))
			go func() { _, _ = c.Write(test.send) }()
			var got []string
			for range test.want {
				got = append(got, c.next())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: got %.200q, want %.200q", test.rule, got, test.want)
				_ = c.Close()
				continue
			}
			if last := got[len(got)-1]; !strings.HasPrefix(last, "close") {
				c.write(masked(wsClose, coded(1000, "")))
				if got := c.next(); got != "close 1000" {
					t.Errorf("%s: the client's close frame is answered by %q", test.rule, got)
				}
			} else {
				_, _ = c.Write(masked(wsClose, coded(1000, "")))
			}
			c.over(test.rule)
			_ = c.Close()
		}
		servertest.Eventually(t, "all connections are over", func() bool { return s.metrics.Connections.Load() == 0 })
	})
}
