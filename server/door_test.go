package server

import (
	"strings"
	"testing"

	"usher/protocol"
)

// TestAPasscodeOfTenMegabytesIsRefused by its length, before it is read.
func TestAPasscodeOfTenMegabytesIsRefused(t *testing.T) {
	s := launch(t, t.TempDir(), nil)
	c := s.dial(0).upgrade("room-1", nil)
	frame := `{"type":"JOIN_ROOM","roomId":"room-1","userId":"ann","userName":"Ann","protocol":1,"passcode":"` + strings.Repeat("x", 10<<20) + `"}`
	_, _ = c.Write(masked(textFrame, frame)[:4096]) // it may be closed by then
	if code := c.closeCode(); code != protocol.CloseTooLarge {
		t.Errorf("it is closed with %d", code)
	}
}

// TestAPasscodeIsHashedBesideTheRoom: with the real hash, over a socket, and a longer one in the
// next frame is no way past the bound.
func TestAPasscodeIsHashedBesideTheRoom(t *testing.T) {
	s := launch(t, t.TempDir(), nil)
	ann := s.dial(0).upgrade("room-1", nil)
	ann.say("CREATE_ROOM", "room-1", "ann", `,"protocol":1,"door":{"passcode":"open sesame"}`)
	ann.hear(`"type":"ROOM_CREATED"`)
	bob := s.dial(0).upgrade("room-1", nil)
	for _, test := range []struct{ passcode, hears string }{
		{"sesame", `"code":"WRONG_PASSCODE"`},
		{strings.Repeat("x", protocol.MaxPasscodeLength+1), `"code":"INVALID_MESSAGE"`},
		{"open sesame", `"type":"ROOM_JOINED"`},
	} {
		bob.say("JOIN_ROOM", "room-1", "bob", `,"protocol":1,"passcode":"`+test.passcode+`"`)
		bob.hear(test.hears)
	}
}
