package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

func TestEveryFormOfAddressLeadsToTheRoom(t *testing.T) {
	s := serve(t, nil)
	ann := s.open("address-1", "ann")
	ann.create()
	for i, path := range []string{
		"/ws?roomId=address-1",
		"/ws?roomId=older-room?roomId=address-1",
		"/ws?roomId=a-older?roomId=b-older?roomId=address-1",
		"/ws?roomId=older-room&roomId=address-1",
		"/ws?x=1&roomId=address-1&y=2",
		"/ws?roomId=address%2D1",
		"/rooms/address-1/ws",
		"/rooms/address-1/ws?roomId=ignored",
	} {
		s.openAt(path, "address-1", fmt.Sprint("bob-", i)).join()
		ann.expect("USER_JOINED")
	}
}

// upgradeHeaders are the headers of a valid handshake.
func upgradeHeaders(further ...string) []string {
	return append([]string{
		"Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, further...)
}

func without(lines []string, name string) (kept []string) {
	for _, line := range lines {
		if !strings.HasPrefix(line, name) {
			kept = append(kept, line)
		}
	}
	return kept
}

func TestBadHandshakesGetJSONErrors(t *testing.T) {
	s := serve(t, func(c *Config) { c.AllowOrigins = []string{"https://a.test"} })
	good := upgradeHeaders("Origin: https://a.test")
	for _, test := range []struct {
		path    string
		headers []string
		code    protocol.Code
	}{
		{"/ws", good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=", good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=short", good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=" + strings.Repeat("x", 51), good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=with%20space", good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=good-room?roomId=x", good, protocol.CodeInvalidRoomID},
		{"/ws?myroomId=good-room", good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=%zz", good, protocol.CodeInvalidRoomID},
		{"/rooms/short/ws", good, protocol.CodeInvalidRoomID},
		{"/ws?roomId=good-room", []string{"Origin: https://a.test"}, protocol.CodeUpgradeRequired},
		{"/ws?roomId=good-room", without(good, "Upgrade"), protocol.CodeUpgradeRequired},
		{"/ws?roomId=good-room", append(without(good, "Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"), protocol.CodeUpgradeRequired},
		{"/ws?roomId=good-room", without(good, "Sec-WebSocket-Key"), protocol.CodeUpgradeRequired},
		{"/ws?roomId=good-room", append(without(good, "Sec-WebSocket-Key"), "Sec-WebSocket-Key: c2hvcnQ="), protocol.CodeUpgradeRequired},
		{"/rooms/good-room/ws", append(without(good, "Origin"), "Origin: https://b.test"), protocol.CodeOriginNotAllowed},
	} {
		response, body := s.ask("GET", test.path, test.headers...)
		if test.code == protocol.CodeOriginNotAllowed {
			response.Header.Set("Access-Control-Allow-Origin", "none") // rightly missing
		}
		servertest.WantError(t, response, body, test.code)
	}
	if n := len(s.rooms.InMemory()); n != 0 {
		t.Errorf("%d rooms are kept", n)
	}
}

func TestHandshakeResponseHasCORSAndARequestID(t *testing.T) {
	s := serve(t, nil)
	response, _ := s.ask("GET", "/ws?roomId=cors-room", upgradeHeaders("Origin: https://a.test")...)
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Access-Control-Allow-Origin") != "*" || response.Header.Get("X-Request-Id") == "" {
		t.Errorf("%v", response)
	}
	servertest.Eventually(t, "the connection ends with its body", func() bool { return s.metrics.Connections.Load() == 0 })
}

func TestRoomCanBeLookedAtBeforeJoining(t *testing.T) {
	s := serve(t, nil)
	s.keepPrivate("lookat-1", "lookat-2")
	response, body := s.ask("GET", "/rooms/lookat-1")
	servertest.WantError(t, response, body, protocol.CodeRoomNotFound)
	s.pair("lookat-1")
	for _, method := range []string{"GET", "HEAD"} {
		response, body := s.ask(method, "/rooms/lookat-1")
		const want = `{"id":"lookat-1","name":"Room lookat-1","controlMode":"HOST_ONLY","people":2,"entry":"OPEN","hasPasscode":false}` + "\n"
		if response.StatusCode != 200 || response.ContentLength != int64(len(want)) || method == "GET" && body != want {
			t.Errorf("%s: %d %s", method, response.StatusCode, body)
		}
	}
	response, body = s.ask("GET", "/rooms/lookat-2")
	servertest.WantError(t, response, body, protocol.CodeRoomNotFound)
	response, body = s.ask("GET", "/rooms/x")
	servertest.WantError(t, response, body, protocol.CodeInvalidRoomID)
	response, body = s.ask("POST", "/rooms/lookat-1")
	servertest.WantError(t, response, body, protocol.CodeMethodNotAllowed)
	if n := len(s.rooms.InMemory()); n != 1 {
		t.Errorf("looking left %d rooms in memory", n)
	}
}

// The first frames may arrive in the handshake's segment, with the next ones right behind.
func TestClientIsHeardFromItsFirstByteOn(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		s := serve(t, func(c *Config) {
			if tls {
				c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
			}
		})
		for i := range 50 {
			id := fmt.Sprint("first-byte-", i)
			s.keepPrivate(id)
			create := masked(0x81, fmt.Sprintf(`{"type":"CREATE_ROOM","roomId":%q,"userId":"ann","userName":"Ann"}`, id))
			rename := masked(0x81, fmt.Sprintf(`{"type":"RENAME_ROOM","roomId":%q,"userId":"ann","newRoomName":"named"}`, id))
			cut := len(create) * i / 50
			c := s.dial(0)
			go func() { // right behind, before the response to the handshake is read
				_, _ = c.Write(append([]byte("GET /ws?roomId="+id+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
					"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), create[:cut]...))
				_, _ = c.Write(create[cut:])
				_, _ = c.Write(rename)
			}()
			response, err := http.ReadResponse(c.r, nil)
			if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(response, err)
			}
			s.keepPrivate(c.token())
			c.hear(`"ROOM_RENAMED"`)
			c.write(closeFrame(1000))
			if code := c.closeCode(); code != 1000 {
				t.Errorf("closed with %d", code)
			}
		}
	}
}
