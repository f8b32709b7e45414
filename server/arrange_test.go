package server

import (
	"encoding/json"
	"strings"
	"testing"

	"usher/protocol"
)

// A program chooses the door, how long the room stays, and whether it hides addresses; the passcode
// is hashed before the room exists.
func TestARoomIsCreatedWithItsDoor(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	body := `{"roomId":"room-1","waitMs":60000,"keepMs":3600000,"iceTransportPolicy":"relay","door":{"passcode":"sesame","maxPeople":3,"listed":true}}`
	var created struct {
		AwaitedUntil, CreatedAt, KeepMs int64
		OwnerToken                      string
	}
	if err := json.Unmarshal([]byte(p.ok(201, "rooms", "POST", "/rooms", body)), &created); err != nil {
		t.Fatal(err)
	}
	p.keepPrivate("sesame", created.OwnerToken)
	if created.KeepMs != 3600000 || created.OwnerToken == "" || created.AwaitedUntil != created.CreatedAt+3600000 {
		t.Errorf("%+v", created)
	}
	text := p.ok(200, "read", "GET", "/rooms/room-1", "")
	for _, part := range []string{`"hasPasscode":true`, `"maxPeople":3`, `"listed":true`, `"relayOnly":true`, `"keepMs":3600000`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	ann := p.openAt("/ws?roomId=room-1", "room-1", "ann")
	for passcode, code := range map[string]protocol.Code{"": protocol.CodePasscodeRequired, `,"passcode":"wrong one"`: protocol.CodeWrongPasscode} {
		ann.say("JOIN_ROOM", `"userName":"Ann","protocol":1`+passcode)
		ann.refused(code)
	}
	bob := p.openAt("/ws?roomId=room-1", "room-1", "bob")
	bob.say("JOIN_ROOM", `"userName":"Bob","protocol":1,"passcode":"sesame"`)
	bob.expect("ROOM_JOINED")
	cem := p.openAt("/ws?roomId=room-1", "room-1", "cem")
	cem.say("JOIN_ROOM", `"userName":"Cem","protocol":1,"passcode":"sesame","ownerToken":"`+created.OwnerToken+`"`)
	if got := cem.expect("ROOM_JOINED"); got.RoomState.HostID != "cem" {
		t.Errorf("the host is %s", got.RoomState.HostID)
	}
}

func TestABadDoorIsRefused(t *testing.T) {
	t.Parallel()
	p := servePrograms(t)
	for body, field := range map[string]string{
		`{"keepMs":-1}`: "keepMs", `{"keepMs":31536000001}`: "keepMs", `{"iceTransportPolicy":"direct"}`: "iceTransportPolicy",
		`{"door":{"entry":"AJAR"}}`: "door.entry", `{"door":{"passcode":"abc"}}`: "door.passcode", `{"door":{"passcode":"ab\u0000cd"}}`: "door.passcode",
		`{"door":{"passcode":"` + strings.Repeat("x", 129) + `"}}`: "door.passcode",
		`{"door":{"maxPeople":-1}}`:                                "door.maxPeople", `{"door":{"maxPeople":100000}}`: "door.maxPeople",
		// What the room refuses, and what is no such body.
		`{"door":{"maxPeople":51}}`: "", `{"door":{"colour":1}}`: "", `{"door":[]}`: "", `{"keepMs":1.5}`: "", `{"keepMs":"1"}`: "",
	} {
		status, text := p.call("rooms", "POST", "/rooms", body)
		if status != 400 || !strings.Contains(text, `"code":"INVALID_MESSAGE"`) || !strings.Contains(text, field) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if rooms := p.ok(200, "read", "GET", "/rooms", ""); !strings.Contains(rooms, `"total":0`) {
		t.Error("a room was made:", rooms)
	}
}

// A server that keeps no rooms makes one that ends as usual.
func TestAServerThatKeepsNoRoomsGivesNoOwnerToken(t *testing.T) {
	t.Parallel()
	o := serveAccounts(t, func(c *Config) { c.Room.MaxKeepMs = 0 })
	response, text := o.post("/rooms", o.apiKey, `{"keepMs":3600000}`)
	if response.StatusCode != 201 || strings.Contains(text, "ownerToken") || strings.Contains(text, "keepMs") {
		t.Error(response.StatusCode, text)
	}
}
