package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/servertest"
)

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// onBothTransports tests a server on plain TCP, which a poller reads, and one with TLS.
func onBothTransports(t *testing.T, change func(*Config), test func(*testing.T, *running)) {
	t.Helper()
	onBothSetUp(t, func(s *setup) {
		if change != nil {
			change(s.Config)
		}
	}, test)
}

// onBothSetUp is onBothTransports with more to set.
func onBothSetUp(t *testing.T, change func(*setup), test func(*testing.T, *running)) {
	t.Helper()
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[tls], func(t *testing.T) {
			test(t, launchSetUp(t, t.TempDir(), func(s *setup) {
				change(s)
				if tls {
					s.TLSCert, s.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			}))
		})
	}
}

// rawConn is a socket with hand-made frames, for frames that no WebSocket library sends.
type rawConn struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial opens a TCP or TLS connection to the server. If receiveBytes is not 0, the connection is a
// slow one.
func (r *running) dial(receiveBytes int) *rawConn {
	r.t.Helper()
	socket, err := net.Dial("tcp", r.address())
	if err != nil {
		r.t.Fatal(err)
	}
	if receiveBytes > 0 {
		_ = socket.(*net.TCPConn).SetReadBuffer(receiveBytes)
	}
	if r.certs != nil {
		socket = tls.Client(socket, insecure())
	}
	r.t.Cleanup(func() { _ = socket.Close() })
	_ = socket.SetDeadline(time.Now().Add(servertest.Patience))
	return &rawConn{Conn: socket, t: r.t, r: bufio.NewReader(socket)}
}

// raw opens a WebSocket by hand. early goes out with the handshake, in one write.
func (r *running) raw(roomID string, early ...byte) *rawConn { return r.dial(0).upgrade(roomID, early) }

func (c *rawConn) upgrade(roomID string, early []byte, headers ...string) *rawConn {
	c.t.Helper()
	c.write(append([]byte("GET /ws?roomId="+roomID+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		strings.Join(append(headers, "\r\n"), "\r\n")), early...))
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		c.t.Fatalf("handshake: %v", response)
	}
	return c
}

func (c *rawConn) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// say sends a text frame.
func (c *rawConn) say(kind, roomID, userID, fields string) {
	c.t.Helper()
	c.write(masked(0x81, fmt.Sprintf(`{"type":%q,"roomId":%q,"userId":%q,"userName":%q%s}`, kind, roomID, userID, userID, fields)))
}

// masked returns a client's frame with the given first byte: FIN, RSV and opcode (RFC 6455, section
// 5.2).
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func closeFrame(code protocol.CloseCode) []byte {
	return masked(0x88, string(binary.BigEndian.AppendUint16(nil, uint16(code))))
}

// read returns one frame from the server.
func (c *rawConn) read() (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	size := uint64(head[1])
	if size >= 126 {
		var long [8]byte
		wide := long[:2]
		if size == 127 {
			wide = long[:]
		}
		if _, err := io.ReadFull(c.r, wide); err != nil {
			return 0, nil, err
		}
		if size = binary.BigEndian.Uint64(long[:]); len(wide) == 2 {
			size = uint64(binary.BigEndian.Uint16(wide))
		}
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(c.r, payload)
	return head[0], payload, err
}

// hear skips frames until one contains the text.
func (c *rawConn) hear(text string) []byte {
	c.t.Helper()
	for {
		_, payload, err := c.read()
		if err != nil {
			c.t.Fatalf("no %s: %v", text, err)
		}
		if bytes.Contains(payload, []byte(text)) {
			return payload
		}
	}
}

// closeCode skips frames up to the close frame and returns its code, or 1006 if the socket ends
// without one.
func (c *rawConn) closeCode() protocol.CloseCode {
	c.t.Helper()
	for {
		first, payload, err := c.read()
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			c.t.Fatal("neither a close frame nor an end")
		}
		switch {
		case err != nil:
			return 1006
		case first == 0x88 && len(payload) >= 2:
			return protocol.CloseCode(binary.BigEndian.Uint16(payload))
		case first == 0x88:
			return 1005
		}
	}
}

// ended waits for the end of the socket; no further frame may come before it.
func (c *rawConn) ended() {
	c.t.Helper()
	first, payload, err := c.read()
	if err == nil {
		c.t.Fatalf("after the close frame comes %#x %q", first, payload)
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		c.t.Fatal("the socket is left open")
	}
}

// token skips frames up to a join reply and returns its resume token.
func (c *rawConn) token() string {
	c.t.Helper()
	var h heard
	if err := json.Unmarshal(c.hear(`"resumeToken"`), &h); err != nil {
		c.t.Fatal(err)
	}
	return h.ResumeToken
}

func later() time.Time { return time.Now().Add(24 * time.Hour) }
