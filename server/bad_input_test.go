package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
)

func TestMalformedMessagesAreAnsweredAndTheConnectionGoesOn(t *testing.T) {
	s := serve(t, nil)
	ann, bob := s.pair("malformed-1")
	for _, test := range []struct {
		frame string
		code  protocol.Code
	}{
		{`nonsense`, protocol.CodeInvalidJSON},
		{`[]`, protocol.CodeInvalidJSON},
		{`"PING"`, protocol.CodeInvalidJSON},
		{`{"type":"PING"} {}`, protocol.CodeInvalidJSON},
		{`{"type":"PING","type":"PING"}`, protocol.CodeInvalidJSON},
		{`{"type":"PING"`, protocol.CodeInvalidJSON},
		{strings.Repeat("[", 60_000), protocol.CodeInvalidJSON},
		{strings.Repeat(`{"a":`, 10_000), protocol.CodeInvalidJSON},
		{`{}`, protocol.CodeUnknownType},
		{`{"type":7}`, protocol.CodeUnknownType},
		{`{"type":"ROOM_CREATED"}`, protocol.CodeUnknownType},
		{`{"type":"` + strings.Repeat("X", 60_000) + `"}`, protocol.CodeUnknownType},
		{`{"type":"RENAME_ROOM","roomId":"malformed-1","userId":"ann"}`, protocol.CodeInvalidMessage},
		{`{"type":"WEBRTC_OFFER","roomId":"malformed-1","userId":"ann","targetUserId":"bob","offer":"sdp"}`, protocol.CodeInvalidMessage},
		{`{"type":"RENAME_ROOM","roomId":"x","userId":"ann","newRoomName":"y"}`, protocol.CodeInvalidRoomID},
		{`{"type":"RENAME_ROOM","roomId":"malformed-1","userId":"a b","newRoomName":"y"}`, protocol.CodeInvalidUserID},
		{`{"type":"RENAME_ROOM","roomId":"malformed-1","userId":"ann","newRoomName":" "}`, protocol.CodeInvalidName},
		{`{"type":"RENAME_ROOM","roomId":"malformed-1","userId":"bob","newRoomName":"y"}`, protocol.CodeWrongUser},
		{`{"type":"JOIN_ROOM","roomId":"malformed-1","userId":"carl","userName":"Carl"}`, protocol.CodeAlreadySeated},
	} {
		ann.send(test.frame)
		reply := ann.expect("ERROR")
		if reply.Code != string(test.code) || len(reply.raw) > 400 {
			t.Errorf("%.100q gets %s", test.frame, reply.raw)
		}
	}
	ann.offer("bob", "still here")
	bob.expect("WEBRTC_OFFER")
}

func TestMessageForAnotherRoomClosesWith4001(t *testing.T) {
	s := serve(t, nil)
	ann := s.open("mismatch-1", "ann")
	ann.room = "mismatch-2"
	ann.say("CREATE_ROOM", `"userName":"Ann"`)
	ann.refused(protocol.CodeRoomMismatch)
	ann.closed(protocol.CloseRoomMismatch)
}

// abuses are messages that clients must not send, with the close code that each gets, or 1006 if it
// gets none.
var abuses = map[string]struct {
	send []byte
	code protocol.CloseCode
}{
	"binary":                   {masked(0x82, "{}"), protocol.CloseBinary},
	"invalid UTF-8":            {masked(0x81, "{\"type\":\"PING\xff\"}"), protocol.CloseInvalidUTF8},
	"UTF-8 cut at the end":     {masked(0x81, "\"\xe2\x82"), protocol.CloseInvalidUTF8},
	"frame over the limit":     {masked(0x81, strings.Repeat("x", 16<<10+1))[:20], protocol.CloseTooLarge},
	"fragments over the limit": {slices.Concat(masked(0x01, strings.Repeat("x", 10_000)), masked(0x80, strings.Repeat("x", 10_000))), protocol.CloseTooLarge},
	"frame of 2^63 bytes":      {append([]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 300_000)...), protocol.CloseProtocol},
	"reserved bit 1":           {masked(0xc1, "{}"), protocol.CloseProtocol},
	"reserved bit 3":           {masked(0x91, "{}"), protocol.CloseProtocol},
	"unknown data opcode":      {masked(0x83, "{}"), protocol.CloseProtocol},
	"unknown control opcode":   {masked(0x8b, ""), protocol.CloseProtocol},
	"fragmented ping":          {masked(0x09, ""), protocol.CloseProtocol},
	"ping over 125 bytes":      {masked(0x89, strings.Repeat("x", 126)), protocol.CloseProtocol},
	"text amid fragments":      {slices.Concat(masked(0x01, "{"), masked(0x81, "{}")), protocol.CloseProtocol},
	"endless empty fragments":  {append(masked(0x01, ""), slices.Repeat(masked(0x00, ""), 10_000)...), protocol.CloseTooLarge},
	"endless empty messages":   {slices.Repeat(masked(0x81, ""), 10_000), protocol.CloseRateLimited},
	"close of one byte":        {masked(0x88, "x"), protocol.CloseProtocol},
	"close with 1005":          {closeFrame(1005), protocol.CloseProtocol},
	"messages without a pause": {slices.Repeat(masked(0x81, `{"type":"PING"}`), 400), protocol.CloseRateLimited},
	"nonsense without a pause": {slices.Repeat(masked(0x81, `x`), 400), protocol.CloseRateLimited},
	"pings without a pause":    {slices.Repeat(masked(0x89, ""), 400), protocol.CloseRateLimited},
	"pongs without a pause":    {slices.Repeat(masked(0x8a, ""), 400), protocol.CloseRateLimited},
	"bytes without a pause":    {slices.Repeat(masked(0x81, `{"type":"PING","x":"`+strings.Repeat("x", 15_000)+`"}`), 20), protocol.CloseRateLimited},
}

