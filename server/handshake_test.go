package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

// goodHandshake is a client's opening handshake, line by line (RFC 6455, section 4.1).
func goodHandshake(target string) []string {
	return []string{
		"GET " + target + " HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}
}

// with replaces the line that begins as each of these does, or adds the line.
func with(lines []string, others ...string) []string {
	var changed []string
	for _, other := range others {
		name, _, isHeader := strings.Cut(other, ":")
		found := false
		for i, line := range lines {
			if isHeader && strings.HasPrefix(line, name+":") || !isHeader && i == 0 {
				changed, found = append(changed, other), true
			} else {
				changed = append(changed, line)
			}
		}
		if !found {
			changed = append(changed, other)
		}
		lines, changed = changed, nil
	}
	return lines
}

// handshake sends the lines and what follows them, and returns the response.
func (c *rawConn) handshake(lines []string, then ...byte) *http.Response {
	c.t.Helper()
	c.write(append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), then...))
	method, _, _ := strings.Cut(lines[0], " ")
	response, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("%q: %v", lines, err)
	}
	return response
}

// handshakeRules test sections 4.1 to 4.4: what is a handshake, and what is not.
func handshakeRules(path string) []handshakeRule {
	good := goodHandshake(path)
	return []handshakeRule{
		{"4.1: a good one", good, 101, ""},
		{"4.2.1: names and values in any case", with(without(without(good, "Connection"), "Upgrade"), "CONNECTION: uPGRADE", "upgrade: WebSocket"), 101, ""},
		{"4.2.1: Upgrade among other tokens", with(good, "Connection: keep-alive, Upgrade"), 101, ""},
		{"4.2.1: websocket among other protocols", with(good, "Upgrade: h2c, websocket"), 101, ""},
		{"4.2.1: spaces around values", with(good, "Sec-WebSocket-Key:   dGhlIHNhbXBsZSBub25jZQ==  ", "Sec-WebSocket-Version:  13 "), 101, ""},
		{"4.2.1: GET only: HEAD", with(good, "HEAD "+path+" HTTP/1.1"), 405, ""},
		{"4.2.1: GET only: POST", with(good, "POST "+path+" HTTP/1.1"), 405, ""},
		{"4.2.1: GET only: PUT", with(good, "PUT "+path+" HTTP/1.1"), 405, ""},
		{"4.2.1: HTTP/1.1 at least", with(good, "GET "+path+" HTTP/1.0"), 426, "HTTP/1.1"},
		{"4.2.1: a Host", without(good, "Host"), 400, ""},
		{"4.2.1: an Upgrade", without(good, "Upgrade"), 426, ""},
		{"4.2.1: an Upgrade to websocket", with(good, "Upgrade: websockets"), 426, ""},
		{"4.2.1: a Connection", without(good, "Connection"), 426, ""},
		{"4.2.1: a Connection with Upgrade", with(good, "Connection: keep-alive"), 426, ""},
		{"4.2.1: a key", without(good, "Sec-WebSocket-Key"), 426, "one Sec-WebSocket-Key"},
		{"4.2.1: a key of 16 bytes", with(good, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 426, "16 bytes"},
		{"4.2.1: a key of no more", with(good, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSB4"), 426, "16 bytes"},
		{"4.2.1: a key that is not empty", with(good, "Sec-WebSocket-Key:"), 426, "16 bytes"},
		{"11.3.1: one key", append(good, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 426, "one Sec-WebSocket-Key"},
		{"11.3.1: one key, whatever the other", append(good, "Sec-WebSocket-Key:"), 426, "one Sec-WebSocket-Key"},
		{"4.2.1: a version", without(good, "Sec-WebSocket-Version"), 426, "Version"},
		{"4.4: version 13 only: 8", with(good, "Sec-WebSocket-Version: 8"), 426, "Version"},
		{"4.4: version 13 only: 14", with(good, "Sec-WebSocket-Version: 14"), 426, "Version"},
		{"4.4: version 13 only: 013", with(good, "Sec-WebSocket-Version: 013"), 426, "Version"},
		{"11.3.5: one version", append(good, "Sec-WebSocket-Version: 13"), 426, "Version"},
		{"11.3.5: one version in the line", with(good, "Sec-WebSocket-Version: 13, 8"), 426, "Version"},
		{"no body: with a length", append(good, "Content-Length: 6"), 426, "body"},
		{"no body: in chunks", append(good, "Transfer-Encoding: chunked"), 426, "body"},
		{"a length of 0 is no body", append(good, "Content-Length: 0"), 101, ""},
		{"4.1: an extension may be offered", append(good, "Sec-WebSocket-Extensions: permessage-deflate"), 101, ""},
		{"4.1: a subprotocol may be offered", append(good, "Sec-WebSocket-Protocol: chat"), 101, ""},
		{"/ws/ is /ws", with(good, "GET "+strings.Replace(path, "?", "/?", 1)+" HTTP/1.1"), 101, ""},
		{"/rooms/ROOM/ws/ is /rooms/ROOM/ws", with(good, "GET /rooms/handshake-1/ws/ HTTP/1.1"), 101, ""},
	}
}

type handshakeRule struct {
	rule   string
	lines  []string
	status int
	// details is the text of a refusal.
	details string
}

func TestSection4Handshake(t *testing.T) {
	onBothTransports(t, nil, func(t *testing.T, s *running) {
		s.keepPrivate("handshake-1")
		for _, test := range handshakeRules("/ws?roomId=handshake-1") {
			c := s.dial(0)
			var sent []byte
			if strings.HasPrefix(test.rule, "no body") {
				sent = []byte("0\r\n\r\n!") // 6 bytes, or no chunk: net/http waits 10 s for a body
			}
			response := c.handshake(test.lines, sent...)
			body := ""
			if response.StatusCode != 101 {
				text, _ := io.ReadAll(response.Body)
				body = string(text)
			}
			if response.StatusCode != test.status || !strings.Contains(body, test.details) {
				t.Errorf("%s: %d %s", test.rule, response.StatusCode, body)
			} else {
				c.checkResponse(test.rule, response, body)
			}
			_ = c.Close()
		}
	})
}

// checkResponse checks what a response to a handshake must and must not have.
func (c *rawConn) checkResponse(rule string, response *http.Response, body string) {
	c.t.Helper()
	h := response.Header
	switch response.StatusCode {
	case 101: // section 4.2.2
		if h.Get("Upgrade") != "websocket" || h.Get("Connection") != "Upgrade" || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			c.t.Errorf("%s: %v", rule, h)
		}
		// The server supports no extension or subprotocol, so it may agree to none.
		if h["Sec-Websocket-Extensions"] != nil || h["Sec-Websocket-Protocol"] != nil || h["Content-Length"] != nil || h["Transfer-Encoding"] != nil {
			c.t.Errorf("%s: %v", rule, h)
		}
		c.write(masked(0x81, `{"type":"PING"}`))
		c.hear("PONG")
	case 426: // sections 4.2.2 and 4.4, and RFC 9110, section 15.5.22
		if h.Get("Sec-WebSocket-Version") != "13" || h.Get("Upgrade") != "websocket" {
			c.t.Errorf("%s: %v", rule, h)
		}
		servertest.WantError(c.t, response, body, protocol.CodeUpgradeRequired)
	case 405:
		if allow := h.Get("Allow"); allow != "GET, OPTIONS" {
			c.t.Errorf("%s: Allow is %q", rule, allow)
		}
	}
}

// The body of a request is never read as frames, and what follows it is a request.
func TestBytesOfABodyAreNoFrames(t *testing.T) {
	onBothTransports(t, nil, func(t *testing.T, s *running) {
		create := masked(0x81, `{"type":"CREATE_ROOM","roomId":"body-room-1","userId":"ann","userName":"Ann"}`)
		s.keepPrivate("body-room-1")
		for _, headers := range [][]string{
			{fmt.Sprint("Content-Length: ", len(create))},
			{"Transfer-Encoding: chunked"},
		} {
			c := s.dial(0)
			body := create
			if strings.HasPrefix(headers[0], "Transfer") {
				body = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(create), create)
			}
			response := c.handshake(append(goodHandshake("/ws?roomId=body-room-1"), headers...), body...)
			text, _ := io.ReadAll(response.Body)
			servertest.WantError(t, response, string(text), protocol.CodeUpgradeRequired)
			if response.Close {
				c.ended()
				continue
			}
			if response := c.handshake([]string{"GET /rooms/body-room-1 HTTP/1.1", "Host: x"}); response.StatusCode != 404 {
				t.Errorf("with %q the next request is answered by %v", headers, response)
			}
		}
	})
}
