package report

import (
	"encoding/json"
	"testing"

	"usher/protocol"
	"usher/room"
)

// What programs of operators read stays as it is.
func TestEventsAsJSON(t *testing.T) {
	for want, o := range map[string]room.Occurrence{
		`{"type":"user.joined","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":2,"userId":"bob","userName":"Bob","role":"GUEST"}}`: {
			Kind: room.UserJoined, UserID: "bob", Name: "Bob", People: 2,
		},
		`{"type":"room.created","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":0,"roomName":"Film","controlMode":"HOST_ONLY","actor":{"operator":true}}}`: {
			Kind: room.RoomCreated, Name: "Film", ByOperator: true,
		},
		`{"type":"user.kicked","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":2,"userId":"bob","actor":{"userId":"ann","role":"HOST"}}}`: {
			Kind: room.UserKicked, UserID: "bob", ActorID: "ann", ActorRole: protocol.Host, People: 2,
		},
		`{"type":"room.host_changed","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":1,"userId":"bob","previousHostId":"ann","reason":"succeeded"}}`: {
			Kind: room.HostChanged, UserID: "bob", PreviousID: "ann", Reason: room.ReasonSucceeded, People: 1,
		},
		`{"type":"user.role_changed","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":2,"userId":"bob","role":"COHOST","previousRole":"GUEST"}}`: {
			Kind: room.RoleChanged, UserID: "bob", Role: protocol.Cohost, PreviousRole: protocol.Guest, People: 2,
		},
		`{"type":"room.door_changed","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":2,"door":{"entry":"KNOCK","hasPasscode":false,"maxPeople":5,"listed":false}}}`: {
			Kind: room.DoorChanged, Door: protocol.Door{Entry: protocol.EntryKnock, MaxPeople: 5}, People: 2,
		},
		`{"type":"room.emptied","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":0,"endsAt":"2100-01-01T00:00:01Z"}}`: {
			Kind: room.RoomEmptied, UntilMs: 4_102_444_801_000,
		},
		`{"type":"user.disconnected","timestamp":"2100-01-01T00:00:00.001Z","data":{"roomId":"film","people":2,"userId":"bob","reason":"lost","closeCode":1006}}`: {
			Kind: room.UserDisconnected, UserID: "bob", Reason: room.ReasonLost, Code: 1006, People: 2,
		},
	} {
		o.AtMs = 4_102_444_800_001
		got, err := json.Marshal(New("film", &o))
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}