func TestAbuseIsClosedWithItsCodeAndOtherRoomsGoOn(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[tls], func(t *testing.T) {
			s := serve(t, func(c *Config) {
				c.MaxFrameBytes = 16 << 10
				c.Room.MessagesPerSecond, c.Room.MessageBurst, c.Room.BytesPerSecond, c.Room.ByteBurst = 1, 300, 1<<10, 256<<10
				if tls {
					c.TLSCert, c.TLSKey = writePair(t, t.TempDir(), "usher.test", later())
				}
			})
			ann, bob := s.pair("bystanders")
			var abusers []*rawConn
			n := 0
			for name, abuse := range abuses {
				n++
				c := s.raw(fmt.Sprint("abused-room-", n))
				s.keepPrivate(fmt.Sprint("abused-room-", n))
				go func() { _, _ = c.Write(abuse.send) }()
				if code := c.closeCode(); code != abuse.code {
					t.Errorf("%s: closed with %d, want %d", name, code, abuse.code)
				}
				ann.offer("bob", name)
				if got := bob.expect("WEBRTC_OFFER"); !strings.Contains(got.raw, name) {
					t.Errorf("during %s: %s", name, got.raw)
				}
				_, _ = c.Write(closeFrame(1000)) // our answer
				abusers = append(abusers, c)
			}
			for _, c := range abusers {
				c.ended()
				_ = c.Close()
			}
			servertest.Eventually(t, "the abusers are gone", func() bool { return s.metrics.Connections.Load() == 2 })
		})
	}
}

// A client may ignore the close frame and go on sending: it is still cut off.
func TestClientThatNeverAnswersTheCloseFrameIsCutOff(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	ann, _ := s.pair("unanswered-1")
	silent, loud := s.raw("unanswered-1"), s.raw("unanswered-2")
	for _, c := range []*rawConn{silent, loud} {
		c.write(masked(0x82, "binary"))
		if code := c.closeCode(); code != protocol.CloseBinary {
			t.Fatalf("closed with %d", code)
		}
	}
	for { // until the socket is closed under it
		if _, err := loud.Write(masked(0x89, "still here")); err != nil {
			break
		}
	}
	silent.ended()
	ann.quiet()
}

func TestWebSocketPingIsAnswered(t *testing.T) {
	s := serve(t, nil)
	c := s.raw("ws-ping-1")
	c.write(masked(0x89, "are you there"))
	if first, payload, err := c.read(); err != nil || first != 0x8a || string(payload) != "are you there" {
		t.Errorf("%#x %q %v", first, payload, err)
	}
	for _, code := range []protocol.CloseCode{1000, 1001, 3000, 4999, 1005} {
		c := s.raw("ws-close-1")
		reply := masked(0x88, "")
		if code != 1005 {
			reply = closeFrame(code)
		}
		c.write(reply)
		if got := c.closeCode(); got != code {
			t.Errorf("a close with %d is answered by %d", code, got)
		}
		c.ended()
	}
}

func TestFragmentedMessageIsOneMessage(t *testing.T) {
	s := serve(t, nil)
	c := s.raw("fragments-1")
	c.write(slices.Concat(masked(0x01, `{"type":`), masked(0x89, "amid"), masked(0x00, ``), masked(0x00, `"PI`), masked(0x80, `NG"}`)))
	c.hear("amid")
	c.hear(`"PONG"`)
}
